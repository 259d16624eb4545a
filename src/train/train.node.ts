import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { applySet, type Config, parseConfig, splitOptions } from "../config.ts";
import type { Splits } from "../data/dataset.ts";
import { loadSplits } from "../data/load.node.ts";
import { RunError } from "../errors.ts";
import { findLikelihood } from "../models/likelihood.ts";
import { type RunRecord, readRecord, writeRecord } from "../models/record.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { directoryStorage } from "../storage/directory.node.ts";
import { version } from "../version.node.ts";
import { checkTrainOptions, type TrainOptions } from "./arguments.ts";
import { threadHelpers } from "./helper.node.ts";
import { machineBytes } from "./memory.node.ts";
import type { Prepared, ProgressEvent } from "./options.ts";
import { adviceOn, prepareTraining } from "./prepare.ts";
import { checkData, isFresh, resumedConfig } from "./resume.node.ts";
import { type TrainResult as ModelResult, trainModel } from "./train.ts";

export type { ProgressEvent, TrainOptions };

export interface TrainResult extends ModelResult {
  readonly run: string;
}

/**
 * Trains a VAE on the user's data and leaves a run directory: config.json, environment.json, metrics.jsonl,
 * checkpoints/ and model/.
 * @throws UsageError for a wrong config or option; RunError for a run that cannot be written to or gone on with, which
 * stays as it was; DataError for data that cannot be read or modelled; NumericalError when training diverges
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  checkTrainOptions(options);
  const run = options.out;
  const storage = directoryStorage(run);
  const fresh = await isFresh(storage, options.resume ?? false);
  // What can be refused is refused before anything is written: a new run's directory appears when training begins.
  const ready = fresh ? await prepare(configOf(options, {}), options) : undefined;
  const unlock = await storage.lock();
  try {
    // While the data were read and checked, which takes its time, another program may have trained here.
    if (fresh && !(await isFresh(storage, options.resume ?? false)))
      throw new RunError(`${run}: another program has begun this run meanwhile; resume it again`);
    const record = fresh ? undefined : await readRecord(storage);
    const change = (stored: unknown) => configOf(options, stored);
    const { config, data, vae } = ready ?? (await prepare(await resumedConfig(storage, record, change), options));
    if (record) checkData(run, record, data);
    // The last bits of a matrix product may depend on how many threads share it.
    const backend = await cpuBackend(options.threads ?? record?.threads);
    const helpers = await threadHelpers();
    const advice = fresh ? adviceOn(config, data) : undefined;
    if (advice) options.onProgress?.({ kind: "note", text: advice });
    const { signal } = options;
    const onProgress = options.resume ? tellingBeginning(options) : options.onProgress;
    const result = await trainModel(
      { data, config, vae, storage, backend, helpers, resume: !fresh, signal, onProgress },
      async ({ members }) => {
        const engine = { ...backend, members };
        if (record) noteChanges(record, engine, options);
        await storage.write("config.json", `${JSON.stringify(config, null, 2)}\n`);
        if (!record) await writeRecord(storage, recordOf(config, data, engine, options));
      },
    );
    return { run, ...result };
  } finally {
    await unlock();
  }
}

/** Reads the data, and refuses what can be refused before the run begins. */
async function prepare(config: Config, options: TrainOptions): Promise<Prepared> {
  findLikelihood(config.model.likelihood.kind);
  const { data: source, signal } = options;
  const data = typeof source === "string" ? await loadSplits(source, { ...splitOptions(config), signal }) : source;
  return prepareTraining(config, data, machineBytes());
}

type Engine = Pick<RunRecord, "engine" | "device" | "threads" | "members">;

function recordOf(config: Config, data: Splits, engine: Engine, options: TrainOptions): RunRecord {
  return {
    vaekit: version,
    engine: engine.engine,
    device: engine.device,
    threads: engine.threads,
    members: engine.members,
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
    config,
  };
}

/** Says what a resumed run does not have in common with its beginning, where that may change its last bits. */
function noteChanges(record: RunRecord, engine: Engine, { onProgress }: TrainOptions): void {
  const now = { ...engine, vaekit: version };
  const changes = (["vaekit", "engine", "device", "threads", "members"] as const).filter(
    (key) => record[key] !== now[key],
  );
  if (changes.length === 0) return;
  const list = changes.map((key) => `${key} ${record[key]} before, ${now[key]} now`).join("; ");
  onProgress?.({ kind: "note", text: `Not as the run began (${list}): its numbers may differ in the last bits.` });
}

/** Where a run was to be resumed and has no checkpoint, says so as it begins. */
function tellingBeginning({ out, onProgress }: TrainOptions): TrainOptions["onProgress"] {
  return (event) => {
    if (event.kind === "start" && event.resumedFrom === undefined)
      onProgress?.({ kind: "note", text: `${out}: has no checkpoint to resume from: training begins anew.` });
    onProgress?.(event);
  };
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

/** A path that still leads to the data when the command is given from elsewhere. */
function sourceOf(data: string): string {
  return existsSync(data) ? resolve(data) : data;
}
