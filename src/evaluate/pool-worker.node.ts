import { workerData } from "node:worker_threads";
import type { Config } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { type ConditionColumn, storedConditions } from "../models/conditions.ts";
import { loadParts } from "../models/parts.ts";
import { buildVae } from "../models/vae.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { serveTasks } from "../runtime/task-threads.node.ts";
import type { ScoreOptions } from "./elbo.ts";
import { type LikelihoodScores, likelihoodScorer } from "./likelihood.ts";

/* What a worker of pool.node.ts runs: it estimates −log p(x) of the examples that it is sent, on one thread. */

/** What a worker starts with. */
export interface WorkerModel {
  readonly config: Config["model"];
  readonly event: readonly number[];
  readonly conditions: readonly ConditionColumn[] | undefined;
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly samples: number;
  /** One number, shared: not 0 where what goes on is to be given up. */
  readonly stop: SharedArrayBuffer;
}

/** Some examples of a data set. */
export interface WorkerTask {
  readonly examples: Examples;
  readonly options: Omit<ScoreOptions, "signal">;
}

const { config, event, conditions, weights, samples, stop } = workerData as WorkerModel;
const stopped = new Int32Array(stop);
const signal = {
  throwIfAborted() {
    if (Atomics.load(stopped, 0) !== 0) throw new Error("stopped");
  },
};
await loadParts(config);
const vae = buildVae(config, event, undefined, storedConditions(conditions));
const scorer = await likelihoodScorer(await cpuBackend(1), vae, weights, samples);

serveTasks<WorkerTask, LikelihoodScores>({
  answer: ({ examples, options }) => scorer.score(examples, { ...options, signal }),
  release: () => scorer.release(),
});
