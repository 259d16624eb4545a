import { beforeAll, describe, expect, test } from "vitest";
import { differences, furthest, runner } from "../../test/numeric.ts";
import { densities, likelihoods } from "../config.parts.ts";
import { type Config, type PartialConfig, parseConfig } from "../config.ts";
import type { Distribution } from "../distributions/distribution.ts";
import { grad } from "../graph/grad.ts";
import { lower } from "../graph/lower.ts";
import { mean as meanOver } from "../graph/ops/reduce.ts";
import { staticSize } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { createKernels } from "../runtime/kernels.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { siteKey } from "../runtime/philox.ts";
import { memoryStorage } from "../storage/memory.ts";
import { compileTraining } from "../train/compile.ts";
import { initializeParameters } from "../train/initialize.ts";
import { layoutOf, viewOf } from "../train/layout.ts";
import type { TrainingProgram } from "../train/program.ts";
import { learningRateAt, scalarsAt } from "../train/schedule.ts";
import { findLikelihood } from "./likelihood.ts";
import { negElbo } from "./objective.ts";
import { loadParts } from "./parts.ts";
import { loadModel, saveModel } from "./portable.ts";
import type { DataStatistics } from "./registry.ts";
import { batchLoss, drawsOf } from "./step.ts";
import { buildVae, type Vae } from "./vae.ts";

/* What every model must keep, from one table: a new model, or a new option of one, is a new row. */

beforeAll(async () => {
  for (const { config } of table) await loadParts(parseConfig(config, "test").model);
});

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

/** Eight different examples of numbers between 0 and 1. */
const units = (size: number): Float32Array => bits(size).map((bit, i) => 0.15 + 0.6 * bit + Math.sin(3 * i) / 8);
/** Eight different examples of whole numbers from 0 to 8. */
const counts = (size: number): Float32Array => bits(size).map((bit, i) => 6 * bit + ((5 * i) % 3));

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

type Likelihood = NonNullable<NonNullable<PartialConfig["model"]>["likelihood"]>;
const likelihoodRow = (name: string, likelihood: Likelihood, data: Float32Array, event?: readonly number[]): Row => ({
  name,
  config: withModel({ likelihood }),
  data,
  ...(event ? { event } : {}),
});
const [unit, count] = [units(6), counts(6)];

/** Every likelihood that is loaded when it is named, with each of its options. */
const likelihoodRows: readonly Row[] = [
  likelihoodRow("continuous Bernoulli", { kind: "continuous-bernoulli" }, unit),
  likelihoodRow("Laplace, fixed scale", { kind: "laplace", scale: 0.4 }, real),
  likelihoodRow("Laplace, global scale", { kind: "laplace" }, real),
  likelihoodRow("Laplace, learned scale", { kind: "laplace", scale: "learned" }, real),
  likelihoodRow("Student-t, fixed", { kind: "student-t", scale: 0.4, degrees: 4 }, real),
  likelihoodRow("Student-t, other degrees", { kind: "student-t", scale: 0.4, degrees: 9 }, real),
  likelihoodRow("Student-t, global scale", { kind: "student-t" }, real),
  likelihoodRow("Student-t, learned scale", { kind: "student-t", scale: "learned", degrees: "learned" }, real),
  likelihoodRow("discretized logistic", { kind: "discretized-logistic" }, unit),
  likelihoodRow("discretized logistic, other levels", { kind: "discretized-logistic", levels: 32 }, unit),
  likelihoodRow("discretized logistic, a scale each", { kind: "discretized-logistic", scale: "learned" }, unit),
  likelihoodRow("discretized logistic, fixed scale", { kind: "discretized-logistic", scale: 0.1 }, unit),
  likelihoodRow("mixture", { kind: "discretized-logistic-mixture", components: 3 }, unit),
  likelihoodRow("mixture, other components", { kind: "discretized-logistic-mixture", components: 1 }, unit),
  likelihoodRow("mixture, other levels", { kind: "discretized-logistic-mixture", components: 3, levels: 32 }, unit),
  likelihoodRow("mixture, colour", { kind: "discretized-logistic-mixture", components: 2 }, units(12), [2, 2, 3]),
  {
    ...likelihoodRow("mixture, colour, conv", { kind: "bernoulli" }, units(12), [2, 2, 3]),
    config: withConv([{ channels: 2, kernel: 2, stride: 2 }], {
      likelihood: { kind: "discretized-logistic-mixture", components: 2 },
    }),
  },
  likelihoodRow("beta-binomial", { kind: "beta-binomial" }, unit),
  likelihoodRow("beta-binomial, counts", { kind: "beta-binomial", n: 9, values: "integers" }, count),
  likelihoodRow("beta-binomial, larger n", { kind: "beta-binomial", n: 12, values: "integers" }, count),
  likelihoodRow("beta-binomial, one concentration", { kind: "beta-binomial", concentration: "global" }, unit),
  likelihoodRow("beta-binomial, fixed concentration", { kind: "beta-binomial", concentration: 30 }, unit),
  likelihoodRow("categorical", { kind: "categorical", classes: 9, values: "integers" }, count),
  likelihoodRow("categorical, more classes", { kind: "categorical", classes: 10, values: "integers" }, count),
  likelihoodRow("categorical, levels", { kind: "categorical", classes: 4 }, unit),
  likelihoodRow("Poisson", { kind: "poisson" }, count),
  likelihoodRow("Poisson, levels", { kind: "poisson", values: "levels" }, unit),
  likelihoodRow("negative binomial", { kind: "negative-binomial" }, count),
  likelihoodRow("negative binomial, learned dispersions", { kind: "negative-binomial", dispersion: "learned" }, count),
  likelihoodRow("negative binomial, fixed dispersion", { kind: "negative-binomial", dispersion: 0.5 }, count),
  likelihoodRow("negative binomial, levels", { kind: "negative-binomial", values: "levels" }, unit),
];

