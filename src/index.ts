/* vaekit's public functions, by task. A table of contents: no logic stands here. */

/* Data and configs. */

export { configJsonSchema } from "./config.json-schema.ts";
export { applySet, type Config, type PartialConfig, parseConfig } from "./config.ts";
export type { Dataset, Examples, SplitOptions, Splits } from "./data/dataset.ts";
export { fingerprinted } from "./data/fingerprint.ts";
export { loadSplits } from "./data/load.node.ts";
export { splitShuffled } from "./data/split.ts";
export { sprites } from "./data/sprites.ts";

/* Train, evaluate, report, export a run directory. */

export { type ExportOptions, type ExportResult, exportOnnx } from "./apps/export.node.ts";
export { type EvaluateRunOptions, evaluateRun, type RunEvaluation } from "./evaluate/evaluate.node.ts";
export type { Figure } from "./evaluate/figures.ts";
export { type ReportOptions, writeReport } from "./report/report.node.ts";
export { type ProgressEvent, type TrainOptions, type TrainResult, train } from "./train/train.node.ts";

/* Use a trained model. */

export { encode } from "./apps/encode.ts";
export { type FitSamplerOptions, fitSampler } from "./apps/fit-sampler.node.ts";
export type { FitProgress, FittedSampler } from "./apps/fit-sampler.ts";
export { type GenerateOptions, generate, type Images } from "./apps/generate.ts";
export { type InterpolateOptions, interpolate } from "./apps/interpolate.ts";
export { type Reconstructions, reconstruct } from "./apps/reconstruct.ts";
export { type TraverseOptions, traverse } from "./apps/traverse.ts";
export type { ConditionColumn, Conditions, Given } from "./models/conditions.ts";
export type { Inference, Posteriors } from "./models/inference.ts";
export { type OpenRun, openRun as load } from "./models/open.node.ts";

/* Parts of one's own: a likelihood, on these distributions, layers and operators. */

export { bernoulli } from "./distributions/bernoulli.ts";
export type { Distribution } from "./distributions/distribution.ts";
export { normal } from "./distributions/normal.ts";
export { softplus } from "./graph/ops/activation.ts";
export {
  abs,
  add,
  clip,
  div,
  maximum,
  minimum,
  mul,
  neg,
  sign,
  sqrt,
  square,
  sub,
} from "./graph/ops/arithmetic.ts";
export { exp, log, sigmoid, tanh } from "./graph/ops/functions.ts";
export { expand, reshape } from "./graph/ops/structure.ts";
export type { Shape } from "./graph/shape.ts";
export { constant, type Tensor } from "./graph/tensor.ts";
export { type LikelihoodContext, type LikelihoodPart, registerLikelihood } from "./models/registry.ts";
export { dense } from "./nn/dense.ts";
export type { Head, HeadOptions } from "./nn/networks.ts";
export type { Initializer, Scope } from "./nn/parameters.ts";

/* The errors that a caller may meet. */

export { DataError, NumericalError, RunError, ShapeError, UsageError, VaekitError } from "./errors.ts";
