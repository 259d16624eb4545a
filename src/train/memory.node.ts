import { availableParallelism, totalmem } from "node:os";
import type { Limits } from "./memory.ts";

/** What a training may use of this machine: its memory, or less in a container, and on the processor the threads asked for. */
export function machineLimits({
  device = "cpu",
  threads = availableParallelism(),
}: {
  readonly device?: string | undefined;
  readonly threads?: number | undefined;
}): Limits {
  const limit = process.constrainedMemory(); // 0 where there is none
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return { bytes, threads: device === "cpu" ? threads : 1 };
}
