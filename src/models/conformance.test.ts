import { describe, expect, test } from "vitest";
import { differences, furthest, runner } from "../../test/numeric.ts";
import { type Config, type PartialConfig, parseConfig } from "../config.ts";
import { grad } from "../graph/grad.ts";
import { staticSize } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import { createKernels } from "../runtime/kernels.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { siteKey } from "../runtime/philox.ts";
import { memoryStorage } from "../storage/memory.ts";
import { compileTraining } from "../train/compile.ts";
import { initializeParameters } from "../train/initialize.ts";
import { layoutOf, viewOf } from "../train/layout.ts";
import type { TrainingProgram } from "../train/program.ts";
import { learningRateAt, scalarsAt } from "../train/schedule.ts";
import { negElbo } from "./objective.ts";
import { loadModel, saveModel } from "./portable.ts";
import type { DataStatistics } from "./registry.ts";
import { batchLoss } from "./step.ts";
import { buildVae, type Vae } from "./vae.ts";

/* What every model must keep, from one table: a new model, or a new option of one, is a new row. */

const rows = 8;
const latent = 2;

/** Eight different examples of zeros and ones, each of `size` bits. */
const bits = (size: number): Float32Array =>
  Float32Array.from(
    { length: rows * size },
    (_, i) => ([1, 3, 7, 11, 21, 35, 47, 5][Math.floor(i / size)]! >> ((i % size) % 6)) & 1,
  );
/** Eight different examples of real numbers. */
const reals = (size: number): Float32Array => bits(size).map((bit, i) => 1.5 * bit - 1 + Math.sin(3 * i) / 4);

const flat = [3, 2] as const;
const [binary, real] = [bits(6), reals(6)];

interface Row {
  readonly name: string;
  readonly config: PartialConfig;
  readonly data: Float32Array;
  /** Shape of one example. Default: (3, 2). */
  readonly event?: readonly number[];
}

const eventOf = ({ event = flat }: Row): readonly number[] => event;

const base = {
  model: { latent, encoder: { hidden: [4, 3], activation: "tanh", initialization: "glorot" } },
  optimizer: { learningRate: 0.02 },
  train: { batchSize: rows, steps: 200 },
} as const satisfies PartialConfig;
const network = base.model.encoder;
const withModel = (model: PartialConfig["model"]): PartialConfig => ({ ...base, model: { ...base.model, ...model } });
const withEncoder = (encoder: Partial<Config["model"]["encoder"]>): PartialConfig =>
  withModel({ encoder: { ...network, hidden: [...network.hidden], ...encoder } as never });

/** Images of odd sizes, which no stride divides, grey and in colour. */
const grey = [7, 5] as const;
const colour = [5, 3, 3] as const;
type Layers = NonNullable<NonNullable<NonNullable<PartialConfig["model"]>["encoder"]>["layers"]>;
const withConv = (layers: Layers, model: PartialConfig["model"] = {}): PartialConfig =>
  withModel({ encoder: { ...network, kind: "conv", layers, hidden: [4] }, ...model });
const halving: Layers = [
  { channels: 2, kernel: 4, stride: 2 },
  { channels: 3, kernel: 4, stride: 2 },
];

type Network = NonNullable<NonNullable<PartialConfig["model"]>["encoder"]>;
const small = [5, 3] as const;
const rowOf = (name: string, event: readonly number[], encoder: Network, learningRate = 0.02): Row => ({
  name,
  config: { ...withModel({ encoder: { ...network, hidden: [3], ...encoder } }), optimizer: { learningRate } },
  data: bits(staticSize(event)),
  event,
});
/** Deep networks learn at a lower rate. SiLU is smooth, as the gradient check wants it. */
const residual = (name: string, options: Network, event: readonly number[] = small): Row =>
  rowOf(
    `residual${name}`,
    event,
    { kind: "residual", channels: [2, 3], activation: "silu", initialization: "he", ...options },
    0.005,
  );
