import fc from "fast-check";
import { RunError } from "../src/errors.ts";
import { memoryStorage } from "../src/storage/memory.ts";
import type { Storage } from "../src/storage/storage.ts";

/** What a law holds a storage to; what does not hold is noted. */
interface Check {
  equal(got: unknown, expected: unknown): void;
  /** Expects a RunError whose message has these parts. */
  refused(action: Promise<unknown>, ...parts: readonly string[]): Promise<void>;
}

/**
 * What every storage does alike. Without a test runner's functions, so that a page can run them too. Each is given
 * storages of its own, of which every call makes another, empty one.
 */
export const storageLaws: Readonly<Record<string, (make: () => Storage, check: Check) => Promise<void>>> = {
  "what is written is read, as a copy": async (make, check) => {
    const storage = make();
    // A part of a larger buffer, whose slice() is no copy, as that of Node's Buffer.
    const bytes = Object.assign(Uint8Array.of(7, 1, 2, 3, 8).subarray(1, 4), { slice: Uint8Array.prototype.subarray });
    await storage.write("a.bin", bytes);
    bytes[0] = 9;
    const read = await storage.read("a.bin");
    check.equal(read, Uint8Array.of(1, 2, 3));
    read[1] = 9;
    check.equal(await storage.read("a.bin"), Uint8Array.of(1, 2, 3));
    await storage.write("deep/er/b.txt", "Größe");
    check.equal(await text(storage, "deep/er/b.txt"), "Größe");
    await storage.write("deep/er/b.txt", "");
    check.equal(await storage.read("deep/er/b.txt"), new Uint8Array());
  },

  "bytes of memory that threads share are written": async (make, check) => {
    if (typeof SharedArrayBuffer === "undefined") return; // as in pages that are not cross-origin isolated
    const storage = make();
    await storage.write("a.bin", new Uint8Array(new SharedArrayBuffer(3)).fill(5));
    check.equal(await storage.read("a.bin"), Uint8Array.of(5, 5, 5));
  },

  "a missing file is named": async (make, check) => {
    const storage = make();
    await check.refused(storage.read("model/a.json"), `${storage.location}/model/a.json: cannot be read: no such file`);
    check.equal(await storage.exists("model/a.json"), false);
    await storage.write("model/b.json", "{}");
    check.equal(await storage.exists("model/b.json"), true);
    check.equal(await storage.exists("model"), true);
    check.equal(await storage.exists("mod"), false);
    check.equal(await storage.exists("model/b.json/c"), false);
    await check.refused(storage.read("model"), "it is a folder");
  },

  "lists hold names of files and folders in order, and neither lock nor temporary files": async (make, check) => {
    const storage = make();
    check.equal(await storage.list(""), []);
    check.equal(await storage.list("checkpoints"), []);
    const release = await storage.lock();
    for (const name of ["b.txt", "checkpoints/2", "checkpoints/10", "a.txt"]) await storage.write(name, "x");
    check.equal(await storage.list(""), ["a.txt", "b.txt", "checkpoints"]);
    check.equal(await storage.list("checkpoints"), ["10", "2"]);
    check.equal(await storage.list("a.txt"), []);
    await release();
  },

  "lines are appended in order": async (make, check) => {
    const storage = make();
    await storage.append("logs/metrics.jsonl", '{"epoch":1}');
    await storage.append("logs/metrics.jsonl", '{"epoch":2}');
    check.equal(await text(storage, "logs/metrics.jsonl"), '{"epoch":1}\n{"epoch":2}\n');
    await storage.write("logs/metrics.jsonl", "0\n");
    await storage.append("logs/metrics.jsonl", "ü");
    check.equal(await text(storage, "logs/metrics.jsonl"), "0\nü\n");
    await check.refused(storage.append("logs/metrics.jsonl", "a\nb"), "expected one line to append");
  },

  "of lines that are appended at once none is lost": async (make, check) => {
    const storage = make();
    const lines = Array.from({ length: 8 }, (_, i) => String(i));
    await Promise.all(lines.map((line) => storage.append("metrics.jsonl", line)));
    check.equal((await text(storage, "metrics.jsonl")).trimEnd().split("\n").sort(), lines);
  },

  "a file that is replaced is read whole, the earlier or the later": async (make, check) => {
    const storage = make();
    await storage.write("a", "0".repeat(100_000));
    const written = [1, 2, 3].map((i) => storage.write("a", String(i).repeat(100_000)));
    const read = await Promise.all(Array.from({ length: 8 }, () => text(storage, "a")));
    await Promise.all(written);
    check.equal(
      read.map((content) => content === content.charAt(0).repeat(100_000)),
      read.map(() => true),
    );
  },

  "a removed file is gone, and removing it again is no error": async (make, check) => {
    const storage = make();
    await storage.remove("a/b");
    await storage.write("a/b", "x");
    await storage.remove("a/b");
    check.equal(await storage.exists("a/b"), false);
    await storage.remove("a/b");
    await storage.write("a/c", "x");
    await check.refused(storage.remove("a"), `${storage.location}/a: cannot be removed: it is a folder`);
  },

  "paths that leave the place or name nothing are refused by every method": async (make, check) => {
    const storage = make();
    for (const path of wrongPaths) {
      const message = `${storage.location}: ${JSON.stringify(path)} is no path in it; expected names joined by "/"`;
      await check.refused(storage.read(path), message);
      await check.refused(storage.exists(path), message);
      await check.refused(storage.list(path), message);
      await check.refused(storage.write(path, "x"), message);
      await check.refused(storage.append(path, "x"), message);
      await check.refused(storage.remove(path), message);
    }
    await check.refused(storage.write("", "x"), '"" is no path in it');
  },

  "a file is no folder and a folder no file": async (make, check) => {
    const storage = make();
    await storage.write("a", "x");
    const message = "cannot be written: a part of its path is a file, not a folder";
    await check.refused(storage.write("a/b", "x"), `${storage.location}/a/b: `, message);
    await storage.write("c/d", "x");
    await check.refused(storage.write("c", "x"), `${storage.location}/c: cannot be written: it is a folder`);
    check.equal(await text(storage, "a"), "x");
    check.equal(await storage.list(""), ["a", "c"]);
    check.equal(await storage.list("c"), ["d"]);
  },

  "there is one writer at a time": async (make, check) => {
    const storage = make();
    const release = await storage.lock();
    const message = `${storage.location} is being written by this `;
    await check.refused(storage.lock(), message, "wait for it or stop it");
    await release();
    const again = await storage.lock();
    await release(); // once more: gives back nothing
    await check.refused(storage.lock(), message);
    await again();
    await (await storage.lock())();
  },

  "does what memory does in any sequence of steps": async (make) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const [memory, storage] = [memoryStorage(), make()];
        for (const each of steps) {
          const [expected, got] = [await take(memory, each), await take(storage, each)];
          if (got !== expected) throw new Error(`${JSON.stringify(each)}: ${String(got)} instead of ${expected}`);
        }
      }),
      { numRuns: 60 },
    );
  },
};

