import { beforeAll, describe, expect, test } from "vitest";
import { draws, momentsOf } from "../../test/latent.ts";
import { floats, untrained } from "../../test/models.ts";
import { DataError, NumericalError, RunError, UsageError } from "../errors.ts";
import { inference } from "../models/inference.ts";
import type { PortableModel } from "../models/portable.ts";
import { runSamplers } from "../models/run-samplers.ts";
import { readSampler, samplerOf, saveSampler } from "../models/samplers.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { memoryStorage } from "../storage/memory.ts";
import { decodeSafetensors } from "../storage/safetensors.ts";
import { encodeSafetensors } from "../storage/safetensors-encode.ts";
import { type FitOptions, fitSamplerOf } from "./fit-sampler.ts";
import { generate } from "./generate.ts";

const backend = await cpuBackend(1);

/** A model whose z is x with a little noise and whose decoder gives z back. */
function identityModel(latent: number, weightsSha256 = "these"): PortableModel {
  const one = (width: number) =>
    Array.from({ length: latent * width }, (_, at) => Number(at % width === Math.floor(at / width)));
  const model = untrained(
    {
      data: { binarization: "none" },
      model: {
        latent,
        encoder: { hidden: [] },
        likelihood: { kind: "normal", variance: "fixed", standardDeviation: 1 },
      },
    },
    [latent],
    {
      "encoder.posterior.weight": one(2 * latent),
      "encoder.posterior.bias": [...Array(latent).fill(0), ...Array(latent).fill(-4)],
      "decoder.mean.weight": one(latent),
      "decoder.mean.bias": Array(latent).fill(0),
    },
  );
  return { ...model, description: { ...model.description, weightsSha256 } };
}

/** Examples (count, d) about two places, the columns correlated. */
function twoPlaces(count: number, d: number, site: string) {
  const noise = draws("normals", count * d, site);
  const values = Array.from(noise, (x, at) => {
    const [row, column] = [Math.floor(at / d), at % d];
    return (row % 2 === 0 ? 3 : -3) + x + 0.5 * noise[at - (column > 0 ? 1 : 0)]!;
  });
  return floats(values, [d]);
}

const splitsOf = (count: number, d: number) => ({
  train: { ...twoPlaces(count, d, "train"), split: "train" as const },
  validation: { ...twoPlaces(100, d, "validation"), split: "validation" as const },
});

/** A model in a place of its own, as a run has it. */
function place(latent: number, weightsSha256?: string) {
  const storage = memoryStorage();
  const model = identityModel(latent, weightsSha256);
  const fit = (options: FitOptions, splits = splitsOf(400, latent)) =>
    fitSamplerOf(model, backend, storage, splits, options);
  const open = () => inference(model, backend, undefined, async (own) => runSamplers(storage, model, own));
  return { storage, model, fitWith: fit, open };
}

