import { expect, test } from "vitest";
import { residentBackend } from "../../test/resident.ts";
import { at, settings } from "../../test/training.ts";
import { type PartialConfig, parseConfig } from "../config.ts";
import type { Dataset, Splits } from "../data/dataset.ts";
import { evaluateModel } from "../evaluate/evaluate.ts";
import { batchFiller } from "../models/batches.ts";
import { loadObjective } from "../models/objective-table.ts";
import { loadModel } from "../models/portable.ts";
import { trainingInputs, trainingParameters } from "../models/training.ts";
import { buildVae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { memoryStorage } from "../storage/memory.ts";
import { decodeSafetensors } from "../storage/safetensors.ts";
import type { Storage } from "../storage/storage.ts";
import { compileTraining } from "./compile.ts";
import { threadHelpers } from "./helper.node.ts";
import { initializeParameters } from "./initialize.ts";
import { readMetrics } from "./metrics.ts";
import { objectiveName } from "./objective-name.ts";
import { prepareTraining } from "./prepare.ts";
import type { TrainingProgram } from "./program.ts";
import { trainRun } from "./run.ts";
import { finalObjectiveNats } from "./schedule.ts";
import { trainModel } from "./train.ts";

/* FactorVAE: two objectives of one training, each with parameters of its own. */

/** Grey images of 4×4 with one bright bar each. */
function bars(split: Dataset["split"], count: number, start: number): Dataset {
  const values = Uint8Array.from({ length: count * 16 }, (_, i) =>
    (start + Math.floor(i / 16)) % 4 === i % 4 ? 230 : 20,
  );
  const index = Uint32Array.from({ length: count }, (_, i) => start + i);
  return { name: "bars", split, event: [4, 4], count, values, index, fingerprint: "bars" };
}

const data: Splits = {
  train: bars("train", 70, 0),
  validation: bars("validation", 20, 70),
  test: bars("test", 10, 90),
};

type Objective = NonNullable<PartialConfig["objective"]>;

const configWith = (objective: Objective = {}, optimizer: PartialConfig["optimizer"] = {}): PartialConfig => ({
  model: { latent: 2, encoder: { hidden: [8] } },
  objective: { kind: "factor", gamma: 5, discriminator: { hidden: [12, 12] }, ...objective },
  optimizer,
  train: { batchSize: 16, epochs: 3, checkpointSeconds: 0 },
});

interface Options {
  readonly backend?: Backend;
  readonly storage?: Storage;
  /** Goes on with what the storage holds. */
  readonly resume?: boolean;
  readonly until?: number;
}

async function run(
  config: PartialConfig,
  { backend, storage = memoryStorage(), resume = false, until }: Options = {},
): Promise<Storage> {
  const stop = new AbortController();
  await trainRun(
    {
      ...(resume ? {} : { config }),
      resume,
      signal: stop.signal,
      onProgress: (event) => {
        if (event.kind === "epoch" && event.row.epoch === until) stop.abort();
      },
    },
    {
      storage,
      load: async () => data,
      source: null,
      backend: async () => backend ?? cpuBackend(1),
      helpers: async () => undefined,
      platform: "test",
    },
  );
  return storage;
}

async function tensorsIn(storage: Storage, file: string): Promise<Map<string, number[]>> {
  const { tensors } = decodeSafetensors(await storage.read(file), file);
  return new Map([...tensors].map(([name, { data: values }]) => [name, Array.from(values, Number)]));
}
const modelIn = (storage: Storage) => tensorsIn(storage, "model/weights.safetensors");
const checkpointIn = async (storage: Storage) =>
  tensorsIn(storage, `checkpoints/${(await storage.list("checkpoints")).sort().at(-1)!}`);

/** The training program of a config, with parameters of a seed, filled with the first rows of the data. */
async function filled(config: PartialConfig, rows: number, size: number, backend?: Backend): Promise<TrainingProgram> {
  const parsed = parseConfig({ ...config, train: { batchSize: size } }, "test");
  const vae = buildVae(parsed.model, [4, 4]);
  const program = await compileTraining(backend ?? (await cpuBackend(1)), vae, parsed);
  initializeParameters(program.parameters, program.layout, trainingParameters(vae, parsed.objective), 3);
  // a discriminator that knows something already
  for (const path of ["discriminator.logit.weight", "discriminator.logit.bias"])
    at(program, path).forEach((_, i, values) => {
      values[i] = Math.sin(i + 1);
    });
  const { kernels, inputs } = program;
  const arrays = {
    ...{ kernels, x: inputs.x!, noise: inputs.noise!, weight: inputs.weight! },
    ...{ example: kernels.uint32(size), pixels: kernels.uint8(inputs.x!.length), noiseWidth: 2, samples: 1 },
    drawn: trainingInputs(vae, parsed.objective).map((drawn) => ({ ...drawn, out: inputs[drawn.name]! })),
  };
  batchFiller(data.train, arrays, { binarization: "dynamic", seed: 1, purpose: "train" })(
    Uint32Array.from({ length: rows }, (_, i) => i),
    { epoch: 0, step: 1 },
  );
  return program;
}

const isDiscriminators = (path: string) => path.startsWith("discriminator.");

test("each objective moves its own parameters, and no others", async () => {
  for (const frozen of [["discriminator"], ["encoder", "decoder"]]) {
    const groups = [{ parameters: frozen, learningRate: 0 }];
    const program = await filled(configWith({}, { groups }), 8, 8);
    const before = program.parameters.slice();
    await program.step(1, settings);
    for (const { path } of program.layout.slots) {
      const stays = isDiscriminators(path) === (frozen.length === 1);
      expect(
        at(program, path).every((value, i) => value === at(program, path, before)[i]!),
        path,
      ).toBe(stays);
    }
    await program.release();
  }
  const program = await filled(configWith(), 8, 8);
  await program.step(1, settings);
  for (const [name, { first }] of program.moments)
    for (const { path } of program.layout.slots) {
      const moved = at(program, path, first).some((value) => value !== 0);
      expect(moved, `${name}: ${path}`).toBe(isDiscriminators(path) === (name === "discriminator"));
    }
  await program.release();
});

test("a batch with padding has the numbers of the smaller batch", async () => {
  const numbers = async (size: number) => {
    const program = await filled(configWith(), 5, size);
    const results = await program.step(1, { ...settings, beta1: 0 });
    const gradients = [...program.moments.values()].map(({ first }) => first.slice());
    await program.release();
    return { results, gradients };
  };
  const [small, padded] = [await numbers(5), await numbers(8)];
  for (const [name, { loss, terms }] of small.results) {
    const other = padded.results.get(name)!;
    expect(other.loss, name).toBeCloseTo(loss, 5);
    for (const [term, value] of Object.entries(terms)) expect(other.terms[term], term).toBeCloseTo(value, 5);
  }
  for (const [i, gradients] of small.gradients.entries())
    for (const [j, value] of gradients.entries()) expect(padded.gradients[i]![j]).toBeCloseTo(value, 5);
});

test("with γ = 0 the model's steps are those of the ELBO", async () => {
  const optimizer = { epsilon: 0.1 }; // a small ε makes steps of rounding errors
  const train = { batchSize: 14, epochs: 3 }; // which leaves no smaller batch over
  const factor = await run({ ...configWith({ gamma: 0 }, optimizer), train });
  const elbo = await run({ ...configWith({}, optimizer), objective: { kind: "elbo" }, train });
  const [a, b] = [await modelIn(factor), await modelIn(elbo)];
  expect([...a.keys()]).toEqual([...b.keys()]); // no discriminator is left in the model
  for (const [path, values] of b)
    for (const [i, value] of values.entries()) expect(a.get(path)![i], path).toBeCloseTo(value, 5);
  const [last, plain] = [(await readMetrics(factor)).at(-1)!, (await readMetrics(elbo)).at(-1)!];
  expect(last.train.negElboNats).toBeCloseTo(plain.train.negElboNats, 4);
  expect(last.validation!.negElboNats).toBeCloseTo(plain.validation!.negElboNats, 4);
  const other = await modelIn(await run({ ...configWith({}, optimizer), train }));
  expect(other.get("encoder.hidden.0.weight")).not.toEqual(a.get("encoder.hidden.0.weight"));
});

test("metrics hold the total correlation and how the discriminator does; the best goes by the whole objective", async () => {
  const storage = await run(configWith({ gamma: 3 }));
  const rows = await readMetrics(storage);
  expect(rows).toHaveLength(3);
  for (const { train, validation } of rows) {
    expect(Number.isFinite(validation!.totalCorrelationNats)).toBe(true);
    expect(train.discriminatorNats).toBeGreaterThan(0);
    expect(train.discriminatorNats).toBeLessThan(1.5);
    expect(train.discriminatorAccuracy).toBeGreaterThan(0);
    expect(train.discriminatorAccuracy).toBeLessThanOrEqual(1);
  }
  const scores = rows.map(
    ({ validation: v }) => v!.distortionNats + v!.rateNats + 3 * Math.max(0, v!.totalCorrelationNats!),
  );
  const bytes = await storage.read(`checkpoints/${(await storage.list("checkpoints")).sort().at(-1)!}`);
  const state = JSON.parse(decodeSafetensors(bytes, "checkpoint").metadata.state!) as {
    best: { epoch: number; objectiveNats: number };
  };
  expect(state.best.objectiveNats).toBeCloseTo(Math.min(...scores), 6);
  expect(state.best.epoch).toBe(1 + scores.indexOf(Math.min(...scores)));
});

test("a model is not the better for a discriminator that errs to below 0", () => {
  const { objective } = parseConfig(configWith({ gamma: 3 }));
  const at = (totalCorrelationNats: number) =>
    finalObjectiveNats(objective, { distortionNats: 5, rateNats: 2, totalCorrelationNats });
  expect([-4, 0, 4].map(at)).toEqual([7, 7, 19]);
  expect(objectiveName(objective)).toBe("distortion + rate + 3·max(0, total correlation)");
});

test("groups that leave the discriminator alone to train are refused", async () => {
  await loadObjective(parseConfig(configWith()).objective);
  const prepare = (parameters: string[]) =>
    prepareTraining(parseConfig(configWith({}, { groups: [{ parameters, learningRate: 0 }] })), data);
  expect(() => prepare(["encoder", "decoder"])).toThrow("optimizer.groups: freeze every parameter of the model");
  prepare(["discriminator", "encoder"]);
});

test("stopped and resumed, the discriminator and its moments go on to the bit", async () => {
  const whole = await run(configWith());
  const parted = await run(configWith(), { until: 1 });
  await run({}, { storage: parted, resume: true });
  const checkpoint = await checkpointIn(parted);
  expect(checkpoint).toEqual(await checkpointIn(whole));
  expect(await modelIn(parted)).toEqual(await modelIn(whole));
  for (const prefix of ["parameters", "best", "first/discriminator", "second/discriminator"])
    expect(
      checkpoint.get(`${prefix}/discriminator.hidden.0.weight`)!.some((value) => value !== 0),
      prefix,
    ).toBe(true);
});

test("a device with memory of its own has the processor's numbers", async () => {
  const { backend, live } = await residentBackend();
  const optimizer = { epsilon: 0.01, groups: [{ parameters: ["decoder"], learningRate: 0.5 }] };
  const config = configWith({ discriminator: { hidden: [12], learningRate: 2 } }, optimizer);
  const [cpu, device] = [await checkpointIn(await run(config)), await checkpointIn(await run(config, { backend }))];
  expect([...device.keys()]).toEqual([...cpu.keys()]);
  for (const [path, values] of cpu)
    for (const [i, value] of values.entries())
      expect(Math.abs(device.get(path)![i]! - value), path).toBeLessThan(1e-4 * (1 + Math.abs(value)));
  expect(live()).toBe(0);
});

test("the optimizer holds for both: the discriminator's factor, a group, and the norm of each by itself", async () => {
  const descent = { kind: "sgd", learningRate: 0.1, momentum: 0, nesterov: false } as const;
  const moved = async (config: PartialConfig, own: Parameters<TrainingProgram["step"]>[1] = descent) => {
    const program = await filled(config, 8, 8);
    const before = program.parameters.slice();
    const results = await program.step(1, own);
    const length = (theirs: boolean) =>
      Math.hypot(
        ...program.layout.slots
          .filter(({ path }) => isDiscriminators(path) === theirs)
          .flatMap(({ path }) => [...at(program, path)].map((value, i) => value - at(program, path, before)[i]!)),
      );
    await program.release();
    return { model: length(false), discriminator: length(true), results };
  };
  const free = await moved(configWith());
  const tripled = await moved(configWith({ discriminator: { hidden: [12, 12], learningRate: 3 } }));
  expect(tripled.discriminator / free.discriminator).toBeCloseTo(3, 3);
  expect(tripled.model).toBeCloseTo(free.model, 6);
  const groups = [{ parameters: ["discriminator"], learningRate: 0.5 }];
  const grouped = await moved(configWith({ discriminator: { hidden: [12, 12], learningRate: 3 } }, { groups }));
  expect(grouped.discriminator / free.discriminator).toBeCloseTo(0.5, 3);
  const norm = (name: string) => free.results.get(name)!.gradientNorm;
  const clip = norm("discriminator") / 2;
  expect(norm("factor")).toBeGreaterThan(clip);
  const clipped = await moved(configWith(), { ...descent, clip });
  expect(clipped.model).toBeCloseTo(0.1 * clip, 5);
  expect(clipped.discriminator).toBeCloseTo(0.1 * clip, 5);
  const skipped = await moved(configWith(), { ...descent, skipAbove: (norm("factor") + norm("discriminator")) / 2 });
  expect([...skipped.results].map(([, result]) => result.skipped)).toEqual([true, false]);
  expect(skipped.model).toBe(0);
  expect(skipped.discriminator).toBeGreaterThan(0);
});

test("a discriminator whose steps are skipped leaves its terms out, and the model's are whole", async () => {
  const frozen = { groups: [{ parameters: ["encoder", "decoder"], learningRate: 0 }], skipAbove: 1e-9 };
  const config = parseConfig(configWith({}, frozen), "test");
  const storage = memoryStorage();
  await trainModel({ config, data, vae: buildVae(config.model, [4, 4]), storage, backend: await cpuBackend(1) });
  for (const { train, skippedSteps } of await readMetrics(storage)) {
    expect(train.totalCorrelationNats).toBe(0);
    expect(train).not.toHaveProperty("discriminatorNats");
    expect(Number.isFinite(train.negElboNats)).toBe(true);
    expect(skippedSteps).toBe(0);
  }
});

test("the model that is left is evaluated without its discriminator", async () => {
  const storage = await run(configWith());
  const evaluation = await evaluateModel(await loadModel(storage), await cpuBackend(1), data.validation);
  const best = Math.min(...(await readMetrics(storage)).map(({ validation }) => validation!.negElboNats));
  expect(evaluation.negElboNats.mean).toBeGreaterThan(0.9 * best);
  expect(evaluation.negElboNats.mean).toBeLessThan(1.2 * best);
  expect(evaluation).not.toHaveProperty("totalCorrelationNats");
});

test("threads do not share a batch that latents are permuted in", async () => {
  const config = parseConfig(configWith(), "test");
  const vae = buildVae(config.model, [4, 4]);
  const program = await compileTraining(await cpuBackend(2), vae, config, await threadHelpers());
  expect(program.members).toBe(1);
  await program.release();
});
