import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import type * as Ort from "onnxruntime-node";
import { UsageError } from "../errors.ts";
import { lower } from "../graph/lower.ts";
import { encodeSequenceOutput } from "../graph/onnx.ts";
import { neg } from "../graph/ops/arithmetic.ts";
import { input } from "../graph/tensor.ts";
import type { Backend } from "./backend.ts";
import { type NodeDevice, nodeDevices } from "./devices.ts";
import { operatorsOnProcessor, type Profiling } from "./fallbacks.node.ts";
import { concatenated, ortBackend, type StopBeforeCopies } from "./ort.ts";

const backends = new Map<string, Promise<Backend>>();

/** Far more than cores: beyond it, starting threads takes minutes and then the process down. */
const mostThreads = 1024;

/** ONNX Runtime's CPU provider. `threads` is how many an operator may use (default: one a core). */
export function cpuBackend(threads?: number): Promise<Backend> {
  return nodeBackend("cpu", threads);
}

/**
 * @param threads of operators on the processor, where also those run that the graphics card has none for
 * @throws UsageError for a device that is unknown or not there
 */
export function nodeBackend(device: NodeDevice, threads: number = availableParallelism()): Promise<Backend> {
  if (!nodeDevices.includes(device))
    throw new UsageError(`device: expected ${nodeDevices.map((name) => `"${name}"`).join(" or ")}, got "${device}"`);
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > mostThreads)
    throw new UsageError(`threads: expected an integer from 1 to ${mostThreads}, got ${threads}`);
  const key = `${device} ${threads}`;
  let backend = backends.get(key);
  if (!backend) {
    backend = open(device, threads);
    backends.set(key, backend);
    backend.catch(() => backends.delete(key)); // the next call tries again
  }
  return backend;
}

/**
 * onnxruntime-node 1.30 copies every output to a new ArrayBuffer, also an output that was written to the array given for
 * it. For the gradients of a dense VAE that is a third of the step: the copy, the page faults of fresh memory, and a full
 * collection of garbage at every twentieth step. It converts outputs in their order and has no sequences: the first
 * output being one, a run ends in an error once everything is computed and in its place.
 */
const stopOutput = "stop before copies";
const stopBeforeCopies: StopBeforeCopies = {
  output: stopOutput,
  modelPrefix: encodeSequenceOutput(stopOutput),
  message: "Non tensor type is temporarily not supported.",
};

/** Negates one number: to see what the package does. */
const probe = () => lower({ y: neg(input("x", [1])) }).bytes;

/** Whether that is so in the version that is installed: the run must end so, and have written its output. */
async function stopsBeforeCopies(ort: typeof Ort): Promise<boolean> {
  const model = concatenated(stopBeforeCopies.modelPrefix, probe());
  const session = await ort.InferenceSession.create(model, sessionOptions("cpu"));
  const tensor = (value: number) => new ort.Tensor("float32", Float32Array.of(value), [1]);
  const y = tensor(0);
  try {
    await session.run({ x: tensor(1) }, { y, [stopOutput]: null });
    return false;
  } catch (error) {
    return (error as Error).message === stopBeforeCopies.message && y.data[0] === -1;
  } finally {
    await session.release();
  }
}

/** @throws UsageError where there is no graphics card for WebGPU */
async function checkGraphics(ort: typeof Ort): Promise<void> {
  try {
    const session = await ort.InferenceSession.create(probe(), sessionOptions("webgpu"));
    await session.release();
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ").trim();
    throw new UsageError(
      `device: this machine offers no WebGPU (ONNX Runtime says: ${reason}); take device "cpu", or install a driver for Vulkan, Direct3D 12 or Metal`,
      { cause: error },
    );
  }
}

const sessionOptions = (device: NodeDevice) =>
  ({
    executionProviders: [device],
    graphOptimizationLevel: "all",
    interOpNumThreads: 1,
    logSeverityLevel: 3, // errors; its warnings are about its own graph optimizer
  }) as const;

async function open(device: NodeDevice, threads: number): Promise<Backend> {
  const ort = await import("onnxruntime-node");
  const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };
  if (device === "webgpu") await checkGraphics(ort);
  const common = { device, engine: `onnxruntime-node ${version}`, threads };
  const options = sessionOptions(device);
  if (device === "cpu")
    return ortBackend(ort, {
      ...common,
      sessionOptions: options,
      ...((await stopsBeforeCopies(ort)) ? { stopBeforeCopies } : {}),
    });
  const graphics = (profiling?: Profiling): Backend => {
    const backend = ortBackend(ort, {
      ...common,
      sessionOptions: { ...options, ...profiling },
      copiesOutputs: true,
      resident: true,
    });
    return { ...backend, fallbacks: (model, feeds) => operatorsOnProcessor(graphics, model, feeds) };
  };
  return graphics();
}