describe.each([
  ["mixture", { kind: "mixture", components: 4 }],
  ["flow", { kind: "flow", components: 4, steps: 250 }],
] as const)("the sampler %s", (kind, options) => {
  const { fitWith, open, storage, model } = place(2);
  const told: string[] = [];
  let fitted: Awaited<ReturnType<typeof fitWith>>;
  beforeAll(async () => {
    fitted = await fitWith({ ...options, seed: 1, onProgress: ({ stage }) => told.push(stage) });
  });

  test("says what it is, and beats the model's own prior and a single normal", async () => {
    expect(fitted).toMatchObject({ kind, file: `memory/model/samplers/${kind}.safetensors`, components: 4 });
    expect(fitted).toMatchObject({ examples: 400, seed: 1 });
    expect(new Set(told)).toEqual(new Set(["draws", "fit"]));
    expect(fitted.negLogProbNats).toBeLessThan(fitted.priorNegLogProbNats! - 1);
    const single = await place(2).fitWith({ kind: "mixture", components: 1, seed: 1 });
    expect(fitted.negLogProbNats).toBeLessThan(single.negLogProbNats - 0.1);
  });

  test("its draws have the moments of the codes", async () => {
    const opened = open();
    const count = 4000;
    const { images } = await generate(opened, { count, seed: 3, prior: kind });
    const own = await generate(opened, { count, seed: 3 });
    await opened.close();
    expect(images).not.toEqual(own.images);
    const expected = momentsOf([...splitsOf(400, 2).train.values], 2);
    const { mean, covariance } = momentsOf([...images], 2);
    for (const j of [0, 1]) expect(Math.abs(mean[j]! - expected.mean[j]!)).toBeLessThan(0.3);
    for (const j of [0, 1, 2, 3]) expect(Math.abs(covariance[j]! / expected.covariance[j]! - 1)).toBeLessThan(0.1);
  });

  test("what was stored gives the same numbers when it is loaded, a row by the seed and its place alone", async () => {
    const [one, other] = [open(), open()];
    const drawn = await generate(one, { count: 200, seed: 5, prior: kind });
    expect(await generate(one, { count: 200, seed: 5, prior: kind })).toEqual(drawn);
    expect((await generate(other, { count: 3, seed: 5, prior: kind })).images).toEqual(drawn.images.subarray(0, 6));
    expect((await generate(other, { count: 200, seed: 6, prior: kind })).images).not.toEqual(drawn.images);
    await Promise.all([one.close(), other.close()]);
  });

  test("the same seed fits the same, another another, which an open model draws from at once", async () => {
    const elsewhere = place(2);
    const opened = elsewhere.open();
    expect(await elsewhere.fitWith({ ...options, seed: 1 })).toEqual(fitted);
    const before = await generate(opened, { count: 5, seed: 0, prior: kind });
    const bytes = await storage.read(`model/samplers/${kind}.safetensors`);
    expect(await elsewhere.storage.read(`model/samplers/${kind}.safetensors`)).toEqual(bytes);
    await elsewhere.fitWith({ ...options, seed: 2 });
    expect(await generate(opened, { count: 5, seed: 0, prior: kind })).not.toEqual(before);
    await opened.close();
  });

  test("it belongs to the weights that it was fitted to", async () => {
    const { description } = (await readSampler(storage, kind, 2))!;
    expect(description).toMatchObject({ weightsSha256: "these", data: "0", dataName: "test", examples: 400 });
    const trainedOn = { ...model, description: { ...model.description, weightsSha256: "others" } };
    await expect(samplerOf(storage, kind, trainedOn)).rejects.toThrow(
      new RegExp(`${kind}.safetensors: was fitted before the model was trained on.*--prior ${kind}`),
    );
  });

  test("a damaged file is refused with its name and the mend", async () => {
    const { storage: own } = place(2);
    const path = `model/samplers/${kind}.safetensors`;
    const { description, weights } = (await readSampler(storage, kind, 2))!;
    const refused = async (message: RegExp, latent = 2) => {
      await expect(readSampler(own, kind, latent)).rejects.toThrow(RunError);
      await expect(readSampler(own, kind, latent)).rejects.toThrow(message);
    };
    await saveSampler(own, 2, { ...description, examples: 0 }, weights);
    await refused(/safetensors: examples: expected at least 1, got 0; fit it anew \(vaekit sample … --refit\)/);
    await saveSampler(own, 2, description, weights);
    await refused(/tensor ".*": expected 32-bit floats \(.*3.*\), got \(.*\); fit it anew/, 3);
    const huge = { ...description.shape, components: 1e15, layers: 1e12, hidden: [1e12, 1e12] };
    const { tensors } = decodeSafetensors(await storage.read(path), path);
    const changed = JSON.stringify({ ...description, shape: huge });
    await own.write(path, encodeSafetensors(tensors, { description: changed }));
    await refused(/its shape takes \d\S* numbers at least, and it holds \d+; fit it anew/);
    await own.write(path, (await storage.read(path)).subarray(0, 400));
    await refused(/damaged/);
    const other = kind === "flow" ? "mixture" : "flow";
    await own.write(`model/samplers/${other}.safetensors`, await storage.read(path));
    await expect(readSampler(own, other, 2)).rejects.toThrow(`holds the sampler "${kind}", not "${other}"`);
  });
});

