import { expect, test, vi } from "vitest";
import { parseConfig } from "../config.ts";
import { RunError } from "../errors.ts";
import { memoryStorage } from "../storage/memory.ts";
import { decodeSafetensors } from "../storage/safetensors.ts";
import { encodeSafetensors } from "../storage/safetensors-encode.ts";
import type { Storage } from "../storage/storage.ts";
import { loadModel } from "./portable.ts";
import { saveModel } from "./save-model.ts";
import { buildVae } from "./vae.ts";

const config = parseConfig({ model: { latent: 1, encoder: { hidden: [] }, decoder: { hidden: [] } } }, "test");
const vae = buildVae(config.model, [2]);
const files = ["model/model.json", "model/weights.safetensors"] as const;

/** The two files of a model whose weights all have this value. */
async function saved(value: number, step: number): Promise<Storage> {
  const storage = memoryStorage();
  const weights = Object.fromEntries(
    vae.parameters.map(({ path, shape }) => [path, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value)]),
  );
  const trained = { epoch: 1, step, data: "0123", dataName: "mine" };
  await saveModel(storage, { format: "vaekit-model", version: 2, event: [2], config, trained }, vae, weights);
  return storage;
}

test("a model that is replaced while it is read is read again, until both files are of one moment", async () => {
  const [before, after] = [await saved(1, 10), await saved(2, 20)];
  let described = 0;
  const replaced: Storage = {
    ...after,
    // The weights are new from the start; the description follows after it has been read three times.
    read: (path) => (path === files[0] && described++ < 3 ? before : after).read(path),
  };
  const { description, weights } = await loadModel(replaced);
  expect(described).toBe(4);
  expect(description.trained.step).toBe(20);
  expect(weights[vae.parameters[0]!.path]![0]).toBe(2);
});

test("two files that stay of two moments are refused with the mend", async () => {
  const [before, after] = [await saved(1, 10), await saved(2, 20)];
  await before.write(files[1], await after.read(files[1]));
  const reading = vi.spyOn(before, "read");
  await expect(loadModel(before)).rejects.toThrow(
    "memory/model/weights.safetensors: not the weights that model/model.json was written with; resume the run",
  );
  expect(reading.mock.calls.length).toBeGreaterThan(4);
});

test.each<[string, (json: Record<string, unknown>) => unknown, string]>([
  ["no object", () => null, 'no vaekit model (its "format" is undefined)'],
  ["a later version", (json) => ({ ...json, version: 3 }), "written by a later version of vaekit (format version 3"],
  [
    "an earlier version",
    (json) => ({ ...json, version: 1 }),
    "written by an earlier version of vaekit (format version 1",
  ],
  ["no trained", ({ trained: _, ...json }) => json, "trained: expected an object, got nothing; the file is damaged"],
  [
    "a wrong trained",
    (json) => ({ ...json, trained: { epoch: "1", step: -1, data: 3 } }),
    'trained.epoch: expected a number, got "1"\nmemory/model/model.json: trained.step: expected at least 0, got -1\n' +
      "memory/model/model.json: trained.data: expected text, got 3\n" +
      "memory/model/model.json: trained.dataName: expected text, got nothing; the file is damaged; resume the run",
  ],
  ["a wrong event", (json) => ({ ...json, event: [] }), "event: expected a list that is not empty, got []"],
  ["a wrong dimension", (json) => ({ ...json, event: [2, 0] }), "event.1: expected at least 1, got 0"],
  ["a wrong config", (json) => ({ ...json, config: { model: { latent: 0 } } }), "model.latent: expected a positive"],
])("model.json with %s is refused with its place", async (_, change, message) => {
  const storage = await saved(1, 10);
  const json = JSON.parse(new TextDecoder().decode(await storage.read(files[0]))) as Record<string, unknown>;
  await storage.write(files[0], JSON.stringify(change(json)));
  const loading = loadModel(storage);
  await expect(loading).rejects.toBeInstanceOf(RunError);
  await expect(loading).rejects.toThrow(`memory/model/model.json: ${message}`);
});

test("weights with other parameters than the config's are likely another version's, and that is said", async () => {
  const mend = /it was likely written by another version of vaekit: use that one .* or train the model again/;
  for (const [change, message] of [
    // As models were before the posterior became one layer.
    [{ "encoder.posterior.weight": "encoder.mean.weight" }, 'does not hold the parameter "encoder.posterior.weight"'],
    [{ "": "encoder.more" }, 'tensor "encoder.more" has no place in the model'],
  ] as const) {
    const storage = await saved(1, 10);
    const { tensors } = decodeSafetensors(await storage.read(files[1]), "weights");
    for (const [name, other] of Object.entries(change)) {
      tensors.set(other, tensors.get(name) ?? { shape: [1], data: new Float32Array(1) });
      tensors.delete(name);
    }
    await storage.write(files[1], encodeSafetensors(tensors));
    const loading = loadModel(storage);
    await expect(loading).rejects.toThrow(`memory/model/weights.safetensors: ${message}`);
    await expect(loading).rejects.toThrow(mend);
  }
});
