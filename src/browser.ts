/* vaekit's public functions for a browser, by task. A table of contents: no logic stands here. */

/* Data and configs. */

export { sprites } from "./apps/later.web.ts";
export { applySet, type Config, type PartialConfig, parseConfig } from "./config.ts";
export type { Dataset, Examples, SplitOptions, Splits } from "./data/dataset.ts";
export { fingerprinted } from "./data/fingerprint.ts";
export { readIdx } from "./data/idx.web.ts";
export { splitShuffled } from "./data/split.ts";

/* Train, in a worker. Runs lie in the browser's private file system, and have the files of a run directory. */

export { listRuns, readRun, removeRun, writeRun } from "./apps/later.web.ts";
export type { RunFiles } from "./storage/transfer.web.ts";
export type { ProgressEvent } from "./train/options.ts";
export type { TabTrainOptions as TrainOptions } from "./train/tab-messages.ts";
export { type TabTrainResult as TrainResult, train } from "./train/train.web.ts";

/* Use a trained model. */

export type { GenerateOptions, Images } from "./apps/generate.ts";
export type { InterpolateOptions } from "./apps/interpolate.ts";
export { encode, generate, interpolate, load, reconstruct, traverse } from "./apps/later.web.ts";
export type { Reconstructions } from "./apps/reconstruct.ts";
export type { TraverseOptions } from "./apps/traverse.ts";
export type { ConditionColumn, Conditions, Given } from "./models/conditions.ts";
export type { Inference, Posteriors } from "./models/inference.ts";
export type { OpenRun } from "./models/open.web.ts";
export type { WebDevice } from "./runtime/devices.ts";
export type { WebOptions } from "./runtime/ort.web.ts";

/* The errors that a caller may meet. */

export { DataError, NumericalError, RunError, ShapeError, UsageError, VaekitError } from "./errors.ts";
