import fc from "fast-check";
import { expect, test } from "vitest";
import { refused } from "../test/config-refusal.ts";
import { type PartialConfig, parseConfig, splitOptions } from "./config.ts";

test("an empty config has every default", () => {
  expect(parseConfig({}, "c.json")).toEqual({
    data: { binarization: "dynamic", validation: null, test: null, examples: null, conditions: null, seed: 0 },
    model: {
      latent: 20,
      encoder: { kind: "mlp", hidden: [400], gated: false, activation: "relu", initialization: "he" },
      decoder: { kind: "mlp", hidden: [400], gated: false, activation: "relu", initialization: "he" },
      prior: { kind: "standard-normal" },
      posterior: { kind: "normal", covariance: "diagonal", flow: null },
      likelihood: { kind: "bernoulli" },
      condition: null,
    },
    objective: { kind: "elbo", beta: 1, schedule: { kind: "constant" }, freeBits: 0, freeBitsGroup: 1 },
    optimizer: {
      kind: "adam",
      learningRate: 0.001,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      clip: null,
      skipAbove: null,
      groups: [],
      schedule: { kind: "constant", warmup: 0 },
    },
    train: {
      batchSize: 100,
      microBatch: null,
      steps: null,
      epochs: 50,
      minutes: null,
      seed: 0,
      patience: null,
      validateEvery: 1,
      average: null,
      checkpointSeconds: 30,
    },
  });
});

test("the decoder mirrors the encoder where it says nothing itself", () => {
  const { encoder, decoder } = parseConfig(
    { model: { encoder: { hidden: [500, 200], activation: "tanh" } } },
    "c",
  ).model;
  expect(encoder.initialization).toBe("glorot");
  expect(decoder).toEqual({
    kind: "mlp",
    hidden: [200, 500],
    gated: false,
    activation: "tanh",
    initialization: "glorot",
  });
  const own = parseConfig({ model: { encoder: { activation: "tanh" }, decoder: { activation: "elu" } } }, "c").model;
  expect(own.decoder.initialization).toBe("he");
  const given = parseConfig({ model: { encoder: { initialization: "lecun" }, decoder: { hidden: [] } } }, "c").model;
  expect(given.decoder).toMatchObject({ hidden: [], initialization: "lecun" });
});

test("defaults that depend on the length of training", () => {
  expect(parseConfig({ train: { steps: 7 } }, "c").train).toMatchObject({ steps: 7, epochs: null });
  expect(parseConfig({ train: { minutes: 7 } }, "c").train).toMatchObject({ steps: null, epochs: null, minutes: 7 });
  expect(parseConfig({ train: { epochs: 3, minutes: 7 } }, "c").train).toMatchObject({ epochs: 3, minutes: 7 });
});

test.each<[string, unknown, string]>([
  [
    "not an object",
    3,
    'c.json: expected an object with any of "$schema", "data", "model", "objective", "optimizer", "train", got 3',
  ],
  ["latent 0", { model: { latent: 0 } }, "c.json: model.latent: expected a positive integer, got 0"],
  ["latent 2.5", { model: { latent: 2.5 } }, "c.json: model.latent: expected a positive integer, got 2.5"],
  ["latent text", { model: { latent: "50" } }, 'c.json: model.latent: expected a positive integer, got "50"'],
  ["near key", { model: { latnet: 2 } }, 'c.json: model.latnet: unknown key; did you mean "latent"?'],
  ["near section", { optimiser: {} }, 'c.json: optimiser: unknown key; did you mean "optimizer"?'],
  ["batch 0", { train: { batchSize: 0 } }, "c.json: train.batchSize: expected a positive integer, got 0"],
  [
    "parts larger than the batch",
    { train: { batchSize: 10, microBatch: 20 } },
    "c.json: train.microBatch: expected at most train.batchSize 10, got 20",
  ],
  [
    "seed",
    { train: { seed: 2 ** 53 } },
    "c.json: train.seed: expected an integer from 0 to 9007199254740991, got 9007199254740992",
  ],
  [
    "validation",
    { data: { validation: 1.5 } },
    "c.json: data.validation: expected a count (integer >= 1), a fraction (between 0 and 1) or null, got 1.5",
  ],
  [
    "test 0",
    { data: { test: 0 } },
    "c.json: data.test: expected a count (integer >= 1), a fraction (between 0 and 1) or null, got 0",
  ],
  [
    "nothing left",
    { data: { validation: 0.5, test: 0.5 } },
    "c.json: data: validation 0.5 and test 0.5 leave nothing to train on; their sum must be < 1",
  ],
  [
    "both lengths",
    { train: { steps: 10, epochs: 2 } },
    "c.json: train: expected steps or epochs, got both (steps 10, epochs 2); leave one out or set it to null",
  ],
  ["average", { train: { average: 1 } }, "c.json: train.average: expected a decay between 0 and 1, or null, got 1"],
  ["prototype", JSON.parse('{"model": {"__proto__": {"x": 1}}}'), "c.json: model.__proto__: not allowed as a key"],
  [
    "hidden 0",
    { model: { encoder: { hidden: [10, 0] } } },
    "c.json: model.encoder.hidden.1: expected a positive integer, got 0",
  ],
  [
    "hidden",
    { model: { encoder: { hidden: 10 } } },
    "c.json: model.encoder.hidden: expected a list of positive integers such as [400], got 10",
  ],
  [
    "activation",
    { model: { encoder: { activation: "rellu" } } },
    'c.json: model.encoder.activation: expected "relu", "tanh", "elu", "silu", "softplus", got "rellu"; did you mean "relu"?',
  ],
])("%s is refused with its own message", (_, value, message) => {
  expect(refused(value)).toContain(message);
});

