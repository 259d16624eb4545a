import type { Config } from "../config.ts";
import type { Storage } from "../storage/storage.ts";

/** What a run was made with, in environment.json: what a figure needs to be made again. */
export interface RunRecord {
  readonly vaekit: string;
  /** "onnxruntime-node 1.30.0" */
  readonly engine: string;
  readonly device: string;
  readonly threads: number;
  /** How many of them each compute a part of a batch. */
  readonly members: number;
  /** In how many parts each of them computed its rows. */
  readonly pieces: number;
  /** The `loweringVersion` of src/graph/lower.ts; 0 in runs of before it was recorded. */
  readonly lowering: number;
  /**
   * Operators that ran on the processor for want of one on the graphics card, and how often each in one run of the
   * objectives' graphs; none where that is not known, or all is done by the processor.
   */
  readonly fallbacks?: Readonly<Record<string, number>> | undefined;
  readonly platform: string;
  readonly seed: number;
  readonly data: {
    /** The DATA that was given, an absolute path or "sprites"; null for data handed over in memory. */
    readonly source: string | null;
    readonly name: string;
    readonly fingerprint: string;
    readonly train: number;
    readonly validation: number;
    readonly test: number;
  };
  readonly started: string;
  /** The config that the run began with, which config.json must not contradict; runs of earlier versions have none. */
  readonly config?: Config | undefined;
}

/** Of the record, in its run. */
export const recordFile = "environment.json";

export async function writeRecord(storage: Storage, record: RunRecord): Promise<void> {
  await storage.write(recordFile, `${JSON.stringify(record, null, 2)}\n`);
}
