import { expect, test } from "vitest";
import { refused } from "../test/config-refusal.ts";
import { type PartialConfig, parseConfig } from "./config.ts";

test("an objective has its own keys and defaults", () => {
  const objective = (given: object) => parseConfig({ objective: given }, "c").objective;
  expect(objective({ kind: "capacity" })).toEqual({ kind: "capacity", gamma: 1000, from: 0, to: 25, steps: 100_000 });
  expect(objective({ kind: "capacity", gamma: 10, from: 0.5, to: 0.5, steps: 7 })).toEqual({
    kind: "capacity",
    gamma: 10,
    from: 0.5,
    to: 0.5,
    steps: 7,
  });
  expect(objective({ schedule: { kind: "linear", steps: 7 } })).toEqual({
    kind: "elbo",
    beta: 1,
    schedule: { kind: "linear", steps: 7, from: 0 },
    freeBits: 0,
    freeBitsGroup: 1,
  });
  expect(objective({ kind: "miwae" })).toEqual({
    kind: "miwae",
    samples: 8,
    gradient: "reparameterized",
    bounds: 8,
  });
  expect(objective({ kind: "ciwae", share: 0 })).toMatchObject({ samples: 5, share: 0 });
  expect(objective({ kind: "beta-tcvae" })).toEqual({ kind: "beta-tcvae", alpha: 1, beta: 6, gamma: 1 });
  expect(objective({ kind: "info-vae" })).toEqual({
    kind: "info-vae",
    alpha: 1,
    lambda: 1000,
    kernel: "imq",
    scale: 1,
  });
  expect(objective({ kind: "wae-mmd", kernel: "rbf" })).toEqual({
    kind: "wae-mmd",
    lambda: 1000,
    kernel: "rbf",
    scale: 1,
  });
  // λ_d is ten times λ_od of the means' covariance, and the same of the codes'
  const dip = (given: object) => objective({ kind: "dip-vae", ...given });
  expect(dip({})).toEqual({ kind: "dip-vae", variant: "i", lambdaOd: 10, lambdaD: 100 });
  expect(dip({ variant: "ii", lambdaOd: 5 })).toEqual({ kind: "dip-vae", variant: "ii", lambdaOd: 5, lambdaD: 5 });
  expect(dip({ lambdaOd: 5, lambdaD: 1 })).toMatchObject({ lambdaOd: 5, lambdaD: 1 });
  for (const resolved of [dip({}), dip({ variant: "ii" })]) expect(objective(resolved)).toEqual(resolved);
  expect(refused({ objective: { gamma: 2, to: 3 } })).toEqual([
    expect.stringMatching(
      /^c\.json: objective\.gamma: goes with the kinds "capacity", "beta-tcvae", .*got "elbo"; leave it out, or take one of those$/,
    ),
    'c.json: objective.to: goes with the kind "capacity", got "elbo"; leave it out, or set objective.kind to "capacity"',
  ]);
  expect(refused({ objective: { kind: "capacity", schedule: { kind: "constant" } } })).toEqual([
    'c.json: objective.schedule: goes with the kind "elbo", got "capacity"; leave it out, or set objective.kind to "elbo"',
  ]);
  expect(refused({ objective: { kind: "capacity", from: 30 } })).toEqual([
    "c.json: objective.from: expected at most objective.to, 25, got 30: C rises",
  ]);
});

test("a batch's own term does not go with a batch in parts", () => {
  const given = (microBatch: number) => ({
    objective: { kind: "capacity" as const },
    train: { batchSize: 100, microBatch },
  });
  expect(refused(given(20))).toEqual([
    'c.json: train.microBatch: expected null or train.batchSize, 100, with the objective "capacity", got 20: ' +
      "|rate - C| is of the mean rate of the whole batch, and parts of it have others; leave microBatch out, or lower train.batchSize",
  ]);
  expect(parseConfig(given(100), "c").train.microBatch).toBe(100);
});