test("every defect is named, each once, a line each", () => {
  expect(refused({ model: { latent: -0.5, x: 1, y: 1 }, train: { batchSize: "a" } })).toEqual([
    "c.json: model.latent: expected a positive integer, got -0.5",
    'c.json: model.x: unknown key; allowed: "latent", "encoder", "decoder", "prior", "posterior", "likelihood", "condition"',
    'c.json: model.y: unknown key; allowed: "latent", "encoder", "decoder", "prior", "posterior", "likelihood", "condition"',
    'c.json: train.batchSize: expected a positive integer, got "a"',
  ]);
});

const partialConfigs: fc.Arbitrary<PartialConfig> = fc.record(
  {
    data: fc.record({ validation: fc.constantFrom(null, 10, 0.2) }, { requiredKeys: [] }),
    model: fc.record(
      {
        latent: fc.integer({ min: 1 }),
        encoder: fc.record(
          { hidden: fc.array(fc.integer({ min: 1 })), activation: fc.constantFrom("relu", "tanh", "silu") },
          { requiredKeys: [] },
        ),
        likelihood: fc.constantFrom(
          { kind: "bernoulli" as const },
          { kind: "normal" as const },
          { kind: "normal" as const, variance: "learned" as const },
          { kind: "student-t" as const, degrees: 7 },
          { kind: "negative-binomial" as const, dispersion: "learned" as const },
          { kind: "own", width: 3 },
        ),
      },
      { requiredKeys: [] },
    ),
    optimizer: fc.record(
      {
        kind: fc.constantFrom("adam", "adamw", "adamax", "sgd"),
        groups: fc.constantFrom([], [{ parameters: ["encoder"], learningRate: 0.1 }]),
        schedule: fc.constantFrom({ kind: "cosine" }, { kind: "step", every: 5 }, { kind: "plateau" }),
      },
      { requiredKeys: [] },
    ),
    objective: fc.constantFrom(
      {},
      { beta: 2, schedule: { kind: "cyclical", period: 4 } },
      { kind: "capacity" },
      { kind: "capacity", gamma: 3, to: 4, steps: 5 },
    ),
    train: fc.constantFrom({}, { steps: 3 }, { epochs: 4, minutes: 2 }, { average: 0.99 }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<PartialConfig>;

test("a resolved config passes unchanged, also through JSON", () => {
  fc.assert(
    fc.property(partialConfigs, (partial) => {
      const config = parseConfig(partial, "c");
      expect(parseConfig(JSON.parse(JSON.stringify(config)), "c")).toEqual(config);
    }),
  );
});

test("split options hold what the config sets, and the seed", () => {
  expect(splitOptions(parseConfig({}, "c"))).toEqual({ seed: 0 });
  const config = parseConfig({ data: { validation: 10, test: 0.2, examples: 50, seed: 3 }, train: { seed: 4 } }, "c");
  expect(splitOptions(config)).toEqual({ seed: 3, validation: 10, test: 0.2, examples: 50 });
});