const inGroups = { channels: [2, 8], bottleneck: true }; // 8 channels are two groups

/** Networks on the smallest examples that show what they do: each number of theirs is moved for the gradient check. */
const networks: readonly Row[] = [
  residual("", {}),
  residual(", colour, pooled", { sampling: "pooled" }, colour),
  residual(", weight normalization", { normalization: "weight" }),
  residual(", bottleneck, groups", inGroups),
  rowOf("conv1d", [7], { kind: "conv1d", layers: [{ channels: 2 }, { channels: 3, kernel: 3 }] }),
  rowOf("conv1d, several channels", [5, 2], { kind: "conv1d", layers: [{ channels: 2, kernel: 3, padding: 1 }] }),
  rowOf("gated mlp", flat, { gated: true, activation: null }),
  rowOf("gated conv", small, { kind: "conv", gated: true, activation: null, layers: halving }),
];

const withCapacity = (options: PartialConfig["objective"]): PartialConfig => ({
  ...base,
  objective: { kind: "capacity", gamma: 10, ...options },
});

const table: readonly Row[] = [
  { name: "base", config: base, data: binary },
  { name: "fixed variance", config: withModel({ likelihood: { kind: "normal", variance: "fixed" } }), data: real },
  {
    name: "another fixed variance",
    config: withModel({ likelihood: { kind: "normal", variance: "fixed", standardDeviation: 0.4 } }),
    data: real,
  },
  { name: "global variance", config: withModel({ likelihood: { kind: "normal", variance: "global" } }), data: real },
  { name: "learned variance", config: withModel({ likelihood: { kind: "normal", variance: "learned" } }), data: real },
  ...(["relu", "elu", "silu", "softplus"] as const).map((activation) => ({
    name: activation,
    config: withEncoder({ activation }),
    data: binary,
  })),
  ...(["lecun", "he"] as const).map((initialization) => ({
    name: initialization,
    config: withEncoder({ initialization }),
    data: binary,
  })),
  { name: "other hidden layers", config: withEncoder({ hidden: [5] }), data: binary },
  { name: "no hidden layer", config: withEncoder({ hidden: [] }), data: binary },
  {
    name: "another decoder",
    config: withModel({ decoder: { hidden: [7], activation: "elu", initialization: "he" } }),
    data: binary,
  },
  { name: "conv, grey", config: withConv(halving), data: bits(35), event: grey },
  {
    name: "conv, colour, learned variance",
    config: withConv([{ channels: 2, kernel: 3, stride: [2, 1], padding: 1 }], {
      likelihood: { kind: "normal", variance: "learned" },
    }),
    data: reals(45),
    event: colour,
  },
  {
    name: "conv, without dense layers",
    config: withConv([{ channels: 2, kernel: [3, 2], stride: [3, 2], padding: 1 }], {
      encoder: { kind: "conv", activation: "silu", layers: [{ channels: 3, kernel: 3, stride: 2 }], hidden: [] },
      decoder: { layers: [{ channels: 2, kernel: [3, 2], stride: [3, 2], padding: 1 }] },
      likelihood: { kind: "normal", variance: "fixed", standardDeviation: 0.6 },
    }),
    data: reals(35),
    event: grey,
  },
  {
    name: "conv to mlp",
    config: withConv([{ channels: 3, kernel: 4, stride: 2 }], { decoder: { kind: "mlp", hidden: [6] } }),
    data: bits(45),
    event: colour,
  },
  {
    name: "mlp to conv",
    config: withModel({ decoder: { kind: "conv", layers: [{ channels: 2, kernel: 2, stride: 2 }] } }),
    data: bits(35),
    event: grey,
  },
  ...networks,
  { name: "wider latents", config: withModel({ latent: 3 }), data: binary },
  { name: "β = 0", config: { ...base, objective: { beta: 0 } }, data: binary },
  { name: "β = 4", config: { ...base, objective: { beta: 4 } }, data: binary },
  { name: "capacity", config: withCapacity({ steps: 2 }), data: binary },
  { name: "capacity, another γ", config: withCapacity({ steps: 2, gamma: 3 }), data: binary },
  { name: "capacity, not from 0", config: withCapacity({ steps: 8, from: 1 }), data: binary },
  { name: "capacity, to less", config: withCapacity({ steps: 2, to: 4 }), data: binary },
  { name: "capacity, in more steps", config: withCapacity({ steps: 8 }), data: binary },
];

