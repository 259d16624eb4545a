import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import type * as Ort from "onnxruntime-node";
import { UsageError } from "../errors.ts";
import { lower } from "../graph/lower.ts";
import { encodeSequenceOutput } from "../graph/onnx.ts";
import { neg } from "../graph/ops/arithmetic.ts";
import { input } from "../graph/tensor.ts";
import type { Backend } from "./backend.ts";
import { concatenated, ortBackend, type StopBeforeCopies } from "./ort.ts";

const backends = new Map<number, Promise<Backend>>();

/** Far more than cores: beyond it, starting threads takes minutes and then the process down. */
const mostThreads = 1024;

/** ONNX Runtime's CPU provider. `threads` is how many an operator may use (default: one a core). */
export function cpuBackend(threads: number = availableParallelism()): Promise<Backend> {
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > mostThreads)
    throw new UsageError(`threads: expected an integer from 1 to ${mostThreads}, got ${threads}`);
  let backend = backends.get(threads);
  if (!backend) {
    backend = open(threads);
    backends.set(threads, backend);
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

/** Whether that is so in the version that is installed: the run must end so, and have written its output. */
async function stopsBeforeCopies(ort: typeof Ort): Promise<boolean> {
  const { bytes } = lower({ y: neg(input("x", [1])) });
  const session = await ort.InferenceSession.create(concatenated(stopBeforeCopies.modelPrefix, bytes), sessionOptions);
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

const sessionOptions = {
  executionProviders: ["cpu"],
  graphOptimizationLevel: "all",
  interOpNumThreads: 1,
  logSeverityLevel: 3, // errors; its warnings are about its own graph optimizer
} as const;

async function open(threads: number): Promise<Backend> {
  const ort = await import("onnxruntime-node");
  const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };
  return ortBackend(ort, {
    device: "cpu",
    engine: `onnxruntime-node ${version}`,
    threads,
    sessionOptions,
    ...((await stopsBeforeCopies(ort)) ? { stopBeforeCopies } : {}),
  });
}
