import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import type * as files from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RunError } from "../errors.ts";
import { directoryStorage } from "./directory.node.ts";

/** Makes one call of the file system fail with this code. */
const failing = vi.hoisted(() => ({ call: "", code: "" }));

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof files>();
  const failIf = (call: string): void => {
    if (failing.call === call) throw Object.assign(new Error(`${failing.code}: made up`), { code: failing.code });
  };
  return {
    ...real,
    open: async (path: string, flags: string, mode?: number) => {
      failIf(`open ${flags}`);
      const handle = await real.open(path, flags, mode);
      const { writeFile, sync } = handle;
      handle.writeFile = async (content) => {
        const bytes = content as Uint8Array;
        await writeFile.call(handle, failing.call === "writeFile" ? bytes.subarray(0, 2) : bytes);
        failIf("writeFile");
      };
      const shortWrite = async (bytes: Uint8Array) => {
        const written = await handle.writev([failing.call === "write" ? bytes.subarray(0, 2) : bytes]);
        failIf("write");
        return written;
      };
      handle.write = shortWrite as unknown as typeof handle.write;
      handle.sync = async () => {
        failIf(`sync ${flags}`);
        await sync.call(handle);
      };
      return handle;
    },
    ...Object.fromEntries(
      (["readFile", "readdir", "stat", "rm"] as const).map((name) => [
        name,
        async (path: string, options?: object) => {
          failIf("read");
          return (real[name] as (path: string, options?: object) => Promise<unknown>)(path, options);
        },
      ]),
    ),
    rename: async (from: string, to: string) => {
      failIf("rename");
      await real.rename(from, to);
    },
  };
});

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vaekit-directory-"));
});

afterEach(async () => {
  Object.assign(failing, { call: "", code: "" });
  await rm(folder, { recursive: true, force: true });
});

const reasons = {
  ENOSPC: "no space left on device; free some space or choose another place",
  EDQUOT: "disk quota exceeded; free some space",
  EACCES: "permission denied; grant this user access to it",
  EROFS: "the file system is read-only; choose another place",
  EIO: "input/output error; check the disk",
  EWHAT: "EWHAT: made up; check the disk and the path",
};

test.each(["open wx", "writeFile", "sync wx", "rename"])(
  "when %s fails the earlier file is untouched",
  async (call) => {
    const storage = directoryStorage(folder);
    await storage.write("model/a.json", "earlier");
    for (const [code, reason] of Object.entries(reasons)) {
      Object.assign(failing, { call, code });
      const writing = storage.write("model/a.json", "later");
      await expect(writing).rejects.toBeInstanceOf(RunError);
      await expect(writing).rejects.toThrow(`${folder}/model/a.json: cannot be written: ${reason}`);
      await expect(writing).rejects.toThrow(/; the earlier file is untouched$/);
      await expect(storage.write("model/new.json", "later")).rejects.not.toThrow("earlier file"); // there is none
      expect(readdirSync(join(folder, "model"))).toEqual(["a.json"]); // no temporary file either
      expect(readFileSync(join(folder, "model", "a.json"), "utf8")).toBe("earlier");
    }
  },
);

test.runIf(process.platform !== "win32")("a file that is replaced keeps its mode", async () => {
  const storage = directoryStorage(folder);
  const modeOf = (name: string) => (statSync(join(folder, name)).mode & 0o777).toString(8);
  for (const mode of [0o600, 0o640, 0o666, 0o777, 0o400]) {
    const name = mode.toString(8);
    await storage.write(name, "earlier");
    chmodSync(join(folder, name), mode);
    await storage.write(name, "later");
    expect(modeOf(name)).toBe(name);
    expect(readFileSync(join(folder, name), "utf8")).toBe("later");
  }
  await storage.write("new", "first");
  expect(modeOf("new")).toBe((0o666 & ~process.umask()).toString(8));
});

test("when the folder cannot be synced the file is there, and that is said", async () => {
  const storage = directoryStorage(folder);
  await storage.write("a", "earlier");
  Object.assign(failing, { call: "sync r", code: "EIO" });
  await expect(storage.write("a", "later")).rejects.toThrow(
    "a: is written, but the disk does not confirm it: input/output",
  );
  expect(readFileSync(join(folder, "a"), "utf8")).toBe("later");
  Object.assign(failing, { call: "sync r", code: "EINVAL" }); // systems that cannot sync a folder
  await storage.write("a", "last");
  expect(readFileSync(join(folder, "a"), "utf8")).toBe("last");
});

