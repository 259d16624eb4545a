import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { threadId } from "node:worker_threads";
import { lockName } from "./path.ts";

let made = 0;

/** `.NAME.PID-THREAD-COUNTER.tmp`: hidden, used once, and telling whose it is when that process has died. */
export function temporaryName(name: string): string {
  return `.${name.slice(0, 40)}.${process.pid}-${threadId}-${made++}.tmp`;
}

const pattern = /^\..*\.(\d+)-\d+-\d+\.tmp$/;

export function isTemporary(name: string): boolean {
  return pattern.test(name);
}

/** Whether a process of this number runs on this machine. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // sends nothing: asks only
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"; // alive, but another user's
  }
}

/**
 * Removes what dead processes left in a directory and its folders: temporary files, and claims to take over a lock.
 * Only for the holder of the directory's lock, to whom no claim can matter.
 */
export async function removeLeftovers(directory: string): Promise<void> {
  for (const path of await readdir(directory, { recursive: true })) {
    const writer = pattern.exec(basename(path))?.[1];
    const isLeftover = writer === undefined ? path.startsWith(`.${lockName}.`) : !isAlive(Number(writer));
    if (isLeftover) await rm(join(directory, path), { force: true });
  }
}
