import { expect, test } from "vitest";
import type { Dataset } from "../data/dataset.ts";
import { DataError, RunError, UsageError } from "../errors.ts";
import { classesOf, openClassifier } from "../evaluate/classifier.ts";
import { loadClassifier, saveClassifier } from "../evaluate/classifier-file.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { memoryStorage } from "../storage/memory.ts";
import { accuracyOf, type ClassifierOptions, trainClassifier } from "./classifier.ts";

const SIDE = 8;

/** Images with a bar in one of two directions, at a place that depends on the example. */
function bars(count: number, split: Dataset["split"], event: readonly number[] = [SIDE, SIDE]): Dataset {
  const values = new Uint8Array(count * SIDE * SIDE);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  for (let i = 0; i < count; i++)
    for (let along = 0; along < SIDE; along++) {
      const place = 1 + ((i * 7) % (SIDE - 2));
      values[i * SIDE * SIDE + (labels[i] ? along * SIDE + place : place * SIDE + along)] = 200 + (i % 50);
    }
  const index = Uint32Array.from({ length: count }, (_, i) => i);
  return { name: "bars", split, event, count, values, index, labels, fingerprint: "0" };
}

const data = { train: bars(256, "train"), validation: bars(64, "validation") };
const small: ClassifierOptions = {
  encoder: { kind: "conv", layers: [{ channels: 4, kernel: 4, stride: 2 }], hidden: [8] },
  ...{ epochs: 12, batchSize: 32, learningRate: 0.01, dropout: 0.2, shift: 1 },
};
const place = async (threads = 1) => ({ backend: await cpuBackend(threads) });
const weightsOf = async (options: Partial<ClassifierOptions>, from = data) =>
  (await trainClassifier(from, await place(), { ...small, epochs: 1, ...options })).weights["classes.weight"]!;

test("a classifier learns its classes, and is the same when it was saved and loaded", async () => {
  const { backend } = await place();
  const seen: number[] = [];
  const made = await trainClassifier(data, await place(), {
    ...small,
    onProgress: ({ crossEntropyNats }) => void seen.push(crossEntropyNats),
  });
  expect(made.description.trained.validationAccuracy).toBe(1);
  expect(made.description.trained.labels).toMatch(/^[0-9a-f]{16}$/);
  expect(made.description.trained.settings).toMatchObject({ epochs: 12, shift: 1, flip: false, seed: 0 });
  expect(seen).toHaveLength(12);
  expect(seen.at(-1)!).toBeLessThan(0.3 * seen[0]!);

  const storage = memoryStorage();
  expect(await loadClassifier(storage)).toBeUndefined();
  await saveClassifier(storage, made);
  const loaded = (await loadClassifier(storage))!;
  expect(loaded.description).toEqual(made.description);
  const answers = await Promise.all(
    [made, loaded].map(async (one) => {
      const opened = await openClassifier(one, backend);
      const classified = await opened.classify(data.validation.values, 64);
      await opened.close();
      return classified;
    }),
  );
  expect(answers[1]).toEqual(answers[0]);
  const { probabilities, features } = answers[0]!;
  expect(features).toHaveLength(64 * 8);
  for (let i = 0; i < 64; i++) expect(probabilities[2 * i]! + probabilities[2 * i + 1]!).toBeCloseTo(1, 6);
  expect(classesOf(answers[0]!, 2)).toEqual(data.validation.labels);
  expect(await accuracyOf(loaded, backend, { ...data.validation, labels: new Uint8Array(64) })).toBe(0.5);
});

test("training depends on the seed and each option, and on nothing else", async () => {
  const first = await weightsOf({});
  expect(await weightsOf({})).toEqual(first);
  const others: readonly Partial<ClassifierOptions>[] = [
    { seed: 1 },
    { dropout: 0.5 },
    { shift: 0 },
    { flip: true },
    { learningRate: 0.02 },
    { batchSize: 16 },
    { epochs: 2 },
    { encoder: { kind: "mlp", hidden: [8] } },
  ];
  for (const other of others) expect(await weightsOf(other), JSON.stringify(other)).not.toEqual(first);
});

test("examples that are no images have dense layers and are not moved", async () => {
  const flat = { train: bars(256, "train", [SIDE * SIDE]), validation: bars(64, "validation", [SIDE * SIDE]) };
  const { encoder, epochs } = { encoder: undefined, epochs: 4 };
  const made = await trainClassifier(flat, await place(), { ...small, encoder, epochs, shift: 0 });
  expect(made.description.encoder).toMatchObject({ kind: "mlp", hidden: [256, 128] });
  expect(made.description.trained.validationAccuracy).toBeGreaterThan(0.9);
  await expect(weightsOf({ encoder: { kind: "mlp" } }, flat)).rejects.toThrow("shift: moves images");
});

test("options and data that do not fit are refused", async () => {
  await expect(weightsOf({ dropout: 1 })).rejects.toThrow(
    new UsageError("trainClassifier: dropout: expected a number from 0 to below 1, got 1"),
  );
  await expect(weightsOf({ epoch: 3 } as never)).rejects.toThrow("unknown");
  await expect(weightsOf({ encoder: { kind: "mlp", hidden: [0] } })).rejects.toThrow(UsageError);
  const { labels: _, ...bare } = data.train;
  await expect(weightsOf({}, { ...data, train: bare })).rejects.toThrow(DataError);
  const zeros = (one: Dataset) => ({ ...one, labels: new Uint8Array(one.count) });
  await expect(weightsOf({}, { train: zeros(data.train), validation: zeros(data.validation) })).rejects.toThrow(
    "its labels are all 0",
  );
  const many = (one: Dataset) => ({ ...one, count: 250_000, labels: new Uint8Array(250_000) });
  await expect(weightsOf({}, { train: many(data.train), validation: many(data.validation) })).rejects.toThrow(
    "its labels are all 0", // and are more than a call takes arguments
  );
  const opened = await openClassifier(
    await trainClassifier(data, await place(), { ...small, epochs: 1 }),
    await cpuBackend(1),
  );
  await expect(opened.classify(new Float32Array(10), 1)).rejects.toThrow("expected 1 rows of 64 values, got 10 values");
  await opened.close();
});

test("files that are damaged or do not belong together are refused", async () => {
  const storage = memoryStorage();
  const made = await trainClassifier(data, await place(), { ...small, epochs: 1 });
  await saveClassifier(storage, made);
  const text = new TextDecoder().decode(await storage.read("classifier.json"));
  const refused = async (changed: string, message: string) => {
    await storage.write("classifier.json", changed);
    const loading = loadClassifier(storage);
    await expect(loading).rejects.toThrow(RunError);
    await expect(loading).rejects.toThrow(message);
  };
  await refused(text.slice(1), "not JSON");
  await refused(text.replace('"version": 1', '"version": 2'), "version: expected 1, got 2");
  await refused(text.replace('"kind": "conv"', '"kind": "cnv"'), "classifier.json: classifier: model.encoder.kind");
  await refused(text.replace('"classes": 2', '"classes": 3'), "classes.weight");
  await storage.write("classifier.json", text);
  const bytes = (await storage.read("classifier.safetensors")).slice();
  bytes[bytes.length - 1]! ^= 1;
  await storage.write("classifier.safetensors", bytes);
  await expect(loadClassifier(storage)).rejects.toThrow("not the weights that classifier.json was written with");
});
