import { cpuBackend } from "../../src/runtime/ort.node.ts";
import { memoryStorage } from "../../src/storage/memory.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { type MetricsRow, readMetrics } from "../../src/train/metrics.ts";
import { trainRun } from "../../src/train/run.ts";
import { type Row, splitsOf } from "./row.ts";

/* For the table of models: trains a row in Node, as `vaekit train` does, and leaves the run in memory. */

export interface LearnOptions {
  readonly seed?: number;
  /** Where an earlier call left the run, which is gone on with. */
  readonly resume?: Storage;
  /** Stops after the step of which it says so, with a checkpoint. */
  readonly until?: (step: MetricsRow) => boolean;
}

/** What one step, which is an epoch too, was: everything in the metrics but times. */
export type Step = Omit<MetricsRow, "seconds" | "examplesPerSecond">;

export interface Learned {
  readonly storage: Storage;
  readonly steps: readonly Step[];
}

export async function learn(row: Row, { seed, resume, until }: LearnOptions = {}): Promise<Learned> {
  const storage = resume ?? memoryStorage();
  const stop = new AbortController();
  await trainRun(
    {
      config: row.config,
      ...(seed === undefined ? {} : { seed }),
      resume: resume !== undefined,
      signal: stop.signal,
      onProgress: (event) => {
        if (event.kind === "epoch" && until?.(event.row)) stop.abort();
      },
    },
    {
      storage,
      load: () => Promise.resolve(splitsOf(row)),
      source: null,
      backend: () => cpuBackend(1),
      helpers: () => Promise.resolve(undefined),
      platform: "test",
    },
  );
  const metrics = await readMetrics(storage);
  return { storage, steps: metrics.map(({ seconds: _, examplesPerSecond: __, ...step }) => step) };
}
