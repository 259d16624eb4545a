import * as z from "zod/mini";
import { type Config, parseConfig } from "../config.ts";
import { RunError, VaekitError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { checkShape, readJson } from "./json-file.ts";

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

const count = z.int().check(z.minimum(0));
const text = z.string();
const schema = z.object({
  vaekit: text,
  engine: text,
  device: text,
  threads: z.int().check(z.minimum(1)),
  members: z._default(z.int().check(z.minimum(1)), 1),
  pieces: z._default(z.int().check(z.minimum(1)), 1),
  lowering: z._default(count, 0),
  fallbacks: z.optional(z.catchall(z.object({}), count)),
  platform: text,
  seed: count,
  data: z.object({
    source: z.nullable(text),
    name: text,
    fingerprint: text,
    train: count,
    validation: count,
    test: count,
  }),
  started: text,
  config: z.optional(z.unknown()),
});

const file = "environment.json";

export async function writeRecord(storage: Storage, record: RunRecord): Promise<void> {
  await storage.write(file, `${JSON.stringify(record, null, 2)}\n`);
}

/**
 * Undefined where the run has none.
 * @throws RunError naming the field that is wrong
 */
export async function readRecord(storage: Storage): Promise<RunRecord | undefined> {
  if (!(await storage.exists(file))) return undefined;
  const name = `${storage.location}/${file}`;
  const mend = "correct the file, or remove it: without it only the DATA must be named again";
  const value = readJson(new TextDecoder().decode(await storage.read(file)), name, mend);
  const { config, ...record } = checkShape(value, schema, name, mend);
  return { ...record, config: config === undefined ? undefined : configIn(config, `${name}: config`) };
}

/**
 * The config that stands in a file of a run.
 * @throws RunError, not UsageError: its user gave no wrong option
 */
export function configIn(value: unknown, where: string): Config {
  try {
    return parseConfig(value, where);
  } catch (error) {
    if (error instanceof VaekitError) throw new RunError(error.message, { cause: error });
    throw error;
  }
}
