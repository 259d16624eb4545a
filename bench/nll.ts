import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { evaluateRun } from "../src/evaluate/evaluate.node.ts";
import { train } from "../src/train/train.node.ts";
import type { BenchCase } from "./case.ts";
import { mnistConfig } from "./command.ts";
import { MNIST, requireMnist } from "./data.ts";
import { summarize } from "./statistics.ts";

const REPEATS = 3;
const IMAGES = 1000;
const SAMPLES = 5000;

export const nll: BenchCase = {
  name: "nll",
  about: `seconds for −log p(x) of ${IMAGES} images (--length) with ${SAMPLES} importance samples, all included`,

  async run({ pairs: repeats = REPEATS, length: examples = IMAGES, threads, note }) {
    requireMnist();
    const folder = await mkdtemp(join(tmpdir(), "vaekit-bench-"));
    try {
      // One step of training: the time does not depend on the weights.
      const run = join(folder, "run");
      const set = ["train.steps=1", 'optimizer.schedule={"kind":"constant"}'];
      await train({ data: MNIST, out: run, config: await mnistConfig(), set, threads });
      const seconds: number[] = [];
      for (let i = 0; i < repeats; i++) {
        const started = performance.now();
        await evaluateRun({ run, split: "test", samples: SAMPLES, examples, threads });
        seconds.push((performance.now() - started) / 1000);
        note(`${seconds.at(-1)!.toFixed(1)} s`);
      }
      return {
        case: "nll",
        unit: "s",
        results: { vaekit: summarize(seconds) },
        ratios: {},
        pairs: repeats,
        about: {
          images: examples,
          samples: SAMPLES,
          included: "reading the data, compiling, the bound of the same images",
        },
      };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};
