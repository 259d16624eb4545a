import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { splitOptions } from "../config.ts";
import { loadSplits } from "../data/load.node.ts";
import { RunError, UsageError } from "../errors.ts";
import { nodeDevices } from "../runtime/devices.ts";
import { nodeBackend } from "../runtime/ort.node.ts";
import { directoryStorage, kindOfPlace } from "../storage/directory.node.ts";
import { checkTrainOptions, type TrainOptions } from "./arguments.ts";
import { threadHelpers } from "./helper.node.ts";
import { machineLimits } from "./memory.node.ts";
import type { ProgressEvent } from "./options.ts";
import { trainRun } from "./run.ts";
import type { TrainResult as ModelResult } from "./train.ts";

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
  const { data, out: run, signal } = options;
  const kind = await kindOfPlace(run);
  if (kind === "file") throw new UsageError(`--out: ${run} is a file; name a directory`);
  if (kind === "none" && options.resume)
    throw new RunError(`--resume: there is no run at ${run}; leave --resume out to begin one`);
  const result = await trainRun(options, {
    storage: directoryStorage(run),
    load: async (config) =>
      typeof data === "string" ? await loadSplits(data, { ...splitOptions(config), signal }) : data,
    source: typeof data === "string" ? sourceOf(data) : null,
    backend: (threads, begun) => {
      const here = begun?.engine.startsWith("onnxruntime-node") ? begun : undefined;
      const device = options.device ?? nodeDevices.find((known) => known === here?.device) ?? "cpu";
      return nodeBackend(device, threads ?? here?.threads);
    },
    helpers: ({ device }) => (device === "cpu" ? threadHelpers() : Promise.resolve(undefined)),
    platform: `${process.platform} ${process.arch}, Node ${process.versions.node}`,
    limits: machineLimits(options),
  });
  return { run, ...result };
}

/** A path that still leads to the data when the command is given from elsewhere. */
function sourceOf(data: string): string {
  return existsSync(data) ? resolve(data) : data;
}