type Posterior = NonNullable<NonNullable<PartialConfig["model"]>["posterior"]>;
type Prior = NonNullable<NonNullable<PartialConfig["model"]>["prior"]>;
const posteriorRow = (name: string, posterior: Posterior): Row => ({
  name,
  config: withModel({ posterior }),
  data: binary,
});
const priorRow = (name: string, prior: Prior, data = binary): Row => ({ name, config: withModel({ prior }), data });
const iwaeRow = (name: string, objective: PartialConfig["objective"], model?: PartialConfig["model"]): Row => ({
  name,
  config: { ...withModel(model ?? {}), objective: { kind: "iwae", ...objective } },
  data: model?.prior?.kind === "vampprior" ? unit : binary,
});
/** Smooth, as the gradient check wants it. */
const ofFlow = { steps: 2, hidden: [3], activation: "tanh" as const };

const posteriorRows: readonly Row[] = [
  posteriorRow("full covariance", { covariance: "full" }),
  posteriorRow("rank-one", { covariance: "rank-one" }),
  posteriorRow("planar flow", { flow: { kind: "planar", steps: 3 } }),
  posteriorRow("planar flow, other steps", { flow: { kind: "planar", steps: 2 } }),
  posteriorRow("coupling flow", { flow: { kind: "realnvp", ...ofFlow } }),
  posteriorRow("inverse autoregressive flow", { flow: { kind: "iaf", ...ofFlow } }),
  posteriorRow("inverse autoregressive flow, other steps", { flow: { kind: "iaf", ...ofFlow, steps: 1 } }),
  posteriorRow("inverse autoregressive flow, other layers", { flow: { kind: "iaf", ...ofFlow, hidden: [4] } }),
  posteriorRow("inverse autoregressive flow, softplus", { flow: { kind: "iaf", ...ofFlow, activation: "softplus" } }),
  posteriorRow("flow on a full covariance", { covariance: "full", flow: { kind: "iaf", ...ofFlow } }),
];

const priorRows: readonly Row[] = [
  priorRow("mixture prior", { kind: "mixture", components: 3 }),
  priorRow("mixture prior, other components", { kind: "mixture", components: 2 }),
  // Pseudo-inputs that start at 0 or 1 would lie on the kink of what holds them there, for the gradient check.
  priorRow("VampPrior", { kind: "vampprior", components: 3 }, unit),
  priorRow("VampPrior, other components", { kind: "vampprior", components: 2 }, unit),
  priorRow("VampPrior, other start", { kind: "vampprior", components: 3, start: "random" }, unit),
  priorRow("coupling prior", { kind: "realnvp", ...ofFlow }),
  priorRow("coupling prior, other steps", { kind: "realnvp", ...ofFlow, steps: 1 }),
  priorRow("masked autoregressive prior", { kind: "maf", ...ofFlow }),
  priorRow("masked autoregressive prior, other layers", { kind: "maf", ...ofFlow, hidden: [4] }),
];

/** Each flow that is made of networks, with each of its options, and with other networks than those of the rows above. */
const flowOptions: readonly Row[] = [{ steps: 3 }, { hidden: [5] }, { activation: "elu" as const }].flatMap(
  (options) => {
    const flow = { ...ofFlow, ...options };
    const name = JSON.stringify(options);
    return [
      posteriorRow(`coupling flow, ${name}`, { flow: { kind: "realnvp", ...flow } }),
      posteriorRow(`inverse autoregressive flow, ${name}`, { flow: { kind: "iaf", ...flow } }),
      priorRow(`coupling prior, ${name}`, { kind: "realnvp", ...flow }),
      priorRow(`masked autoregressive prior, ${name}`, { kind: "maf", ...flow }),
    ];
  },
);

