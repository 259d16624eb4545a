import { expect, test } from "vitest";
import type { Splits } from "../data/dataset.ts";
import { loadModel } from "../models/portable.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { memoryStorage } from "../storage/memory.ts";
import type { Storage } from "../storage/storage.ts";
import { readMetrics } from "./metrics.ts";
import { trainRun } from "./run.ts";

/* Trains conditional models in memory. */

const rows = 12;
const split = (name: "train" | "validation" | "test", labels: readonly number[]): Splits["train"] => ({
  name: "twelve",
  split: name,
  event: [4],
  count: rows,
  values: Float32Array.from({ length: 4 * rows }, (_, i) => Number((i * 7) % 5 < 2)),
  index: Uint32Array.from({ length: rows }, (_, i) => i),
  labels: Uint8Array.from(labels),
  fingerprint: "0",
});
const usual = Array.from({ length: rows }, (_, i) => (i * 5) % 3);
const splits = (labels = usual, validation = usual): Splits => ({
  train: split("train", labels),
  validation: split("validation", validation),
  test: split("test", usual),
});

async function learn(
  settings: readonly string[],
  { data = splits(), storage = memoryStorage(), steps = 4 }: { data?: Splits; storage?: Storage; steps?: number } = {},
  resume = false,
) {
  const fixed = ["data.binarization=none", "model.latent=2", "model.encoder.hidden=[4]", "train.batchSize=12"];
  await trainRun(
    { set: resume ? [] : [...fixed, 'model.condition.on=["label"]', ...settings], steps, resume },
    {
      storage,
      load: () => Promise.resolve(data),
      source: null,
      backend: () => cpuBackend(1),
      helpers: () => Promise.resolve(undefined),
      platform: "test",
    },
  );
  return { storage, metrics: await readMetrics(storage) };
}

test("a batch in parts gives the numbers of a whole one: each row keeps its condition", async () => {
  const { metrics: whole } = await learn([]);
  const { metrics: parts } = await learn(["train.microBatch=5"]);
  for (const [i, { train, validation }] of whole.entries())
    for (const [at, of] of [
      [train, parts[i]!.train],
      [validation!, parts[i]!.validation!],
    ] as const)
      expect(of.negElboNats).toBeCloseTo(at.negElboNats, 4);
  const { metrics: others } = await learn([], { data: splits(usual.toReversed()) });
  expect(others.at(-1)!.train.negElboNats).not.toBe(whole.at(-1)!.train.negElboNats);
});

test("the model is stored with what it is conditional on, and is the same when it is loaded", async () => {
  const { storage } = await learn(["model.condition.prior=true"]);
  const { description, vae } = await loadModel(storage);
  expect(description.conditions).toEqual([{ name: "label", as: "class", classes: [0, 1, 2] }]);
  expect(vae.conditionWidth).toBe(3);
  expect(vae.conditions!.texts).toEqual(["label (a class, 0 to 2)"]);

  const text = new TextDecoder().decode(await storage.read("model/model.json"));
  await storage.write("model/model.json", text.replace('"name": "label"', '"name": "other"'));
  await expect(loadModel(storage)).rejects.toThrow(
    /conditions: expected those of model.condition.on \(label\), got other; the file is damaged/,
  );
});

test("a run is resumed with the conditions that it began with, and refuses others", async () => {
  const { metrics } = await learn([], { steps: 6 });
  const { storage } = await learn([], { steps: 3 });
  const data = splits(usual.toReversed());
  await expect(learn([], { storage, data, steps: 6 }, true)).rejects.toThrow(
    /the run was trained with other conditions \(fingerprint [0-9a-f]{16}, these are [0-9a-f]{16}\); resume with the labels/,
  );
  const two = usual.map((label) => label % 2);
  for (const others of [splits(two, two), splits(usual, usual.toReversed())])
    await expect(learn([], { storage, data: others, steps: 6 }, true)).rejects.toThrow(
      /the run was trained with other conditions/, // before a tensor of another shape is taken for damage
    );
  const { metrics: resumed } = await learn([], { storage, steps: 6 }, true);
  const numbers = (all: typeof metrics) => all.map(({ train, validation }) => ({ train, validation }));
  expect(numbers(resumed)).toEqual(numbers(metrics));
});

test("what cannot be told is refused before anything is written", async () => {
  const storage = memoryStorage();
  const none = splits();
  const bare = ({ labels: _, ...rest }: Splits["train"]) => rest as Splits["train"];
  const without = { train: bare(none.train), validation: bare(none.validation), test: bare(none.test) };
  await expect(learn([], { storage, data: without })).rejects.toThrow(
    'twelve (train): the data have no condition "label" (model.condition.on); they have no labels',
  );
  await expect(learn([], { storage, data: splits(usual, [...usual.slice(1), 7]) })).rejects.toThrow(
    'twelve (validation): example 11 has "label" 7; expected one of the classes that the model was trained with, 0 to 2',
  );
  await expect(learn(["data.conditions=ages.csv"], { storage })).rejects.toThrow(
    "config: data.conditions: is a file beside the data, and these are in memory; hand their numbers over with them, as `numbers`",
  );
  expect(await storage.list("")).toEqual([]);
});
