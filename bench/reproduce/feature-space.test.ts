import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Dataset } from "../../src/data/dataset.ts";
import { fingerprinted } from "../../src/data/fingerprint.ts";
import type { ClassifierOptions } from "../../src/train/classifier.ts";
import { floats } from "../../test/models.ts";
import { openFeatureSpace } from "./feature-space.ts";

const folder = await mkdtemp(join(tmpdir(), "vaekit-"));
afterAll(() => rm(folder, { recursive: true }));

const numbers = await fingerprinted({ ...floats(Array.from({ length: 32 }, (_, i) => i % 2)), name: "numbers" });
const labelled = (labels: (i: number) => number): Dataset => ({
  ...numbers,
  labels: Uint8Array.from({ length: 32 }, (_, i) => labels(i)),
});

/** Whether opening the space trains a classifier. */
async function trains(train: Dataset): Promise<boolean> {
  const notes: string[] = [];
  const settings: ClassifierOptions = { encoder: { kind: "mlp", hidden: [4] }, epochs: 1 };
  const options = { threads: 1, note: (line: string) => void notes.push(line) };
  const space = await openFeatureSpace(join(folder, "run"), { train, validation: train }, settings, options);
  await space.close();
  return notes.some((line) => line.includes("training the classifier"));
}

test("a classifier is used again for the same examples and labels, and trained anew where its files are broken", async () => {
  const byValue = labelled((i) => i % 2);
  expect(await trains(byValue)).toBe(true);
  expect(await trains(byValue)).toBe(false);
  expect(await trains(labelled((i) => 1 - (i % 2)))).toBe(true); // the fingerprint of the examples is the same
  const weights = join(folder, "classifier-numbers", "classifier.safetensors");
  await writeFile(weights, (await readFile(weights)).subarray(0, 100));
  expect(await trains(labelled((i) => 1 - (i % 2)))).toBe(true);
  await rm(weights);
  expect(await trains(labelled((i) => 1 - (i % 2)))).toBe(true);
});
