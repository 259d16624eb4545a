import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { threadId } from "node:worker_threads";

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

/** Removes the temporary files that dead processes left in a directory and its folders. */
export async function removeLeftovers(directory: string): Promise<void> {
  for (const path of await readdir(directory, { recursive: true })) {
    const writer = pattern.exec(basename(path))?.[1];
    if (writer !== undefined && !isAlive(Number(writer))) await rm(join(directory, path), { force: true });
  }
}
