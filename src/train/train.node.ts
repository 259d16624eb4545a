import { existsSync, readdirSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { applySet, type Config, parseConfig, splitOptions } from "../config.ts";
import type { Splits } from "../data/dataset.ts";
import { loadSplits } from "../data/load.node.ts";
import { RunError, UsageError } from "../errors.ts";
import { findLikelihood } from "../models/likelihood.ts";
import { type RunRecord, readRecord, writeRecord } from "../models/record.ts";
import { buildVae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { directoryStorage } from "../storage/directory.node.ts";
import type { Storage } from "../storage/storage.ts";
import { version } from "../version.node.ts";
import type { TrainOptions as ModelOptions, ProgressEvent } from "./options.ts";
import { type TrainResult as ModelResult, trainModel } from "./train.ts";

export type { ProgressEvent };

export interface TrainOptions {
  /** A file, a folder, "sprites", or data already in memory. */
  readonly data: string | Splits;
  /** The run directory, which is made. */
  readonly out: string;
  /** A config as a user writes it: every key may be left out. */
  readonly config?: unknown;
  /** What messages call the config, such as its file. */
  readonly configName?: string | undefined;
  /** Settings over the config, such as "model.latent=50". */
  readonly set?: readonly string[] | undefined;
  readonly epochs?: number | undefined;
  readonly steps?: number | undefined;
  readonly minutes?: number | undefined;
  readonly seed?: number | undefined;
  /** Goes on from the newest checkpoint of an earlier call with the same `out`. */
  readonly resume?: boolean | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ModelOptions["onProgress"];
}

export interface TrainResult extends ModelResult {
  readonly run: string;
}

/**
 * Trains a VAE on the user's data and leaves a run directory: config.json, environment.json, metrics.jsonl,
 * checkpoints/ and model/.
 * @throws UsageError for a wrong config or a run directory in use; DataError for data that cannot be read or modelled;
 * NumericalError when training diverges
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const run = options.out;
  const fresh = checkRunDirectory(run, options.resume ?? false);
  // What can be refused is refused before anything is written: a new run's directory appears when training begins.
  const ready = fresh ? await prepare(configOf(options, {}), options) : undefined;
  const storage = directoryStorage(run);
  const unlock = await storage.lock();
  try {
    const { config, data } = ready ?? (await prepare(await resumedConfig(storage, options), options));
    const record = fresh ? undefined : await readRecord(storage);
    // The last bits of a matrix product may depend on how many threads share it.
    const backend = await cpuBackend(options.threads ?? record?.threads);
    if (record) noteChanges(record, backend, options);
    await storage.write("config.json", `${JSON.stringify(config, null, 2)}\n`);
    if (!record) await writeRecord(storage, recordOf(config, data, backend, options));
    const { signal, onProgress } = options;
    const result = await trainModel({
      data,
      config,
      storage,
      backend,
      resume: !fresh,
      signal,
      onProgress,
    });
    return { run, ...result };
  } finally {
    await unlock();
  }
}

interface Prepared {
  readonly config: Config;
  readonly data: Splits;
}

/** Reads the data and builds the model once, for the errors of either. */
async function prepare(config: Config, options: TrainOptions): Promise<Prepared> {
  findLikelihood(config.model.likelihood.kind);
  const data = typeof options.data === "string" ? await loadSplits(options.data, splitOptions(config)) : options.data;
  buildVae(config.model, data.train.event);
  return { config, data };
}

function recordOf(config: Config, data: Splits, backend: Backend, options: TrainOptions): RunRecord {
  return {
    vaekit: version,
    engine: backend.engine,
    device: backend.device,
    threads: backend.threads,
    platform: `${process.platform} ${process.arch}, Node ${process.versions.node}`,
    seed: config.train.seed,
    data: {
      source: typeof options.data === "string" ? sourceOf(options.data) : null,
      name: data.train.name,
      fingerprint: data.train.fingerprint,
      train: data.train.count,
      validation: data.validation.count,
      test: data.test.count,
    },
    started: new Date().toISOString(),
  };
}

/** Says what a resumed run does not have in common with its beginning, where that may change its last bits. */
function noteChanges(record: RunRecord, backend: Backend, { onProgress }: TrainOptions): void {
  const changes = (["engine", "device", "threads"] as const).filter((key) => record[key] !== backend[key]);
  if (changes.length === 0) return;
  const list = changes.map((key) => `${key} ${record[key]} before, ${backend[key]} now`).join("; ");
  onProgress?.({ kind: "note", text: `Not as the run began (${list}): its numbers may differ in the last bits.` });
}

/** Whether the run is new. An existing one is only gone on with when asked to. */
function checkRunDirectory(run: string, resume: boolean): boolean {
  if (!existsSync(run)) {
    if (resume) throw new UsageError(`--resume: there is no run at ${run}; leave --resume out to begin one`);
    return true;
  }
  if (!statSync(run).isDirectory()) throw new UsageError(`--out: ${run} is a file; name a directory`);
  const names = readdirSync(run).filter((name) => !name.startsWith(".") && name !== "lock");
  if (resume) {
    if (names.includes("config.json")) return false;
    if (names.length > 0) throw new RunError(`${run}: holds no run that could be resumed (config.json is missing)`);
    return true; // stopped before its config was written: nothing is lost by beginning anew
  }
  if (names.length > 0)
    throw new UsageError(`--out: ${run} exists and is not empty; go on with --resume, or choose another directory`);
  return true;
}

/** Config, settings and options put together, the latter over the former. */
function configOf({ config, configName, set, epochs, steps, minutes, seed }: TrainOptions, base: unknown): Config {
  const settings = [
    ...(set ?? []),
    ...(epochs === undefined ? [] : [`train.epochs=${epochs}`, "train.steps=null"]),
    ...(steps === undefined ? [] : [`train.steps=${steps}`, "train.epochs=null"]),
    ...(minutes === undefined ? [] : [`train.minutes=${minutes}`]),
    ...(seed === undefined ? [] : [`train.seed=${seed}`]),
  ];
  return parseConfig(applySet(config ?? base, settings), configName ?? "config");
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

async function resumedConfig(storage: Storage, options: TrainOptions): Promise<Config> {
  const file = `${storage.location}/config.json`;
  const text = new TextDecoder().decode(await storage.read("config.json"));
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (error) {
    throw new RunError(`${file}: not JSON (${(error as Error).message}); the file is damaged`, { cause: error });
  }
  const before = parseConfig(stored, file);
  const after = configOf(options, stored);
  const changed = differences(before, after, "").filter((key) => !mayChange.has(key));
  if (changed.length > 0)
    throw new UsageError(
      `--resume: ${changed.join(", ")} differ${changed.length === 1 ? "s" : ""} from the run's config.json; a resumed run may change only ${[...mayChange].join(", ")}. Begin a new run for other settings`,
    );
  return after;
}

function differences(a: unknown, b: unknown, path: string): string[] {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null)
    return JSON.stringify(a) === JSON.stringify(b) ? [] : [path];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) =>
    differences(
      (a as Record<string, unknown>)[key],
      (b as Record<string, unknown>)[key],
      path ? `${path}.${key}` : key,
    ),
  );
}

/** A path that still leads to the data when the command is given from elsewhere. */
function sourceOf(data: string): string {
  return existsSync(data) ? resolve(data) : data;
}
