import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../src/errors.ts";
import type { MetricsRow } from "../src/train/metrics.ts";
import type { BenchCase } from "./case.ts";
import { buildCommand, mnistConfig, runCommand, writeConfig } from "./command.ts";
import { MNIST, mnist } from "./data.ts";
import { ownTraining } from "./ours.ts";
import { medianInterval, summarize } from "./statistics.ts";
import { timeSteps } from "./training.ts";

const PAIRS = 10;
/** Long enough that checkpoints, one each half minute, are among what is timed. */
const EPOCHS = 40;
const BATCH = 100;

export const cli: BenchCase = {
  name: "cli",
  about: "training throughput of the command line, all included, beside the bare training program in a loop",

  async run({ pairs = PAIRS, length: epochs = EPOCHS, threads, note }) {
    if (epochs < 2) throw new UsageError(`--length: expected at least 2 epochs, got ${epochs}`);
    const { train } = await mnist();
    buildCommand();
    const folder = await mkdtemp(join(tmpdir(), "vaekit-bench-"));
    const bare = await ownTraining(await mnistConfig(), train, threads);
    try {
      const config = await writeConfig(folder, await mnistConfig());
      const steps = Math.ceil(train.count / BATCH);
      bare.nextBatch(); // the one batch of all steps
      await timeSteps(bare, steps, false);
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let pair = 0; pair < pairs; pair++) {
        const run = join(folder, `run-${pair}`);
        const flags = ["--out", run, "--config", config, "--epochs", String(epochs)];
        await runCommand(["train", MNIST, ...flags, ...(threads === undefined ? [] : ["--threads", String(threads)])]);
        const rows = (await readFile(join(run, "metrics.jsonl"), "utf8")).trim().split("\n");
        const [first, last] = [rows[0]!, rows.at(-1)!].map((row) => JSON.parse(row) as MetricsRow);
        ours.push((train.count * (last!.epoch - first!.epoch)) / (last!.seconds - first!.seconds));
        const timed = steps * (epochs - 1);
        theirs.push((BATCH * timed) / (await timeSteps(bare, timed, false)));
        note(`pair ${pair + 1}: ${Math.round(ours.at(-1)!)}, ${Math.round(theirs.at(-1)!)} examples/s`);
      }
      return {
        case: "cli",
        unit: "examples/s",
        results: { "command line": summarize(ours), "bare program": summarize(theirs) },
        ratios: { "bare program": medianInterval(ours.map((rate, i) => rate / theirs[i]!)) },
        pairs,
        about: {
          ratio: "share of the bare program's throughput that the command line reaches, pair by pair",
          "command line": `vaekit train, epochs 2 to ${epochs}: batches, binarization, noise, steps, validation, metrics, checkpoints`,
          "bare program": "forward, backward and Adam on one batch that stays as it is",
        },
      };
    } finally {
      await bare.release();
      await rm(folder, { recursive: true });
    }
  },
};