test.each([
  [1, { kind: "flow", steps: 60 }],
  [1, { kind: "mixture" }],
  [200, { kind: "flow", steps: 4 }],
  [200, { kind: "mixture", components: 2 }],
] as const)("%i latents: %o", async (latent, options) => {
  const { fitWith, open } = place(latent);
  const { negLogProbNats } = await fitWith(options, splitsOf(Math.max(100, 2 * latent + 2), latent));
  expect(Number.isFinite(negLogProbNats)).toBe(true);
  const opened = open();
  const { images } = await generate(opened, { count: 3, seed: 0, prior: options.kind });
  expect([...images].every(Number.isFinite)).toBe(true);
  await opened.close();
});

test("what cannot be fitted is refused with the mend", async () => {
  const { fitWith, open, model } = place(2);
  const refused = async (
    options: unknown,
    kind: typeof DataError | typeof UsageError,
    message: string,
    count = 400,
  ) => {
    const fitting = () => fitWith(options as FitOptions, splitsOf(count, 2));
    await expect(fitting()).rejects.toThrow(kind);
    await expect(fitting()).rejects.toThrow(message);
  };
  await refused(
    { kind: "mixture" },
    DataError,
    'test: the sampler "mixture" with 10 components of 2 latents needs 30 training examples, got 20; take 6 components at most (--components 6)',
    20,
  );
  await refused({ kind: "flow" }, DataError, '"flow" with 2 latents needs 3 training examples, got 2', 2);
  await refused({ kind: "mixture", steps: 5 }, UsageError, 'steps: goes with the kind "flow", got "mixture"');
  await refused({ kind: "gaussian" }, UsageError, 'fitSampler: kind: expected "mixture", "flow", got "gaussian"');
  await refused({ kind: "flow", steps: 0 }, UsageError, "fitSampler: steps: expected a positive integer, got 0");
  await refused({ kind: "mixture", component: 5 }, UsageError, "did you mean");

  const opened = open();
  await expect(generate(opened, { count: 1, seed: 0, prior: "flow" })).rejects.toThrow(
    'memory: no sampler "flow" is stored with the model; fit one: vaekit sample … --prior flow, or fitSampler',
  );
  await expect(generate(opened, { count: 1, seed: 0, prior: "normal" as "flow" })).rejects.toThrow(
    'generate: prior: expected "model", "mixture", "flow", got "normal"',
  );
  await opened.close();
  const alone = inference(model, backend);
  await expect(generate(alone, { count: 1, seed: 0, prior: "flow" })).rejects.toThrow(
    "this model is of none; load one",
  );
  await alone.close();
});

test("a conditional model has no sampler, with the reason", async () => {
  const { storage, model } = place(2);
  const { config } = model.description;
  const condition = { on: ["label"], encoder: true, prior: false };
  const conditional = {
    ...model,
    description: { ...model.description, config: { ...config, model: { ...config.model, condition } } },
  };
  await expect(fitSamplerOf(conditional, backend, storage, splitsOf(50, 2), { kind: "mixture" })).rejects.toThrow(
    /prior: .*this model is conditional.*\("model"\) with conditions given/,
  );
  await expect(samplerOf(storage, "mixture", conditional)).rejects.toThrow(UsageError);
});

test("no figure that is not finite is stored; the prior's may be none", async () => {
  const { storage, fitWith } = place(1);
  await fitWith({ kind: "mixture", components: 1 });
  const { description, weights } = (await readSampler(storage, "mixture", 1))!;
  for (const wrong of [{ negLogProbNats: Number.NaN }, { priorNegLogProbNats: Number.POSITIVE_INFINITY }])
    await expect(saveSampler(storage, 1, { ...description, ...wrong }, weights)).rejects.toThrow(NumericalError);
  expect((await readSampler(storage, "mixture", 1))!.description).toEqual(description);
  await saveSampler(storage, 1, { ...description, priorNegLogProbNats: null }, weights);
  expect((await readSampler(storage, "mixture", 1))!.description.priorNegLogProbNats).toBeNull();
});
