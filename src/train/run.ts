import { applySet, type Config, parseConfig } from "../config.ts";
import type { Splits } from "../data/dataset.ts";
import { RunError, UsageError } from "../errors.ts";
import { loweringVersion } from "../graph/lower.ts";
import { loadObjective } from "../models/objective-table.ts";
import { loadParts } from "../models/parts.ts";
import { type RunRecord, writeRecord } from "../models/record.ts";
import type { Backend } from "../runtime/backend.ts";
import type { Storage } from "../storage/storage.ts";
import { version } from "../version.ts";
import type { Limits } from "./memory.ts";
import type { Prepared, ProgressEvent } from "./options.ts";
import { adviceOn, prepareTraining } from "./prepare.ts";
import type { TrainingProgram } from "./program.ts";
import { isFresh } from "./resume.ts";
import type { Engine } from "./resumed.ts";
import type { Helpers } from "./team.ts";
import { type TrainResult, trainModel } from "./train.ts";

/** How a run is trained, the same wherever it is. */
export interface RunOptions {
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
  /** Goes on from the newest checkpoint of an earlier call for the same run. */
  readonly resume?: boolean | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}

/** Where a run is trained: in Node or in a browser. */
export interface RunPlace {
  readonly storage: Storage;
  load(config: Config): Promise<Splits>;
  /** What the record names as the source of the data; null for data handed over in memory. */
  readonly source: string | null;
  /**
   * @param threads as asked for
   * @param begun with what the run began, which is taken where it is to be had here; undefined for a new run
   */
  backend(threads: number | undefined, begun: RunRecord | undefined): Promise<Backend>;
  helpers(backend: Backend): Promise<Helpers | undefined>;
  /** In words: operating system and engine, for the record. */
  readonly platform: string;
  /** What the training may use, as far as that is known. */
  readonly limits?: Limits | undefined;
}

/**
 * Trains a VAE and leaves a run behind: config.json, environment.json, metrics.jsonl, checkpoints/ and model/.
 * @throws UsageError for a wrong config or option; RunError for a run that cannot be written to or gone on with, which
 * stays as it was; DataError for data that cannot be read or modelled; NumericalError when training diverges
 */
export async function trainRun(options: RunOptions, place: RunPlace): Promise<TrainResult> {
  const { storage } = place;
  const run = storage.location;
  const fresh = await isFresh(storage, options.resume ?? false);
  // What can be refused is refused before anything is written: a new run's directory appears when training begins.
  const ready: Ready | undefined = fresh ? await prepare(whole(configOf(options, {}), place), place) : undefined;
  const opened = fresh ? await place.backend(options.threads, undefined) : undefined;
  const unlock = await storage.lock();
  try {
    // While the data were read and checked, which takes its time, another program may have trained here.
    if (fresh && !(await isFresh(storage, options.resume ?? false)))
      throw new RunError(`${run}: another program has begun this run meanwhile; resume it again`);
    const { config, data, vae, record } = ready ?? (await resumed(options, place));
    // The last bits of a matrix product may depend on how many threads share it.
    const backend = opened ?? (await place.backend(options.threads, record));
    const advice = fresh ? adviceOn(config, data) : undefined;
    if (advice) options.onProgress?.({ kind: "note", text: advice });
    const { signal } = options;
    const onProgress = options.resume ? tellingBeginning(run, options) : options.onProgress;
    return await trainModel(
      {
        data,
        config,
        vae,
        storage,
        backend,
        helpers: await place.helpers(backend),
        resume: !fresh,
        signal,
        onProgress,
      },
      async ({ members, pieces, fallbacks }, nothingLeft) => {
        const engine = { ...backend, members, pieces, lowering: loweringVersion };
        const found = nothingLeft ? undefined : await fallbacksOf(engine, fallbacks, record, options);
        if (record) (await import("./resumed.ts")).noteChanges(record, engine, options.onProgress);
        await storage.write("config.json", `${JSON.stringify(config, null, 2)}\n`);
        if (!record) await writeRecord(storage, recordOf(config, data, { ...engine, fallbacks: found }, place));
      },
    );
  } finally {
    await unlock();
  }
}

