import { type ChildProcess, fork, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { RunError } from "../errors.ts";
import { directoryStorage } from "./directory.node.ts";

let root = "";
let script = "";
let children: ChildProcess[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "vaekit-lock-"));
  script = join(root, "child.mjs");
  buildSync({
    stdin: {
      contents: `
        import { directoryStorage } from "./directory.node.ts";
        let release;
        process.on("message", async (path) => {
          if (path === undefined || path === null) {
            await release?.();
            release = undefined;
            process.send("released");
            return;
          }
          try {
            release = await directoryStorage(path).lock();
            process.send("locked");
          } catch (error) {
            process.send(error.name + ": " + error.message);
          }
        });
        process.send("ready");`,
      resolveDir: fileURLToPath(new URL(".", import.meta.url)),
    },
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: script,
  });
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(root, { recursive: true, force: true });
});

async function start(): Promise<ChildProcess> {
  const child = fork(script);
  children.push(child);
  expect(await answer(child)).toBe("ready");
  return child;
}

function answer(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => child.once("message", (message) => resolve(String(message))));
}

/** Tells a child to lock a directory, or with null to give the lock back; its answer. */
function tell(child: ChildProcess, path: string | null): Promise<string> {
  const answered = answer(child);
  child.send(path as string);
  return answered;
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
  children = children.filter((other) => other !== child);
}

let directories = 0;

function directory(files: Readonly<Record<string, string>> = {}): string {
  const path = join(root, `run${directories++}`);
  mkdirSync(path);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

/** A lock held by this process, changed. */
async function lockFile(change: object): Promise<string> {
  const path = directory();
  const release = await directoryStorage(path).lock();
  const holder = JSON.parse(readFileSync(join(path, "lock"), "utf8")) as object;
  await release();
  return JSON.stringify({ ...holder, ...change });
}

/** A process number that is not in use: that of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = await start();
  await end(child);
  return child.pid!;
}

test("a second process is refused until the first gives the lock back or dies", async () => {
  const path = directory();
  const [first, second] = [await start(), await start()];
  expect(await tell(first, path)).toBe("locked");
  expect(await tell(second, path)).toMatch(
    new RegExp(
      `^RunError: ${path} is being written by process ${first.pid} \\(started \\d{4}-.*Z\\); wait for it or stop it$`,
    ),
  );
  expect(await tell(first, null)).toBe("released");
  expect(await tell(second, path)).toBe("locked");
  await end(second);
  expect(existsSync(join(path, "lock"))).toBe(true);
  expect(await tell(first, path)).toBe("locked");
  expect(await tell(first, null)).toBe("released");
  expect(readdirSync(path)).toEqual([]);
});

test("of many processes that find the lock of a dead one, exactly one takes it over", async () => {
  const racers = await Promise.all(Array.from({ length: 5 }, start));
  const pid = await deadPid();
  for (let round = 0; round < 16; round++) {
    const stale = await lockFile({ pid, id: `stale-${round}` });
    // In some rounds one died while taking the lock over, in some the machine went down and left a broken lock.
    const claim = await lockFile({ pid, id: `claim-${round}` });
    const files: Readonly<Record<string, string>>[] = [
      { lock: stale },
      { lock: stale, [`.lock.stale-${round}`]: claim },
      { lock: "" },
      {},
    ];
    const path = directory(files[round % files.length]);
    const answers = await Promise.all(racers.map((racer) => tell(racer, path)));
    expect(
      answers.filter((text) => text === "locked"),
      answers.join("\n"),
    ).toHaveLength(1);
    expect(answers.filter((text) => text.startsWith("RunError: "))).toHaveLength(racers.length - 1);
    const holder = racers[answers.indexOf("locked")]!;
    expect((JSON.parse(readFileSync(join(path, "lock"), "utf8")) as { pid: number }).pid).toBe(holder.pid);
    expect(await tell(holder, null)).toBe("released");
    expect(readdirSync(path)).toEqual([]);
  }
});

test("a lock is taken over when its holder cannot be alive", async () => {
  const takenOver = async (content: string) => {
    const path = directory({ lock: content });
    await (await directoryStorage(path).lock())();
    expect(existsSync(join(path, "lock"))).toBe(false);
  };
  await takenOver(await lockFile({ pid: await deadPid() }));
  await takenOver('{"id": "half a lo');
  await takenOver('{"id": "../../x", "pid": 1}');
  if (process.platform === "linux") {
    await takenOver(await lockFile({ startTicks: 1 })); // the process number was given to another
    await takenOver(await lockFile({ bootId: "before" }));
  }
});

test.runIf(process.platform === "linux")(
  "the lock of a process that has ended, and of which its parent took no notice, is taken over",
  async () => {
    // `sleep` takes the place of the shell whose child has ended, and never asks after it.
    const parent = spawn("sh", ["-c", "sh -c 'echo $$' & exec sleep 60"]);
    children.push(parent);
    const pid = Number(await new Promise((resolve) => parent.stdout.once("data", resolve)));
    const stateOf = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2];
    await vi.waitUntil(() => stateOf() === "Z", { timeout: 20_000 });
    const startTicks = Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[21]);
    const path = directory({ lock: await lockFile({ pid, startTicks }) });
    await (await directoryStorage(path).lock())();
    expect(readdirSync(path)).toEqual([]);
  },
);

test("a lock that leads nowhere is named, and is not waited for without an end", async () => {
  const path = directory();
  symlinkSync(join(path, "nowhere"), join(path, "lock"));
  await expect(directoryStorage(path).lock()).rejects.toThrow(`${path}/lock: is there and cannot be read; remove it`);
});

test("a lock is respected when its holder may be alive", async () => {
  const refused = async (content: string, message: string) => {
    const path = directory({ lock: content });
    const locking = directoryStorage(path).lock();
    await expect(locking).rejects.toThrow(`${path} is being written by ${message}`);
    await expect(locking).rejects.toBeInstanceOf(RunError);
    expect(readdirSync(path)).toEqual(["lock"]);
    expect(readFileSync(join(path, "lock"), "utf8")).toBe(content);
  };
  await refused(await lockFile({}), "this process (since ");
  await refused(await lockFile({ bootId: null, startTicks: null }), "this process (since "); // as on other systems
  const elsewhere = await lockFile({ host: `not-${hostname()}`, pid: 12, started: "S" });
  await refused(
    elsewhere,
    `process 12 on not-${hostname()} (started S); wait for it or stop it, and if it is gone, remove `,
  );
});

test("giving back does not remove the lock of another", async () => {
  const path = directory();
  const release = await directoryStorage(path).lock();
  const other = await lockFile({ id: "other" });
  writeFileSync(join(path, "lock"), other); // someone removed the lock by hand, and another process came
  await release();
  expect(readFileSync(join(path, "lock"), "utf8")).toBe(other);
});

test("locking removes the temporary files of dead processes, and nothing else", async () => {
  const path = directory();
  mkdirSync(join(path, "checkpoints"));
  const pid = await deadPid();
  const dead = [`.a.json.${pid}-0-0.tmp`, `checkpoints/.b.safetensors.${pid}-0-7.tmp`, ".lock.some-id"];
  const kept = [`.a.json.${process.pid}-0-0.tmp`, `a.json.${pid}-0-0.tmp`, ".hidden", "checkpoints/b.safetensors"];
  for (const name of [...dead, ...kept]) writeFileSync(join(path, name), "x");
  const release = await directoryStorage(path).lock();
  await release();
  for (const name of dead) expect(existsSync(join(path, name)), name).toBe(false);
  for (const name of kept) expect(existsSync(join(path, name)), name).toBe(true);
});
