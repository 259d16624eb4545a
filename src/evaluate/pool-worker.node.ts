import { parentPort, workerData } from "node:worker_threads";
import type { Config } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { buildVae } from "../models/vae.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import type { ScoreOptions } from "./elbo.ts";
import { type LikelihoodScores, likelihoodScorer } from "./likelihood.ts";

/* What a worker of pool.node.ts runs: it estimates −log p(x) of the examples that it is sent, on one thread. */

/** What a worker starts with. */
export interface WorkerModel {
  readonly config: Config["model"];
  readonly event: readonly number[];
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly samples: number;
  /** One number, shared: not 0 where what goes on is to be given up. */
  readonly stop: SharedArrayBuffer;
}

/** A task, or the end. */
export type WorkerMessage = WorkerTask | "end";

export interface WorkerTask {
  /** Where the examples begin in their data set. */
  readonly from: number;
  readonly examples: Examples;
  readonly options: Omit<ScoreOptions, "signal">;
}

export interface WorkerReply {
  readonly from: number;
  readonly scores: LikelihoodScores;
}

const { config, event, weights, samples, stop } = workerData as WorkerModel;
const stopped = new Int32Array(stop);
const signal = {
  throwIfAborted() {
    if (Atomics.load(stopped, 0) !== 0) throw new Error("stopped");
  },
};
const scorer = await likelihoodScorer(await cpuBackend(1), buildVae(config, event), weights, samples);
let last: Promise<unknown> = Promise.resolve();

async function answer({ from, examples, options }: WorkerTask): Promise<void> {
  const reply: WorkerReply = { from, scores: await scorer.score(examples, { ...options, signal }) };
  parentPort!.postMessage(reply);
}

parentPort!.on("message", async (message: WorkerMessage) => {
  if (message !== "end") {
    last = answer(message);
    return last; // an error ends the worker, and is told
  }
  await last.catch(() => {}); // nothing is released while it is in use
  await scorer.release();
  parentPort!.close();
});