/** Refuses what says how a source is split, where the data are split already: it would change nothing. */
function whole(config: Config, { source }: RunPlace): Config {
  const keys = (["validation", "test", "examples", "conditions"] as const).filter((key) => config.data[key] !== null);
  if (source === null && keys.length > 0)
    throw new UsageError(
      keys
        .map((key) =>
          key === "conditions"
            ? "config: data.conditions: is a file beside the data, and these are in memory; hand their numbers over with them, as `numbers`"
            : `config: data.${key}: says how a file is split, and the data given are split already; leave it out`,
        )
        .join("\n"),
    );
  return config;
}

/** What can be trained, and the record of a run that has begun. */
interface Ready extends Prepared {
  readonly record?: RunRecord | undefined;
}

/** Reads the data, and refuses what can be refused before the run begins. */
async function prepare(config: Config, place: RunPlace): Promise<Prepared> {
  await Promise.all([loadParts(config.model), loadObjective(config.objective)]);
  return prepareTraining(config, await place.load(config), place.limits);
}

/** The same of a run that is gone on with. */
async function resumed(options: RunOptions, place: RunPlace): Promise<Ready> {
  const { storage } = place;
  const { checkData, resumedConfig } = await import("./resumed.ts");
  const { config, record } = await resumedConfig(storage, (stored) => configOf(options, stored));
  const ready = await prepare(config, place);
  if (record) checkData(storage.location, record, ready.data);
  return { ...ready, record };
}

function recordOf(
  config: Config,
  data: Splits,
  engine: Engine & Pick<RunRecord, "fallbacks">,
  { platform, source }: RunPlace,
): RunRecord {
  return {
    vaekit: version,
    engine: engine.engine,
    device: engine.device,
    threads: engine.threads,
    members: engine.members,
    pieces: engine.pieces,
    lowering: engine.lowering,
    fallbacks: engine.fallbacks,
    platform,
    seed: config.train.seed,
    data: {
      source,
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

/**
 * Tells which operators run on the processor instead: those of the run's record, where nothing has changed since, or those
 * that are found now. What cannot be found out is no reason not to train.
 */
async function fallbacksOf(
  engine: Engine,
  find: TrainingProgram["fallbacks"],
  record: RunRecord | undefined,
  { onProgress }: RunOptions,
): Promise<RunRecord["fallbacks"]> {
  const note = (text: string) => onProgress?.({ kind: "note", text });
  const same = (["engine", "device", "lowering"] as const).every((key) => record?.[key] === engine[key]);
  const known = same ? record?.fallbacks : undefined;
  const found =
    known ??
    (await find().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      note(`Which operators run on the processor, for want of one on the graphics card, is not known: ${reason}`);
      return undefined;
    }));
  const list = Object.entries(found ?? {}).map(([name, count]) => `${name} (${count})`);
  if (list.length > 0) note(`on the processor, for want of an operator on the graphics card: ${list.join(", ")}`);
  return found;
}

/** Where a run was to be resumed and has no checkpoint, says so as it begins. */
function tellingBeginning(run: string, { onProgress }: RunOptions): RunOptions["onProgress"] {
  return (event) => {
    if (event.kind === "start" && event.resumedFrom === undefined)
      onProgress?.({ kind: "note", text: `${run}: has no checkpoint to resume from: training begins anew.` });
    onProgress?.(event);
  };
}

/** Config, settings and options put together, the latter over the former. */
function configOf({ config, configName, set, epochs, steps, minutes, seed }: RunOptions, base: unknown): Config {
  const settings = [
    ...(set ?? []),
    ...(epochs === undefined ? [] : [`train.epochs=${epochs}`, "train.steps=null"]),
    ...(steps === undefined ? [] : [`train.steps=${steps}`, "train.epochs=null"]),
    ...(minutes === undefined ? [] : [`train.minutes=${minutes}`]),
    ...(seed === undefined ? [] : [`train.seed=${seed}`]),
  ];
  return parseConfig(applySet(config ?? base, settings), configName ?? "config");
}
