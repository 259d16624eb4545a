import { Worker } from "node:worker_threads";
import { type Examples, take } from "../data/dataset.ts";
import { RunError } from "../errors.ts";
import type { PortableModel } from "../models/portable.ts";
import { isBuiltIn } from "../models/registry.ts";
import { workerFile } from "../runtime/worker-file.node.ts";
import {
  type EstimateLikelihood,
  examplesAtOnce,
  type LikelihoodOptions,
  type LikelihoodScores,
} from "./likelihood.ts";
import type { WorkerMessage, WorkerModel, WorkerReply, WorkerTask } from "./pool-worker.node.ts";

/** Fewer samples in all are drawn sooner than workers have started. */
const leastSamples = 200_000;
/** Examples of one task are about so many: few, so that all workers end at about the same time. */
const fewExamples = 8;

/**
 * Estimates −log p(x) in several workers with one thread each, which keeps every core at work: the matrices of one
 * example are too small to be divided. Undefined where that would not pay, or cannot be done: a likelihood that the user
 * registered is not known to a worker. The figures are those of one thread, to the bit.
 */
export function pooledLikelihood(
  { description, weights }: PortableModel,
  workers: number,
  examples: number,
  samples: number,
): EstimateLikelihood | undefined {
  const file = workerFile(import.meta.url, "evaluate/pool-worker.node");
  const { config, event } = description;
  const atOnce = examplesAtOnce(samples);
  const taskSize = atOnce * Math.ceil(fewExamples / atOnce); // cut as one thread would
  const count = Math.min(workers, Math.ceil(examples / taskSize));
  if (!file || count < 2 || examples * samples < leastSamples || !isBuiltIn(config.model.likelihood.kind)) return;
  return async (data, options) => {
    options.signal?.throwIfAborted();
    const stop = new SharedArrayBuffer(4);
    const model: WorkerModel = { config: config.model, event, weights, samples, stop };
    const pool = Array.from({ length: count }, () => new Worker(file, { workerData: model, execArgv: [] }));
    const ends = pool.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
    try {
      return await distribute(pool, data, taskSize, options);
    } finally {
      // Not terminate(): a thread that is stopped within ONNX Runtime takes the process with it.
      Atomics.store(new Int32Array(stop), 0, 1);
      for (const worker of pool) worker.postMessage("end" satisfies WorkerMessage);
      await Promise.all(ends);
    }
  };
}

/** Hands out the examples, a few at a time, to whichever worker is free. */
async function distribute(
  pool: readonly Worker[],
  data: Examples,
  taskSize: number,
  { binarization, seed, purpose, signal, onProgress }: LikelihoodOptions,
): Promise<LikelihoodScores> {
  const scores = { nllNats: new Float64Array(data.count), effectiveSampleSize: new Float64Array(data.count) };
  let next = 0;
  let done = 0;
  const hand = (worker: Worker) => {
    if (next >= data.count) return;
    const from = next;
    next = Math.min(from + taskSize, data.count);
    const rows = Uint32Array.from({ length: next - from }, (_, i) => from + i);
    const task: WorkerTask = { from, examples: take(data, rows), options: { binarization, seed, purpose } };
    worker.postMessage(task);
  };
  const received = ({ from, scores: part }: WorkerReply) => {
    scores.nllNats.set(part.nllNats, from);
    scores.effectiveSampleSize.set(part.effectiveSampleSize, from);
    done += part.nllNats.length;
    onProgress?.(done, data.count);
  };
  let stop: (() => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      stop = () => reject(signal!.reason);
      signal?.addEventListener("abort", stop);
      const failed = (problem: string, cause?: Error) =>
        reject(new RunError(`the evaluation failed in a worker: ${problem}`, { cause }));
      for (const worker of pool) {
        worker.on("error", (error) => failed(error.message, error));
        worker.on("exit", (code) => failed(`it ended with exit code ${code}`));
        worker.on("message", (reply: WorkerReply) => {
          try {
            received(reply);
          } catch (error) {
            return reject(error); // the caller's onProgress
          }
          if (done < data.count) hand(worker);
          else resolve();
        });
      }
      for (const worker of pool) hand(worker);
    });
  } finally {
    signal?.removeEventListener("abort", stop!);
  }
  return scores;
}
