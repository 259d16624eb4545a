import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { UsageError } from "../errors.ts";
import { checkNesting, readConfig } from "./config-file.ts";

const folder = mkdtempSync(join(tmpdir(), "vaekit-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("a config is read as it stands, brackets and quotes within strings included", async () => {
  const value = { model: { latent: 3 }, 'a"[[[{': 'b\\"]'.repeat(50) };
  expect(await readConfig(file("fine.json", JSON.stringify(value)))).toEqual(value);
  expect(await readConfig(file("bom.json", "\uFEFF{}"))).toEqual({});
});

mkdirSync(join(folder, "folder.json"));
const deep = 100_000;

test.each([
  ["twice.json", '{"model": {}, "model": {"latent": 4}}', 'twice.json: holds "model" twice'],
  ["within.json", '{"model": {"latent": 3, "latent": 4}}', 'within.json: holds "latent" twice'],
  ["open.json", "[".repeat(deep), "open.json: brackets are nested more than 32 deep"],
  ["deep.json", "[".repeat(deep) + "]".repeat(deep), "deep.json: brackets are nested more than 32 deep"],
  ["keys.json", `${'{"a":'.repeat(deep)}1${"}".repeat(deep)}`, "keys.json: brackets are nested more than 32 deep"],
  ["list.json", "[1]", "list.json: is not a JSON object"],
  ["long.json", " ".repeat(2 ** 20 + 1), "is 1048577 bytes long; expected a config of 1048576 at most"],
  ["folder.json", null, 'folder.json": it is a folder; name a JSON file'],
  ["none.json", null, 'none.json": no such file or folder; name a JSON file'],
])("%s is refused by name", async (name, text, message) => {
  const path = text === null ? join(folder, name) : file(name, text);
  const reading = readConfig(path);
  await expect(reading).rejects.toThrow(UsageError);
  await expect(reading).rejects.toThrow(message);
});

test("a device is refused before it is read", async () => {
  await expect(readConfig("/dev/zero")).rejects.toThrow("--config: expected a file, got the device");
});

test("as many brackets as a config needs are let through, one after the other any number", () => {
  checkNesting("[]".repeat(1000) + "[".repeat(32), "config");
  expect(() => checkNesting("[".repeat(33), "config")).toThrow("config: brackets are nested more than 32 deep");
});
