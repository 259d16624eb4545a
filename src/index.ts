/* vaekit's public functions, by task. A table of contents: no logic stands here. */

export { encode } from "./apps/encode.ts";
export { exportOnnx } from "./apps/export.node.ts";
export { generate } from "./apps/generate.ts";
export { interpolate } from "./apps/interpolate.ts";
export { reconstruct } from "./apps/reconstruct.ts";
export { klByDimension, traverse } from "./apps/traverse.ts";
export { applySet, configJsonSchema, parseConfig } from "./config.ts";
// Data and configs.
export { loadSplits } from "./data/load.node.ts";
export { sprites } from "./data/sprites.ts";
// Train, evaluate, report, export a run directory.
export { evaluateRun } from "./evaluate/evaluate.node.ts";
// Use a trained model.
export { openRun as load } from "./models/open.node.ts";
export { writeReport } from "./report/report.node.ts";
export { train } from "./train/train.node.ts";
