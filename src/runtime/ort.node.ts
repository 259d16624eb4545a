import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import type { Backend } from "./backend.ts";
import { ortBackend } from "./ort.ts";

const backends = new Map<number, Promise<Backend>>();

/** ONNX Runtime's CPU provider. `threads` is how many an operator may use (default: one a core). */
export function cpuBackend(threads: number = availableParallelism()): Promise<Backend> {
  let backend = backends.get(threads);
  if (!backend) {
    backend = open(threads);
    backends.set(threads, backend);
  }
  return backend;
}

async function open(threads: number): Promise<Backend> {
  const ort = await import("onnxruntime-node");
  const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };
  return ortBackend(ort, {
    device: "cpu",
    engine: `onnxruntime-node ${version}`,
    threads,
    // Severity 3: errors. Its warnings are about its own graph optimizer.
    sessionOptions: {
      executionProviders: ["cpu"],
      graphOptimizationLevel: "all",
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    },
  });
}
