import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { breachesOf, storageLaws } from "../../test/storage-laws.ts";
import { directoryStorage } from "./directory.node.ts";
import { memoryStorage } from "./memory.ts";
import type { Storage } from "./storage.ts";

// The browser's storage is held to the same laws in test/opfs.test.ts.

let folder = "";
let made = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vaekit-storage-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.each<[string, () => Storage]>([
  ["memory", memoryStorage],
  ["directory", () => directoryStorage(join(folder, `run${made++}`))],
])("%s", (_name, make) => {
  test.each(Object.keys(storageLaws))("%s", async (law) => {
    expect(await breachesOf(law, make)).toEqual([]);
  });
});

test("a storage that breaks a law is found out", async () => {
  const broken: Storage = { ...memoryStorage(), list: async () => ["z", "a"], read: async () => new Uint8Array(1) };
  for (const law of [
    "lists hold names of files and folders in order, and neither lock nor temporary files",
    "a missing file is named",
  ]) {
    expect(await breachesOf(law, () => broken)).not.toEqual([]);
  }
});