const iwaeRows: readonly Row[] = [
  iwaeRow("iwae", {}),
  iwaeRow("iwae, 3 draws", { samples: 3 }),
  iwaeRow("iwae, dreg", { gradient: "dreg" }),
  iwaeRow(
    "iwae, flow and masked autoregressive prior",
    { samples: 2 },
    {
      posterior: { flow: { kind: "iaf", ...ofFlow } },
      prior: { kind: "maf", ...ofFlow },
    },
  ),
  iwaeRow("iwae, dreg, VampPrior", { samples: 2, gradient: "dreg" }, { prior: { kind: "vampprior", components: 2 } }),
  iwaeRow(
    "iwae, dreg, full covariance, coupling prior",
    { samples: 2, gradient: "dreg" },
    {
      posterior: { covariance: "full" },
      prior: { kind: "realnvp", ...ofFlow },
    },
  ),
];

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
  ...likelihoodRows,
  ...posteriorRows,
  ...priorRows,
  ...iwaeRows,
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
  const variance = data.reduce((sum, x, i) => sum + (x - mean[i % size]!) ** 2 / data.length, 0);
  return { mean, variance, examples: (count) => data.slice(0, count * size) };
};

const prepare = (row: Row): { config: Config; vae: Vae } => {
  const parsed = parseConfig(row.config, "test");
  return { config: parsed, vae: buildVae(parsed.model, eventOf(row), statisticsOf(row)) };
};

/** Standard normals of a step, so many for each row. */
function normalsFor(width: number, step = 0): Float32Array {
  const kernels = createKernels(4 * rows * width + 128);
  const out = kernels.float32(rows * width);
  kernels.normals(out, siteKey(0, "noise"), step, kernels.uint32(1), out.length);
  return out;
}

/** What a step draws z by. */
const noiseFor = ({ config, vae }: ReturnType<typeof prepare>, step = 0): Float32Array =>
  normalsFor(drawsOf(config.objective) * vae.noiseWidth, step);

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
    program.inputs.noise!.set(noiseFor({ config, vae }, step));
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
    const { z, logProb } = vae.posterior(x).draw(input("noise", [5, "batch", vae.noiseWidth]));
    for (const { shape } of Object.values(vae.encode(x).parameters)) expect(shape).toEqual(["batch", vae.latent]);
    expect(logProb.shape).toEqual([5, "batch"]);
    expect(z.shape).toEqual([5, "batch", vae.latent]);
    expect(vae.prior().logProb(z).shape).toEqual(z.shape.slice(0, -1));
    const likelihood = vae.decode(z);
    const groups = event.slice(0, event.length - (likelihood.joint ?? 0));
    expect(likelihood.logProb(x).shape).toEqual([5, "batch", ...groups]);
    for (const moment of [likelihood.mean, likelihood.variance]) expect(moment.shape).toEqual([5, "batch", ...event]);
    for (const parameter of Object.values(vae.decode(input("z", ["batch", vae.latent])).parameters))
      expect(parameter.shape.slice(0, 1 + groups.length)).toEqual(["batch", ...groups]);
    const { posterior: _, ...terms } = negElbo(vae, x, input("noise", ["batch", vae.noiseWidth]));
    for (const term of Object.values(terms)) expect(term.shape).toEqual(["batch"]);
  });

  test("the gradient of the objective is that of central differences", async () => {
    const { config, vae } = prepare(row);
    const { minimize: loss } = batchLoss(vae, config.objective);
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
      noise: noiseFor({ config, vae }),
      weight,
    };
    // Biases of 0 behind a dead ReLU would lie on its kink, where there is no derivative.
    for (const path of Object.keys(given))
      if (path.endsWith("bias")) given[path] = (given[path] as Float32Array).map((value, i) => value + 0.05 * (i + 1));
    const exact = await run(given);
    // The doubly reparameterized estimate is no derivative of the bound by what makes z.
    const estimated = config.objective.kind === "iwae" && config.objective.gradient === "dreg";
    for (const { path } of vae.parameters.filter(({ path }) => !(estimated && path.startsWith("encoder"))))
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
    for (const path of Object.keys(parameters)) if (/^decoder\.[^.]+\.weight$/.test(path)) parameters[path]!.fill(0);
    const decoded = vae.decode(input("z", [1, vae.latent]));
    const run = await (await runner({ mean: centreOf(decoded), variance: decoded.variance }))({
      ...parameters,
      z: Array.from({ length: vae.latent }, () => 0.7),
    });
    const statistics = statisticsOf(row);
    const { kind } = parseConfig(row.config, "test").model.likelihood;
    // probabilities are held away from 0 and 1, where no gradient would be left
    const start = statistics.mean.map((value) =>
      kind === "bernoulli" ? Math.min(Math.max(value, 0.001), 0.999) : value,
    );
    expect(furthest(run.mean!, start)).toBeLessThan(kind === "beta-binomial" ? 1e-4 : 1e-6); // 1e-6 is added to α, β
    if (densities.includes(kind) && /global|learned/.test(row.name))
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
      const z = input("z", ["batch", model.latent]);
      const { z: drawn, logProb } = model
        .posterior(input("x", ["batch", ...event]))
        .draw(input("noise", ["batch", model.noiseWidth]));
      const latents = { drawn, logProb, prior: model.prior().logProb(z) };
      const run = await runner(
        { mean, logvar, pMean: decoded.mean, pVariance: decoded.variance, ...latents },
        "float32",
      );
      const noise = normalsFor(model.noiseWidth, 1);
      return run({ ...weights, x: row.data, z: normalsFor(model.latent), noise });
    };
    expect(await outputs(loaded.vae, loaded.weights)).toEqual(await outputs(vae, parameters));
  });

  test("a graph with the weights within it gives the same numbers", async () => {
    const { vae } = prepare(row);
    const parameters = initialParameters(vae);
    const { mean, parameters: own } = vae.decode(input("z", ["batch", vae.latent]));
    const outputs = { "p mean": mean, ...own };
    const z = normalsFor(vae.latent);
    const expected = await (await runner(outputs, "float32"))({ ...parameters, z });
    const { bytes, precision } = lower(outputs, { embed: new Map(Object.entries(parameters)) });
    const executable = await (await cpuBackend(1)).compile({ bytes, precision });
    const actual = await executable.run({ z: { data: z, shape: [rows, vae.latent] } });
    await executable.release();
    for (const [name, values] of Object.entries(expected))
      expect(furthest(actual[name]!.data as Float32Array, values), name).toBeLessThan(1e-5);
  });
});