test.each<[string, unknown, string]>([
  [
    "far key",
    { objective: { weight: 2 } },
    expect.stringMatching(/^c\.json: objective\.weight: unknown key; allowed: "kind", "beta", "schedule", .*"scale"/),
  ],
  ["beta < 0", { objective: { beta: -1 } }, "c.json: objective.beta: expected a number >= 0, got -1"],
  ["beta NaN", { objective: { beta: Number.NaN } }, "c.json: objective.beta: expected a number >= 0, got NaN"],
  ["beta infinite", { objective: { beta: Infinity } }, "c.json: objective.beta: expected a number >= 0, got Infinity"],
  [
    "objective",
    { objective: { kind: "mmd" } },
    expect.stringMatching(/^c\.json: objective\.kind: expected "elbo", "capacity", "iwae", .*, got "mmd"$/),
  ],
  ["gamma 0", { objective: { kind: "capacity", gamma: 0 } }, "c.json: objective.gamma: expected a number > 0, got 0"],
  [
    "alpha < 0",
    { objective: { kind: "beta-tcvae", alpha: -1 } },
    'c.json: objective.alpha: expected a number >= 0 with the objective "beta-tcvae", got -1',
  ],
  [
    "alpha > 1",
    { objective: { kind: "info-vae", alpha: 2 } },
    'c.json: objective.alpha: expected at most 1 with the objective "info-vae", got 2: the rate weighs 1 - alpha',
  ],
  [
    "a negative weight of MMD",
    { objective: { kind: "info-vae", alpha: 0, lambda: 0.5 } },
    "c.json: objective.lambda: expected at least 1 - objective.alpha, 1, got 0.5: the discrepancy weighs alpha + lambda - 1",
  ],
  [
    "groups that are no groups",
    { objective: { freeBits: 0.5, freeBitsGroup: 3 } },
    "c.json: objective.freeBitsGroup: expected a divisor of model.latent, 20, got 3",
  ],
  [
    "groups of nothing free",
    { objective: { freeBitsGroup: 2 } },
    "c.json: objective.freeBitsGroup: 2 changes nothing where objective.freeBits is 0; leave it out, or set objective.freeBits",
  ],
  [
    "share > 1",
    { objective: { kind: "ciwae", share: 2 } },
    "c.json: objective.share: expected a share from 0 to 1, got 2",
  ],
  [
    "no bounds",
    { objective: { kind: "miwae", bounds: 0 } },
    "c.json: objective.bounds: expected a positive integer, got 0",
  ],
  ["scale 0", { objective: { kind: "wae-mmd", scale: 0 } }, "c.json: objective.scale: expected a number > 0, got 0"],
  ["capacity < 0", { objective: { to: -1 } }, "c.json: objective.to: expected nats, 0 or more, got -1"],
])("%s is refused with its own message", (_, value, message) => {
  expect(refused(value)).toEqual(expect.arrayContaining([message]));
});

const flow = { posterior: { flow: { kind: "iaf" } } } as const;
const full = { posterior: { covariance: "full" } } as const;
const learned = { prior: { kind: "mixture" } } as const;
const conditional = { condition: { on: ["label"], prior: true } };

test.each<[string, PartialConfig["objective"], PartialConfig["model"], RegExp | null]>([
  ["dreg of MIWAE", { kind: "miwae", gradient: "dreg" }, flow, /objective\.gradient: "dreg" is for .* "iaf"/],
  ["dreg of CIWAE", { kind: "ciwae", gradient: "dreg" }, flow, /objective\.gradient: "dreg" is for .* "iaf"/],
  ["dreg, full", { kind: "ciwae", gradient: "dreg" }, full, null],
  ["β-TCVAE", { kind: "beta-tcvae" }, flow, /"beta-tcvae" needs a posterior without a flow, got the flow "iaf"/],
  ["β-TCVAE", { kind: "beta-tcvae" }, full, /"beta-tcvae" needs the covariance "diagonal", got "full"/],
  ["β-TCVAE", { kind: "beta-tcvae" }, learned, /"beta-tcvae" needs the prior "standard-normal", got "mixture"/],
  [
    "β-TCVAE",
    { kind: "beta-tcvae" },
    conditional,
    /"beta-tcvae" needs one prior for all, got model\.condition\.prior true/,
  ],
  ["DIP-VAE-I", { kind: "dip-vae" }, flow, /"dip-vae" needs a posterior without a flow/],
  ["DIP-VAE-I, full", { kind: "dip-vae" }, full, null],
  ["DIP-VAE-II", { kind: "dip-vae", variant: "ii" }, full, /"dip-vae" needs the covariance "diagonal"/],
  ["DIP-VAE", { kind: "dip-vae" }, learned, /"dip-vae" needs the prior "standard-normal"/],
  ["InfoVAE", { kind: "info-vae" }, learned, /"info-vae" needs the prior "standard-normal", got "mixture"/],
  ["WAE", { kind: "wae-mmd" }, learned, /"wae-mmd" needs the prior "standard-normal", got "mixture"/],
  ["WAE, flow", { kind: "wae-mmd" }, flow, null],
  ["free bits", { freeBits: 1 }, flow, /objective\.freeBits: needs a posterior without a flow, got the flow "iaf"/],
  ["free bits", { freeBits: 1 }, full, /objective\.freeBits: needs the covariance "diagonal", got "full"/],
  ["free bits", { freeBits: 1 }, learned, /objective\.freeBits: needs the prior "standard-normal", got "mixture"/],
  ["free bits", { freeBits: 1 }, conditional, /objective\.freeBits: needs one prior for all/],
  ["free bits of all latents", { freeBits: 1, freeBitsGroup: 20 }, { ...flow, ...learned }, null],
])("%s with %o and %o", (_, objective, model, message) => {
  if (message === null) expect(() => parseConfig({ objective, model }, "c")).not.toThrow();
  else expect(refused({ objective, model })).toEqual([expect.stringMatching(message)]);
});