const statisticsOf = (row: Row): DataStatistics => {
  const { data } = row;
  const size = staticSize(eventOf(row));
  const mean = Float32Array.from({ length: size }, (_, j) =>
    data.reduce((sum, x, i) => (i % size === j ? sum + x / rows : sum), 0),
  );
  return { mean, variance: data.reduce((sum, x, i) => sum + (x - mean[i % size]!) ** 2 / data.length, 0) };
};

const prepare = (row: Row): { config: Config; vae: Vae } => {
  const parsed = parseConfig(row.config, "test");
  return { config: parsed, vae: buildVae(parsed.model, eventOf(row), statisticsOf(row)) };
};

/** Standard normals of a step, for each row and latent. */
function noiseFor(vae: Vae, step = 0): Float32Array {
  const kernels = createKernels(4 * rows * vae.latent + 128);
  const out = kernels.float32(rows * vae.latent);
  kernels.normals(out, siteKey(0, "noise"), step, kernels.uint32(1), out.length);
  return out;
}

function initialParameters(vae: Vae, seed = 0): Record<string, Float32Array> {
  const layout = layoutOf(vae.parameters);
  const buffer = new Float32Array(layout.total);
  initializeParameters(buffer, layout, vae.parameters, seed);
  return Object.fromEntries(layout.slots.map((slot) => [slot.path, viewOf(buffer, slot).slice()]));
}

interface Trained {
  readonly losses: number[];
  readonly distortions: number[];
  readonly parameters: Record<string, Float32Array>;
}

/** Trains on the eight examples, with other noise at each step: what the decoder learns of them, it has from z. */
async function learn(row: Row, steps: number, seed = 0): Promise<Trained> {
  const { config, vae } = prepare(row);
  const program: TrainingProgram = await compileTraining(await cpuBackend(1), vae, config);
  initializeParameters(program.parameters, program.layout, vae.parameters, seed);
  program.inputs.x!.set(row.data);
  program.inputs.weight!.fill(1);
  const losses: number[] = [];
  const distortions: number[] = [];
  for (let step = 1; step <= steps; step++) {
    program.inputs.noise!.set(noiseFor(vae, step));
    for (const [name, value] of Object.entries(scalarsAt(config.objective, step))) program.inputs[name]!.fill(value);
    const learningRate = learningRateAt(config.optimizer, step, config.train.steps);
    const { loss, terms } = (await program.step(step, { ...config.optimizer, learningRate })).get(
      config.objective.kind,
    )!;
    losses.push(loss);
    distortions.push(terms.distortionNats!);
  }
  const parameters = Object.fromEntries(
    program.layout.slots.map((slot) => [slot.path, viewOf(program.parameters, slot).slice()]),
  );
  await program.release();
  return { losses, distortions, parameters };
}

