// @ts-check
// Compiles a model's training step, as `vaekit train` does before its first, in a process of its own, and prints the
// seconds of each part. It runs what was built, cold.
// usage: node compile.mjs CONFIG.json EVENT THREADS, where EVENT is such as [28,28]
import { readFileSync } from "node:fs";

const [file = "", event = "", threads] = process.argv.slice(2);
const built = (/** @type {string} */ path) => import(new URL(`../dist/${path}.js`, import.meta.url).href);
const { parseConfig } = /** @type {typeof import("../src/config.ts")} */ (await built("config"));
const { loadParts } = /** @type {typeof import("../src/models/parts.ts")} */ (await built("models/parts"));
const { buildVae } = /** @type {typeof import("../src/models/vae.ts")} */ (await built("models/vae"));
const { batchLoss } = /** @type {typeof import("../src/models/step.ts")} */ (await built("models/step"));
const { outputsOf } = /** @type {typeof import("../src/train/objectives.ts")} */ (await built("train/objectives"));
const { lower } = /** @type {typeof import("../src/graph/lower.ts")} */ (await built("graph/lower"));
const { cpuBackend } = /** @type {typeof import("../src/runtime/ort.node.ts")} */ (await built("runtime/ort.node"));

const { model, objective } = parseConfig(JSON.parse(readFileSync(file, "utf8")), file);
await loadParts(model);
const backend = await cpuBackend(Number(threads)); // ONNX Runtime itself is loaded before

/** @type {Record<string, number>} */
const seconds = {};
let last = performance.now();
const passed = (/** @type {string} */ part) => {
  const now = performance.now();
  seconds[part] = (now - last) / 1000;
  last = now;
};

const vae = buildVae(model, JSON.parse(event));
const loss = batchLoss(vae, objective);
passed("graph");
const tensors = new Map(vae.parameters.map(({ path, tensor }) => [path, tensor]));
const outputs = outputsOf({ name: objective.kind, ...loss, trains: [...tensors.keys()] }, tensors);
passed("gradient");
const lowered = lower(outputs);
passed("lowering");
const executable = await backend.compile(lowered);
passed("onnxruntime");
await executable.release();
console.log(JSON.stringify(seconds));
