import { totalmem } from "node:os";

/** Memory that this process may use: the machine's, or less in a container. */
export function machineBytes(): number {
  const limit = process.constrainedMemory(); // 0 where there is none
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