describe.each(table)("$name", (row) => {
  const event = eventOf(row);

  test("shapes", () => {
    const { vae } = prepare(row);
    const x = input("x", ["batch", ...event]);
    const posterior = vae.encode(x);
    const z = posterior.sample(input("noise", [5, "batch", vae.latent]));
    expect(posterior.shape).toEqual(["batch", vae.latent]);
    expect(z.shape).toEqual([5, "batch", vae.latent]);
    expect(vae.prior(z).logProb(z).shape).toEqual(z.shape);
    expect(vae.decode(z).logProb(x).shape).toEqual([5, "batch", ...event]);
    for (const parameter of Object.values(vae.decode(input("z", ["batch", vae.latent])).parameters))
      expect(parameter.shape).toEqual(["batch", ...event]);
    const { posterior: _, ...terms } = negElbo(vae, x, input("noise", ["batch", vae.latent]));
    for (const term of Object.values(terms)) expect(term.shape).toEqual(["batch"]);
  });

  test("the gradient of the objective is that of central differences", async () => {
    const { config, vae } = prepare(row);
    const { minimize: loss } = batchLoss(vae, config.objective.kind);
    const gradients = grad(
      loss,
      vae.parameters.map(({ tensor }) => tensor),
    );
    const run = await runner({
      loss,
      ...Object.fromEntries(vae.parameters.map(({ path }, i) => [`d ${path}`, gradients[i]!])),
    });
    const weight = [1, 2, 0.5, 0, 1, 1, 3, 1];
    const given: Record<string, Float32Array | number[] | number> = {
      ...(scalarsAt(config.objective, 3) as Record<string, number>),
      ...initialParameters(vae),
      x: row.data,
      noise: noiseFor(vae),
      weight,
    };
    // Biases of 0 behind a dead ReLU would lie on its kink, where there is no derivative.
    for (const path of Object.keys(given))
      if (path.endsWith("bias")) given[path] = (given[path] as Float32Array).map((value, i) => value + 0.05 * (i + 1));
    const exact = await run(given);
    for (const { path } of vae.parameters)
      expect(furthest(exact[`d ${path}`]!, await differences(run, "loss", given, path)), path).toBeLessThan(1e-7);
  });

  test("the same seed gives the same numbers to the bit, another seed others", async () => {
    const [first, again, other] = [await learn(row, 3), await learn(row, 3), await learn(row, 3, 1)];
    expect(again).toEqual(first);
    expect(other.losses).not.toEqual(first.losses);
  });

  test("the decoder starts at the data's mean, and at their variance", async () => {
    const { vae } = prepare(row);
    const parameters = initialParameters(vae);
    // with its last weights at 0, all that is left of the decoder is where it starts
    for (const path of Object.keys(parameters))
      if (/^decoder\.(logits|mean|logvar)\.weight$/.test(path)) parameters[path]!.fill(0);
    const { mean, variance } = vae.decode(input("z", [1, vae.latent]));
    const run = await (await runner({ mean, variance }))({
      ...parameters,
      z: Array.from({ length: vae.latent }, () => 0.7),
    });
    const statistics = statisticsOf(row);
    const { kind } = parseConfig(row.config, "test").model.likelihood;
    // probabilities are held away from 0 and 1, where no gradient would be left
    const start = statistics.mean.map((value) =>
      kind === "bernoulli" ? Math.min(Math.max(value, 0.001), 0.999) : value,
    );
    expect(furthest(run.mean!, start)).toBeLessThan(1e-6);
    if (/global|learned/.test(row.name))
      for (const value of run.variance!) expect(value).toBeCloseTo(statistics.variance, 4);
  });

  test("saved and loaded it encodes and decodes to the same numbers", async () => {
    const { config, vae } = prepare(row);
    const { parameters } = await learn(row, 5);
    const storage = memoryStorage();
    const trained = { epoch: 1, step: 5, data: "0123456789abcdef", dataName: "eight" };
    await saveModel(storage, { format: "vaekit-model", version: 2, event, config, trained }, vae, parameters);
    const loaded = await loadModel(storage);
    expect(loaded.description).toMatchObject({ format: "vaekit-model", version: 2, event, config, trained });
    expect(loaded.weights).toEqual(parameters);
    const outputs = async (model: Vae, weights: Readonly<Record<string, Float32Array>>) => {
      const { mean, logvar } = model.encode(input("x", ["batch", ...event]));
      const decoded = model.decode(input("z", ["batch", model.latent]));
      const run = await runner({ mean, logvar, pMean: decoded.mean, pVariance: decoded.variance }, "float32");
      return run({ ...weights, x: row.data, z: noiseFor(model) });
    };
    expect(await outputs(loaded.vae, loaded.weights)).toEqual(await outputs(vae, parameters));
  });
});

