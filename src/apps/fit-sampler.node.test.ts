import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadSplits } from "../data/load.node.ts";
import { DataError } from "../errors.ts";
import { openRun } from "../models/open.node.ts";
import { loadRunSplit } from "../models/run-data.node.ts";
import { readSampler } from "../models/samplers.ts";
import { train } from "../train/train.node.ts";
import { type FitSamplerOptions, fitSampler } from "./fit-sampler.node.ts";

/* Data of a run that have moved, other data, and data in memory: only what the run was trained on is fitted to. */

const folder = mkdtempSync(join(tmpdir(), "vaekit-fitted-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [first, moved, other] = ["first.idx", "moved.idx", "other.idx"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const run = join(folder, "run");
const counts = { validation: 10, test: 30 };

/** Images of 2×2 random pixels. */
function writeImages(file: string, count: number, factor: number): void {
  const header = new DataView(new ArrayBuffer(16));
  for (const [i, value] of [0x00000803, count, 2, 2].entries()) header.setUint32(4 * i, value);
  const pixels = Uint8Array.from({ length: 4 * count }, (_, i) => (i * i * factor) % 251);
  writeFileSync(file, Buffer.concat([new Uint8Array(header.buffer), pixels]));
}

beforeAll(async () => {
  writeImages(first, 100, 89);
  writeImages(other, 20, 53); // fewer than the run's counts
  const config = { data: counts, model: { latent: 1, encoder: { hidden: [2] } } };
  await train({ data: first, out: run, config, epochs: 1, threads: 1 });
  renameSync(first, moved);
});

async function fitted(data: FitSamplerOptions["data"]) {
  const model = await openRun(run);
  try {
    const { examples } = await fitSampler(model, { kind: "mixture", components: 1, data });
    const { description } = (await readSampler(model.storage, "mixture", model.latent))!;
    return { examples, own: description.data === model.description.trained.data };
  } finally {
    await model.close();
  }
}

test("data that have moved, or are in memory, give the run's own training examples", async () => {
  expect(await fitted(moved)).toEqual({ examples: 60, own: true });
  expect(await fitted(await loadSplits(moved, counts))).toEqual({ examples: 60, own: true });
});

test("other data are refused, by file and in memory: examples that the run tests on may be among them", async () => {
  for (const data of [other, await loadSplits(other), await loadSplits(moved, { validation: 5, test: 5 })]) {
    await expect(fitted(data)).rejects.toThrow(DataError);
    await expect(fitted(data)).rejects.toThrow(/is not what the run was trained on \(fingerprint .*name those data/);
  }
  await expect(fitted(3 as never)).rejects.toThrow('fitSampler: data: expected a file, a folder, "sprites" or splits');
});

test("a command's split of moved data is the run's; of other data, one by the usual rules", async () => {
  const model = await openRun(run);
  expect((await loadRunSplit(model, { data: moved })).count).toBe(30);
  expect((await loadRunSplit(model, { data: other })).count).toBe(2);
  await model.close();
});