test.each<NonNullable<PartialConfig["objective"]>>([
  { freeBits: 1 },
  { kind: "beta-tcvae" },
  { kind: "dip-vae" },
  { kind: "info-vae" },
  { kind: "wae-mmd" },
])("%o is of the whole batch, and of more than one example", (objective) => {
  const one = { objective, train: { batchSize: 1 } };
  if (objective.freeBits) expect(() => parseConfig(one, "c")).not.toThrow();
  else expect(refused(one)).toEqual([expect.stringMatching(/^c\.json: train\.batchSize: expected 2 or more/)]);
  expect(refused({ objective, train: { batchSize: 100, microBatch: 50 } })).toEqual([
    expect.stringMatching(/^c\.json: train\.microBatch: expected null or train\.batchSize, 100, with .* got 50: /),
  ]);
});

test("the discriminator of FactorVAE has its own keys, and codes to tell apart", () => {
  const objective = (given: object) => parseConfig({ objective: { kind: "factor", ...given } }, "c").objective;
  const paper = { hidden: [1000, 1000, 1000, 1000, 1000, 1000], learningRate: 1 };
  expect(objective({})).toEqual({ kind: "factor", gamma: 35, discriminator: paper });
  expect(objective({ gamma: 0, discriminator: { hidden: [20] } })).toEqual({
    kind: "factor",
    gamma: 0,
    discriminator: { hidden: [20], learningRate: 1 },
  });
  const refusedWith = (discriminator: object) => refused({ objective: { kind: "factor", discriminator } });
  const layers = "a list of one or more positive integers such as [1000, 1000]";
  expect(refusedWith({ hidden: [] })).toEqual([`c.json: objective.discriminator.hidden: expected ${layers}, got []`]);
  expect(refusedWith({ hidden: [3, 0] })).toEqual([
    "c.json: objective.discriminator.hidden.1: expected a positive integer, got 0",
  ]);
  expect(refusedWith({ learningRate: 0 })).toEqual([
    "c.json: objective.discriminator.learningRate: expected a factor > 0, got 0",
  ]);
  expect(refusedWith({ gamma: 1 })).toEqual([
    'c.json: objective.discriminator.gamma: unknown key; allowed: "hidden", "learningRate"',
  ]);
  expect(refused({ objective: { discriminator: {} } })).toEqual([
    'c.json: objective.discriminator: goes with the kind "factor", got "elbo"; leave it out, or set objective.kind to "factor"',
  ]);
  const kind = "factor" as const;
  expect(refused({ model: { latent: 1 }, objective: { kind }, train: { batchSize: 1 } })).toEqual([
    'c.json: model.latent: expected 2 or more with the objective "factor", got 1: one latent has none to depend on',
    'c.json: train.batchSize: expected 2 or more with the objective "factor", got 1: latents are permuted among the rows of a batch',
  ]);
  expect(refused({ objective: { kind }, train: { batchSize: 64, microBatch: 16 } })).toEqual([
    'c.json: train.microBatch: expected null or train.batchSize, 64, with the objective "factor", got 16: ' +
      "latents are permuted among the rows of a batch; leave microBatch out, or lower train.batchSize",
  ]);
});
