import { type Examples, take } from "../data/dataset.ts";
import { RunError } from "../errors.ts";
import type { PortableModel } from "../models/portable.ts";
import { isBuiltIn } from "../models/registry.ts";
import { startTaskThread, type TaskThread } from "../runtime/task-threads.node.ts";
import { workerFile } from "../runtime/worker-file.node.ts";
import {
  type EstimateLikelihood,
  examplesAtOnce,
  type LikelihoodOptions,
  type LikelihoodScores,
} from "./likelihood.ts";
import type { WorkerModel, WorkerTask } from "./pool-worker.node.ts";

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
  const { config, event, conditions } = description;
  const atOnce = examplesAtOnce(samples);
  const taskSize = atOnce * Math.ceil(fewExamples / atOnce); // cut as one thread would
  const count = Math.min(workers, Math.ceil(examples / taskSize));
  if (!file || count < 2 || examples * samples < leastSamples || !isBuiltIn(config.model.likelihood.kind)) return;
  return async (data, options) => {
    options.signal?.throwIfAborted();
    const stop = new SharedArrayBuffer(4);
    const model: WorkerModel = { config: config.model, event, conditions, weights, samples, stop };
    const pool = Array.from({ length: count }, () =>
      startTaskThread<WorkerTask, LikelihoodScores>(file, model, failed),
    );
    try {
      return await distribute(pool, data, taskSize, options);
    } finally {
      Atomics.store(new Int32Array(stop), 0, 1);
      await Promise.all(pool.map((thread) => thread.end()));
    }
  };
}

const failed = (problem: string, cause?: Error) =>
  new RunError(`the evaluation failed in a worker: ${problem}`, { cause });

/** Hands out the examples, a few at a time, to whichever thread is free. */
async function distribute(
  pool: readonly TaskThread<WorkerTask, LikelihoodScores>[],
  data: Examples,
  taskSize: number,
  { binarization, seed, purpose, signal, onProgress }: LikelihoodOptions,
): Promise<LikelihoodScores> {
  const scores = { nllNats: new Float64Array(data.count), effectiveSampleSize: new Float64Array(data.count) };
  let next = 0;
  let done = 0;
  const employ = async (thread: (typeof pool)[number]) => {
    while (next < data.count) {
      const from = next;
      next = Math.min(from + taskSize, data.count);
      const rows = Uint32Array.from({ length: next - from }, (_, i) => from + i);
      const part = await thread.perform({ examples: take(data, rows), options: { binarization, seed, purpose } });
      scores.nllNats.set(part.nllNats, from);
      scores.effectiveSampleSize.set(part.effectiveSampleSize, from);
      done += rows.length;
      onProgress?.(done, data.count);
    }
  };
  let stop: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal!.reason);
    signal?.addEventListener("abort", stop);
  });
  try {
    await Promise.race([stopped, Promise.all(pool.map(employ))]);
  } finally {
    next = data.count; // nothing more is handed out
    signal?.removeEventListener("abort", stop!);
  }
  return scores;
}
