import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RunError } from "../errors.ts";
import { lockName } from "./path.ts";
import { errorCode } from "./problems.node.ts";
import { isAlive, temporaryName } from "./temporary.node.ts";

// The lock is a file that names its holder. A process that was killed leaves it behind, so the lock of a dead holder
// may be taken over, but by one only of those who find it. Therefore the right to take over the lock with a given id
// is itself a lock, named after that id. Whoever has it looks once more whether the lock still has that id, and only
// then puts its own in place. Should it die in between, its claim is the lock of a dead holder, and treated as such.

interface Holder {
  /** Of this one holding, so that a lock found dead is not confused with the next one. */
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  /** When the lock was taken, as ISO 8601. */
  readonly started: string;
  /** Of the system since it started; process numbers mean nothing after that. Null where it is not known. */
  readonly bootId: string | null;
  /** When the process began, in clock ticks since the boot: tells a reused process number. Null where not known. */
  readonly startTicks: number | null;
}

/** What stands in a lock file that no vaekit wrote to its end: left by a machine that went down. */
const damaged: Holder = { id: "damaged", pid: -1, host: "", started: "", bootId: null, startTicks: null };

/** Makes this process the only holder of a directory's lock; returns what gives it back. */
export async function lockDirectory(location: string): Promise<() => void> {
  return acquire(location, lockName, location);
}

async function acquire(location: string, name: string, what: string): Promise<() => void> {
  const file = join(location, name);
  const own = describeSelf();
  const beside = join(location, temporaryName(lockName));
  try {
    writeFileSync(beside, `${JSON.stringify(own)}\n`, { flag: "wx" });
    for (let vanished = 0; !create(beside, file); ) {
      const holder = await readHolder(file);
      if (!holder) {
        // Given back meanwhile; or, time after time, a name that leads nowhere, such as a symbolic link.
        if (++vanished > 50) throw new RunError(`${file}: is there and cannot be read; remove it`);
        await sleep(5);
        continue;
      }
      if (holds(holder)) throw new RunError(refusal(what, join(location, lockName), holder));
      const giveBackClaim = await acquire(location, `${name === lockName ? `.${lockName}` : name}.${holder.id}`, what);
      try {
        if ((await readHolder(file))?.id !== holder.id) continue; // another was faster
        renameSync(beside, file);
        break;
      } finally {
        giveBackClaim();
      }
    }
  } finally {
    rmSync(beside, { force: true });
  }
  return () => {
    if (parse(readText(file))?.id === own.id) rmSync(file, { force: true });
  };
}

/** Puts the file `beside` in place as `file`, unless there is one: false. */
function create(beside: string, file: string): boolean {
  try {
    linkSync(beside, file); // appears with its content, or not at all
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "ENOSYS", "EOPNOTSUPP", "EMLINK"].includes(errorCode(error) ?? "")) throw error;
  }
  // A file system without hard links. The file is empty for a moment, for which readHolder waits.
  try {
    writeFileSync(file, readFileSync(beside), { flag: "wx" });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Who holds the lock; undefined when there is none. */
async function readHolder(file: string): Promise<Holder | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const text = readText(file);
    if (text === undefined) return undefined;
    const holder = parse(text);
    if (holder) return holder;
    await sleep(100);
  }
  return damaged;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function parse(text: string | undefined): Holder | undefined {
  try {
    const holder = JSON.parse(text ?? "") as Partial<Holder> | null;
    // The id becomes part of a file's name.
    const sound = /^[\w-]{1,64}$/.test(String(holder?.id)) && Number.isSafeInteger(holder?.pid) && holder!.pid! > 0;
    return sound ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the holder still lives. What cannot be known, as on another machine, counts as living. */
function holds(holder: Holder): boolean {
  if (holder.id === damaged.id) return false;
  if (holder.host !== hostname()) return true;
  const boot = bootId();
  if (holder.bootId !== null && boot !== null && holder.bootId !== boot) return false;
  if (!isAlive(holder.pid)) return false;
  const seen = processStat(holder.pid);
  if (seen?.ended) return false;
  return holder.startTicks === null || seen === null || holder.startTicks === seen.startTicks;
}

function refusal(what: string, lock: string, { pid, host, started }: Holder): string {
  const writing = `${what} is being written by`;
  if (host !== hostname()) {
    return (
      `${writing} process ${pid} on ${host} (started ${started}); wait for it or stop it, ` +
      `and if it is gone, remove ${lock}`
    );
  }
  if (pid === process.pid) return `${writing} this process (since ${started}); wait for it or stop it`;
  return `${writing} process ${pid} (started ${started}); wait for it or stop it`;
}

function describeSelf(): Holder {
  const { pid } = process;
  const started = new Date().toISOString();
  return {
    id: randomUUID(),
    pid,
    host: hostname(),
    started,
    bootId: bootId(),
    startTicks: processStat(pid)?.startTicks ?? null,
  };
}

/** Linux names each start of the system; elsewhere null. */
function bootId(): string | null {
  return readProc("/proc/sys/kernel/random/boot_id")?.trim() ?? null;
}

interface ProcessStat {
  readonly startTicks: number;
  /** A process that has ended keeps its number until its parent takes notice, which some never do. */
  readonly ended: boolean;
}

/** Fields 3 and 22 of /proc/PID/stat (proc(5)); null where there is no such file. */
function processStat(pid: number): ProcessStat | null {
  const stat = readProc(`/proc/${pid}/stat`);
  // Field 2 is the program's name in parentheses, which may hold anything, so count from the last ")".
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  const startTicks = Number(fields[19]);
  return Number.isFinite(startTicks) ? { startTicks, ended: /^[ZXx]$/.test(fields[0]!) } : null;
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