const wrongPaths = [
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

/** Where a law does not hold; nothing when it does. */
export async function breachesOf(law: string, make: () => Storage): Promise<string[]> {
  const breaches: string[] = [];
  const check: Check = {
    equal(got, expected) {
      if (show(got) !== show(expected)) breaches.push(`expected ${show(expected)}, got ${show(got)}`);
    },
    async refused(action, ...parts) {
      try {
        await action;
        breaches.push(`expected an error: ${parts.join(" … ")}`);
      } catch (error) {
        const isFit = error instanceof RunError && parts.every((part) => error.message.includes(part));
        if (!isFit) breaches.push(`expected the error ${parts.join(" … ")}, got ${String(error)}`);
      }
    },
  };
  try {
    await storageLaws[law]?.(make, check);
  } catch (error) {
    breaches.push(String(error));
  }
  return breaches;
}

const path = fc.constantFrom("a", "b", "f/a", "f/g/a", "a/b", "f");
const step = fc.oneof(
  fc.record({ method: fc.constant("write" as const), path, content: fc.string({ maxLength: 5 }) }),
  fc.record({ method: fc.constant("append" as const), path, content: fc.constantFrom("x", "yy") }),
  // Not of files in folders: elsewhere the folder is kept when it is empty, memory has no empty folders.
  fc.record({ method: fc.constant("remove" as const), path: fc.constantFrom("a", "b", "f"), content: fc.constant("") }),
  fc.record({ method: fc.constant("read" as const), path, content: fc.constant("") }),
  fc.record({ method: fc.constant("exists" as const), path, content: fc.constant("") }),
);

interface Step {
  readonly method: "write" | "append" | "remove" | "read" | "exists";
  readonly path: string;
  readonly content: string;
}

async function take(storage: Storage, { method, path: where, content }: Step): Promise<string | boolean | undefined> {
  try {
    if (method === "write") await storage.write(where, content);
    else if (method === "append") await storage.append(where, content);
    else if (method === "remove") await storage.remove(where);
    else return method === "read" ? await text(storage, where) : await storage.exists(where);
    return undefined;
  } catch (error) {
    if (error instanceof RunError) return "refused";
    throw error;
  }
}

async function text(storage: Storage, where: string): Promise<string> {
  return new TextDecoder().decode(await storage.read(where));
}

/** A value in words, by which it is compared: bytes by the kind of their array too. */
function show(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.constructor.name} of [${value.join()}]`;
  return JSON.stringify(value);
}
