import type { Config } from "../config.ts";
import type { Splits } from "../data/dataset.ts";
import { RunError, UsageError } from "../errors.ts";
import { readJson } from "../models/json-file.ts";
import { configIn, readRecord } from "../models/read-record.ts";
import type { RunRecord } from "../models/record.ts";
import { isRecord, show } from "../show.ts";
import type { Storage } from "../storage/storage.ts";
import { version } from "../version.ts";
import type { ProgressEvent } from "./options.ts";

/*
 * Whether an earlier run may be gone on with, and what has changed since. Nothing here writes: a run that is refused stays
 * as it was.
 */

/** Refuses data that are not those the run began with. */
export function checkData(run: string, { data: { fingerprint, source } }: RunRecord, { train }: Splits): void {
  if (fingerprint === train.fingerprint) return;
  throw new RunError(
    `${run}: the run was trained on other data (fingerprint ${fingerprint}, this is ${train.fingerprint}); resume with the data it began with${source === null ? "" : `, ${source}`}`,
  );
}

/** What may change when a run is resumed: how long it goes on, and the learning rate, which may have been too high. */
const mayChange = new Set([
  "train.epochs",
  "train.steps",
  "train.minutes",
  "train.patience",
  "train.checkpointSeconds",
  "optimizer.learningRate",
]);

/**
 * The record of a resumed run, undefined where it has none, and its config: config.json with the options over it, which
 * `change` applies.
 * @throws RunError where config.json was changed since the run began, UsageError where the options change it
 */
export async function resumedConfig(
  storage: Storage,
  change: (config: unknown) => Config,
): Promise<{ readonly config: Config; readonly record: RunRecord | undefined }> {
  const record = await readRecord(storage);
  const file = `${storage.location}/config.json`;
  const mend = "the file is damaged; begin a new run in another directory";
  const stored = readJson(new TextDecoder().decode(await storage.read("config.json")), file, mend);
  const before = configIn(stored, file);
  const rule = `a resumed run may change only ${[...mayChange].join(", ")}`;

  const edited = changes(record?.config ?? before, before);
  if (edited.length > 0)
    throw new RunError(
      `${edited.map(({ key, was, is }) => `${file}: ${key} is ${is}, the run began with ${was}`).join("\n")}; put it back, or begin a new run for other settings: ${rule}`,
    );
  const after = change(stored);
  const changed = changes(before, after);
  if (changed.length > 0)
    throw new UsageError(
      `--resume: ${changed.map(({ key, was, is }) => `${key} is ${was} in the run and ${is} in the options`).join(", ")}; ${rule}. Begin a new run for other settings`,
    );
  return { config: after, record };
}

interface Change {
  readonly key: string;
  readonly was: string;
  readonly is: string;
}

/** What differs between two configs and may not change. */
function changes(before: unknown, after: unknown, key = ""): Change[] {
  if (isRecord(before) && isRecord(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) => changes(before[name], after[name], key ? `${key}.${name}` : name));
  }
  if (mayChange.has(key) || JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ key, was: show(before), is: show(after) }];
}

/** What the last bits of a run's numbers may depend on. */
const engineKeys = ["engine", "device", "threads", "members", "pieces", "lowering"] as const;
export type Engine = Pick<RunRecord, (typeof engineKeys)[number]>;

/** Says what a resumed run does not have in common with its beginning, where that may change its last bits. */
export function noteChanges(
  record: RunRecord,
  engine: Engine,
  onProgress: ((event: ProgressEvent) => void) | undefined,
): void {
  const now = { ...engine, vaekit: version };
  const changes = (["vaekit", ...engineKeys] as const).filter((key) => record[key] !== now[key]);
  if (changes.length === 0) return;
  const list = changes.map((key) => `${key} ${record[key]} before, ${now[key]} now`).join("; ");
  onProgress?.({ kind: "note", text: `Not as the run began (${list}): its numbers may differ in the last bits.` });
}
