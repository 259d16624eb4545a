import * as z from "zod/mini";
import { type Config, parseConfig } from "../config.ts";
import { RunError, VaekitError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { checkShape, readJson } from "./json-file.ts";
import { type RunRecord, recordFile } from "./record.ts";

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

/**
 * Undefined where the run has none.
 * @throws RunError naming the field that is wrong
 */
export async function readRecord(storage: Storage): Promise<RunRecord | undefined> {
  if (!(await storage.exists(recordFile))) return undefined;
  const name = `${storage.location}/${recordFile}`;
  const mend = "correct the file, or remove it: without it only the DATA must be named again";
  const value = readJson(new TextDecoder().decode(await storage.read(recordFile)), name, mend);
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