/** Where a decoder starts: the mean, or, of values that are cut off at 0 and 1, that of those that are not. */
function centreOf({ kind, mean, parameters }: Distribution): Tensor {
  if (kind === "discretized-logistic") return parameters.location!;
  return kind === "discretized-logistic-mixture" ? meanOver(parameters.locations!, [-1]) : mean;
}

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
  const widened = (row: Row): PartialConfig => {
    const model = {
      ...row.config.model,
      encoder: wide(row.config.model?.encoder),
      decoder: wide(row.config.model?.decoder),
    };
    return { ...row.config, model, objective: { beta: 0 } };
  };
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
  const byHeart = (row: Row) =>
    ![...likelihoodRows, ...priorRows, ...iwaeRows].includes(row) && !/hidden|β|capacity|other/.test(row.name);
  test.each(table.filter(byHeart))("$name", async (row) => {
    const config = widened(row);
    // Some initial weights learn more slowly than others.
    const reached: number[] = [];
    for (const seed of [0, 1, 2])
      reached.push(median((await learn({ ...row, config }, 200, seed)).distortions.slice(-51)));
    expect(median(reached) - leastDistortion(parseConfig(config, "test").model, eventOf(row))).toBeLessThan(0.2);
  });

  test.each(likelihoodRows)("$name: the distortion falls", async (row) => {
    const { distortions } = await learn({ ...row, config: widened(row) }, 200);
    const reached = median(distortions.slice(-51));
    expect(reached).toBeLessThan(distortions[0]! - 1);
    if (findLikelihood(parseConfig(row.config, "test").model.likelihood.kind).measure === "probability")
      expect(reached).toBeGreaterThan(0);
  });
});

test("what the config knows of densities is what the parts say", () => {
  for (const kind of likelihoods)
    expect(findLikelihood(kind).measure, kind).toBe(densities.includes(kind) ? "density" : "probability");
});

test("every option changes the loss, by the fourth step at the latest", async () => {
  const optimizer = (options: PartialConfig["optimizer"]): Row => ({
    name: JSON.stringify(options),
    config: { ...base, optimizer: { ...base.optimizer, ...options } },
    data: binary,
  });
  const more: Row[] = [
    ...(["integers", "levels"] as const).flatMap((values) => [
      likelihoodRow(`beta-binomial, bits as ${values}`, { kind: "beta-binomial", n: 9, values }, binary),
      likelihoodRow(`categorical, bits as ${values}`, { kind: "categorical", classes: 9, values }, binary),
      likelihoodRow(`Poisson, bits as ${values}`, { kind: "poisson", values }, binary),
      likelihoodRow(`negative binomial, bits as ${values}`, { kind: "negative-binomial", values }, binary),
    ]),
    ...flowOptions,
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
