import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunError } from "../errors.ts";
import { directoryStorage } from "./directory.node.ts";
import { memoryStorage } from "./memory.ts";
import type { Storage } from "./storage.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vaekit-storage-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const text = async (storage: Storage, path: string) => new TextDecoder().decode(await storage.read(path));

async function expectRefused(action: Promise<unknown>, ...parts: readonly string[]): Promise<void> {
  await expect(action).rejects.toBeInstanceOf(RunError);
  for (const part of parts) await expect(action).rejects.toThrow(part);
}

/** What every storage does alike. */
describe.each<[string, () => Storage]>([
  ["memory", memoryStorage],
  ["directory", () => directoryStorage(join(folder, "run"))],
])("%s", (_name, make) => {
  test("what is written is read, as a copy", async () => {
    const storage = make();
    const bytes = Buffer.from([1, 2, 3]); // of which slice() would be no copy
    await storage.write("a.bin", bytes);
    bytes[0] = 9;
    const read = await storage.read("a.bin");
    expect(read).toEqual(Uint8Array.of(1, 2, 3));
    read[1] = 9;
    expect(await storage.read("a.bin")).toEqual(Uint8Array.of(1, 2, 3));
    await storage.write("deep/er/b.txt", "Größe");
    expect(await text(storage, "deep/er/b.txt")).toBe("Größe");
    await storage.write("deep/er/b.txt", "");
    expect((await storage.read("deep/er/b.txt")).length).toBe(0);
  });

  test("a missing file is named", async () => {
    const storage = make();
    await expectRefused(storage.read("model/a.json"), `${storage.location}/model/a.json: cannot be read: no such file`);
    expect(await storage.exists("model/a.json")).toBe(false);
    await storage.write("model/b.json", "{}");
    expect(await storage.exists("model/b.json")).toBe(true);
    expect(await storage.exists("model")).toBe(true);
    expect(await storage.exists("mod")).toBe(false);
    expect(await storage.exists("model/b.json/c")).toBe(false);
    await expectRefused(storage.read("model"), "it is a folder");
  });

  test("lists hold names of files and folders in order, and neither lock nor temporary files", async () => {
    const storage = make();
    expect(await storage.list("")).toEqual([]);
    expect(await storage.list("checkpoints")).toEqual([]);
    const release = await storage.lock();
    for (const name of ["b.txt", "checkpoints/2", "checkpoints/10", "a.txt"]) await storage.write(name, "x");
    expect(await storage.list("")).toEqual(["a.txt", "b.txt", "checkpoints"]);
    expect(await storage.list("checkpoints")).toEqual(["10", "2"]);
    expect(await storage.list("a.txt")).toEqual([]);
    await release();
  });

  test("lines are appended in order", async () => {
    const storage = make();
    await storage.append("logs/metrics.jsonl", '{"epoch":1}');
    await storage.append("logs/metrics.jsonl", '{"epoch":2}');
    expect(await text(storage, "logs/metrics.jsonl")).toBe('{"epoch":1}\n{"epoch":2}\n');
    await storage.write("logs/metrics.jsonl", "0\n");
    await storage.append("logs/metrics.jsonl", "ü");
    expect(await text(storage, "logs/metrics.jsonl")).toBe("0\nü\n");
    await expectRefused(storage.append("logs/metrics.jsonl", "a\nb"), "expected one line to append");
  });

  test("a removed file is gone, and removing it again is no error", async () => {
    const storage = make();
    await storage.write("a/b", "x");
    await storage.remove("a/b");
    expect(await storage.exists("a/b")).toBe(false);
    await storage.remove("a/b");
    await storage.write("a/c", "x");
    await expectRefused(storage.remove("a"), `${storage.location}/a: cannot be removed: it is a folder`);
  });

  test("paths that leave the place or name nothing are refused by every method", async () => {
    const storage = make();
    const wrong = [
      "../a",
      "a/../../b",
      "/etc/passwd",
      "a//b",
      "a/",
      "./a",
      "a/.",
      "..",
      "a\\..\\b",
      "C:/a",
      "a\0b",
      "lock",
    ];
    for (const path of wrong) {
      const message = `${storage.location}: ${JSON.stringify(path)} is no path in it; expected names joined by "/"`;
      await expectRefused(storage.read(path), message);
      await expectRefused(storage.exists(path), message);
      await expectRefused(storage.list(path), message);
      await expectRefused(storage.write(path, "x"), message);
      await expectRefused(storage.append(path, "x"), message);
      await expectRefused(storage.remove(path), message);
    }
    await expectRefused(storage.write("", "x"), '"" is no path in it');
  });

  test("a file is no folder and a folder no file", async () => {
    const storage = make();
    await storage.write("a", "x");
    const message = "cannot be written: a part of its path is a file, not a folder";
    await expectRefused(storage.write("a/b", "x"), `${storage.location}/a/b: `, message);
    await storage.write("c/d", "x");
    await expectRefused(storage.write("c", "x"), `${storage.location}/c: cannot be written: it is a folder`);
    expect(await text(storage, "a")).toBe("x");
    expect(await storage.list("")).toEqual(["a", "c"]);
    expect(await storage.list("c")).toEqual(["d"]);
  });

  test("there is one writer at a time", async () => {
    const storage = make();
    const release = await storage.lock();
    await expectRefused(
      storage.lock(),
      `${storage.location} is being written by this process`,
      "wait for it or stop it",
    );
    await release();
    const again = await storage.lock();
    await release(); // once more: gives back nothing
    await expectRefused(storage.lock(), "is being written by");
    await again();
    await (await storage.lock())();
  });
});

test("memory and directory do the same in any sequence of steps", async () => {
  const path = fc.constantFrom("a", "b", "f/a", "f/g/a", "a/b", "f");
  const step = fc.oneof(
    fc.record({ do: fc.constant("write" as const), path, content: fc.string({ maxLength: 5 }) }),
    fc.record({ do: fc.constant("append" as const), path, content: fc.constantFrom("x", "yy") }),
    // Not of files in folders: a directory keeps the folder when it is empty, memory has no empty folders.
    fc.record({ do: fc.constant("remove" as const), path: fc.constantFrom("a", "b", "f"), content: fc.constant("") }),
    fc.record({ do: fc.constant("read" as const), path, content: fc.constant("") }),
    fc.record({ do: fc.constant("exists" as const), path, content: fc.constant("") }),
  );
  const run = async (
    storage: Storage,
    { do: method, path: where, content }: { do: string; path: string; content: string },
  ) => {
    try {
      if (method === "write") return await storage.write(where, content);
      if (method === "append") return await storage.append(where, content);
      if (method === "remove") return await storage.remove(where);
      return method === "read" ? await text(storage, where) : await storage.exists(where);
    } catch (error) {
      expect(error).toBeInstanceOf(RunError);
      return "refused";
    }
  };
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const storages = [memoryStorage(), directoryStorage(join(folder, `run${runs++}`))] as const;
      for (const each of steps) {
        const [expected, got] = [await run(storages[0], each), await run(storages[1], each)];
        expect(got, JSON.stringify(each)).toEqual(expected);
      }
    }),
    { numRuns: 60 },
  );
});