test("a line that does not fit leaves no part of itself", async () => {
  const storage = directoryStorage(folder);
  await storage.append("metrics.jsonl", "one");
  Object.assign(failing, { call: "write", code: "ENOSPC" });
  const appending = storage.append("metrics.jsonl", "two");
  await expect(appending).rejects.toThrow(`${folder}/metrics.jsonl: cannot be appended to: no space left on device`);
  await expect(appending).rejects.toBeInstanceOf(RunError);
  expect(readFileSync(join(folder, "metrics.jsonl"), "utf8")).toBe("one\n");
});

test("a directory that was removed is not made again", async () => {
  const path = join(folder, "run");
  const storage = directoryStorage(path);
  await storage.write("config.json", "{}");
  renameSync(path, join(folder, "moved"));
  const message = `cannot be written: the directory ${path} was removed or moved meanwhile`;
  await expect(storage.write("config.json", "{}")).rejects.toThrow(message);
  await expect(storage.append("metrics.jsonl", "{}")).rejects.toThrow(message);
  await expect(storage.read("config.json")).rejects.toThrow(RunError);
  expect(await storage.list("")).toEqual([]);
  await storage.remove("config.json");
  expect(readdirSync(folder)).toEqual(["moved"]);
});

test("a place that is a file is refused", async () => {
  writeFileSync(join(folder, "run"), "x");
  const storage = directoryStorage(join(folder, "run"));
  const actions = [() => storage.write("a", "x"), () => storage.append("a", "x"), () => storage.lock()];
  for (const action of actions) {
    await expect(action()).rejects.toThrow("a part of its path is a file, not a folder");
  }
});

test.runIf(process.platform === "linux")("a file system that takes no folders is refused at once", async () => {
  const storage = directoryStorage("/proc/vaekit-run/a");
  const message = "this file system takes no new folders; choose another place";
  for (const action of [() => storage.write("b", "x"), () => storage.append("b", "x"), () => storage.lock()]) {
    await expect(action()).rejects.toThrow(message);
    await expect(action()).rejects.toBeInstanceOf(RunError);
  }
});

test("folders are made as deep as they are named, also by two at once", async () => {
  const deep = join(folder, "a", "b", "c");
  await Promise.all([1, 2, 3].map((i) => directoryStorage(deep).write(`d/e/${i}`, "x")));
  expect(readdirSync(join(deep, "d", "e"))).toEqual(["1", "2", "3"]);
});

test("reading, listing and looking up say what is wrong", async () => {
  writeFileSync(join(folder, "a"), "x");
  const storage = directoryStorage(folder);
  for (const [code, reason] of Object.entries(reasons)) {
    Object.assign(failing, { call: "read", code });
    await expect(storage.read("a")).rejects.toThrow(`${folder}/a: cannot be read: ${reason}`);
    await expect(storage.exists("a")).rejects.toThrow(`${folder}/a: cannot be looked up: ${reason}`);
    await expect(storage.list("")).rejects.toThrow(`${folder}: cannot be listed: ${reason}`);
    await expect(storage.remove("a")).rejects.toThrow(`${folder}/a: cannot be removed: ${reason}`);
  }
});

test("files whose names are long, and names of temporary files", async () => {
  const storage = directoryStorage(folder);
  const longest = "x".repeat(255);
  await storage.write(longest, "whole");
  expect(readFileSync(join(folder, longest), "utf8")).toBe("whole");
  await expect(storage.write("x".repeat(256), "")).rejects.toThrow("its name is too long; choose a shorter name");
});

test("a full disk: the earlier checkpoint stays, and there is room again for a smaller one", async (context) => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]);
  if (mounted.status !== 0) {
    console.warn("skipped: a full disk: no tmpfs can be mounted here, which takes Linux and root");
    context.skip("no tmpfs can be mounted here");
  }
  try {
    const storage = directoryStorage(join(disk, "run"));
    const earlier = new Uint8Array(20_000).fill(1);
    await storage.write("checkpoints/a.safetensors", earlier);
    const writing = storage.write("checkpoints/a.safetensors", new Uint8Array(200_000));
    await expect(writing).rejects.toThrow(
      `${disk}/run/checkpoints/a.safetensors: cannot be written: no space left on device; ` +
        "free some space or choose another place; the earlier file is untouched",
    );
    expect(await storage.read("checkpoints/a.safetensors")).toEqual(earlier);
    await expect(storage.append("metrics.jsonl", "x".repeat(100_000))).rejects.toThrow("no space left on device");
    expect((await storage.read("metrics.jsonl")).length).toBe(0);
    await storage.write("checkpoints/a.safetensors", earlier.fill(2));
    expect(readdirSync(join(disk, "run", "checkpoints"))).toEqual(["a.safetensors"]);
  } finally {
    spawnSync("umount", [disk]);
  }
});
