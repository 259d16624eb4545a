import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchCase } from "./case.ts";
import { buildCommand, runCommand, writeConfig } from "./command.ts";
import { MNIST, requireMnist } from "./data.ts";
import { summarize } from "./statistics.ts";

const REPEATS = 3;
const EPOCHS = 2;

export const memory: BenchCase = {
  name: "memory",
  about: `peak resident memory of vaekit train on MNIST, ${EPOCHS} epochs (--length)`,

  async run({ pairs: repeats = REPEATS, length: epochs = EPOCHS, threads, note }) {
    requireMnist();
    buildCommand();
    const folder = await mkdtemp(join(tmpdir(), "vaekit-bench-"));
    try {
      const config = await writeConfig(folder);
      const peaks: number[] = [];
      for (let i = 0; i < repeats; i++) {
        const flags = ["--out", join(folder, `run-${i}`), "--config", config, "--epochs", String(epochs)];
        const bytes = await runCommand([
          "train",
          MNIST,
          ...flags,
          ...(threads === undefined ? [] : ["--threads", String(threads)]),
        ]);
        peaks.push(bytes / 1e6);
        note(`${peaks.at(-1)!.toFixed(0)} MB`);
      }
      return {
        case: "memory",
        unit: "MB",
        results: { vaekit: summarize(peaks) },
        ratios: {},
        pairs: repeats,
        about: { measured: "largest resident set of the process, 10⁶ bytes", epochs },
      };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};
