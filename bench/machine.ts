import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, totalmem, type } from "node:os";

/** What a figure was taken on: what its speed depends on, and nothing that names the machine or its owner. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly node: string;
  readonly onnxruntime: string;
}

export function thisMachine(): Machine {
  const ort = createRequire(import.meta.url)("onnxruntime-node/package.json") as { readonly version: string };
  return {
    cpu: (cpus()[0]?.model ?? "unknown").trim(),
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    os: `${operatingSystem()}, ${process.arch}`,
    node: process.versions.node,
    onnxruntime: ort.version,
  };
}

/** "Debian GNU/Linux 12 (bookworm)" where the system says so, else "Linux", "Darwin", "Windows_NT". */
function operatingSystem(): string {
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? type();
  } catch {
    return type();
  }
}

export function describeMachine({ cpu, cores, memoryGiB, os, node, onnxruntime }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${os}, Node ${node}, ONNX Runtime ${onnxruntime}`;
}
