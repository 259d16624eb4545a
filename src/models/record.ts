import { RunError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";

/** What a run was made with, in environment.json: what a figure needs to be made again. */
export interface RunRecord {
  readonly vaekit: string;
  /** "onnxruntime-node 1.30.0" */
  readonly engine: string;
  readonly device: string;
  readonly threads: number;
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
}

const file = "environment.json";

export async function writeRecord(storage: Storage, record: RunRecord): Promise<void> {
  await storage.write(file, `${JSON.stringify(record, null, 2)}\n`);
}

/** Undefined where the run has none. */
export async function readRecord(storage: Storage): Promise<RunRecord | undefined> {
  if (!(await storage.exists(file))) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(await storage.read(file))) as RunRecord;
  } catch (error) {
    throw new RunError(`${storage.location}/${file}: not JSON (${(error as Error).message}); the file is damaged`, {
      cause: error,
    });
  }
}