/** The least distortion there is, in nats, for a decoder that puts its mean on x: 0 for bits, −log density for numbers. */
function leastDistortion({ likelihood }: Config["model"], event: readonly number[]): number {
  if (likelihood.kind !== "normal") return 0;
  const { variance, standardDeviation } = likelihood as { variance: string; standardDeviation?: number };
  const deviation = variance === "fixed" ? standardDeviation! : 0.5; // one that is learned falls lower yet, with time
  return staticSize(event) * (Math.log(2 * Math.PI) / 2 + Math.log(deviation));
}

describe("learns eight examples by heart in 200 steps, when it is wide and the rate costs nothing", () => {
  const wide = (network: Pick<Network, "layers" | "channels"> = {}) =>
    ({
      ...network,
      hidden: [32],
      ...(network.channels ? { channels: network.channels.map(() => 16) } : {}),
      ...(network.layers ? { layers: network.layers.map((layer) => ({ ...layer, channels: 16 })) } : {}),
    }) as never;
  test.each(table.filter(({ name }) => !/hidden|β|capacity/.test(name)))("$name", async (row) => {
    const model = {
      ...row.config.model,
      encoder: wide(row.config.model?.encoder),
      decoder: wide(row.config.model?.decoder),
    };
    const config = { ...row.config, model, objective: { beta: 0 } };
    const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
    // Some initial weights learn more slowly than others.
    const reached: number[] = [];
    for (const seed of [0, 1, 2])
      reached.push(median((await learn({ ...row, config }, 200, seed)).distortions.slice(-51)));
    expect(median(reached) - leastDistortion(parseConfig(config, "test").model, eventOf(row))).toBeLessThan(0.2);
  });
});

test("every option changes the loss, by the fourth step at the latest", async () => {
  const optimizer = (options: PartialConfig["optimizer"]): Row => ({
    name: JSON.stringify(options),
    config: { ...base, optimizer: { ...base.optimizer, ...options } },
    data: binary,
  });
  const more: Row[] = [
    residual(", pooled", { sampling: "pooled" }),
    residual(", more blocks", { blocks: 2 }),
    residual(", more blocks in one level", { blocks: [1, 2] }),
    residual(", no normalization", { normalization: "none" }),
    residual(", bottleneck, whole maps", { ...inGroups, normalization: "layer" }),
    residual(", no bottleneck", { ...inGroups, bottleneck: false }),
    residual(", another activation", { activation: "elu" }),
    residual(", other weights", { initialization: "lecun" }),
    optimizer({ learningRate: 0.01 }),
    optimizer({ beta1: 0.5 }),
    optimizer({ beta2: 0.9 }),
    optimizer({ epsilon: 0.1 }),
    optimizer({ schedule: { kind: "cosine", warmup: 3 } }),
    optimizer({ schedule: { kind: "cosine", warmup: 2 } }),
    optimizer({ schedule: { kind: "cosine", warmup: 2, final: 0.5 } }),
    optimizer({ schedule: { kind: "step", every: 2 } }),
    optimizer({ schedule: { kind: "step", every: 2, factor: 0.5 } }),
    optimizer({ schedule: { kind: "step", every: 1 } }),
  ];
  const losses = await Promise.all(
    [...table, ...more].map(async (row) => [row.name, (await learn(row, 4)).losses.at(-1)!] as const),
  );
  for (const [i, [name, loss]] of losses.entries()) {
    const same = losses.slice(0, i).find(([, other]) => other === loss);
    expect(same?.[0], `${name} changes nothing`).toBe(undefined);
  }
});
