import fc from "fast-check";
import { expect, test } from "vitest";
import { configJsonSchema } from "./config.json-schema.ts";
import { likelihoods } from "./config.parts.ts";
import { applySet, type PartialConfig, parseConfig, parseConfigText, splitOptions } from "./config.ts";
import { UsageError } from "./errors.ts";

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error("expected a UsageError");
}

const refused = (value: unknown) => messageOf(() => parseConfig(value, "c.json")).split("\n");

test("an empty config has every default", () => {
  expect(parseConfig({}, "c.json")).toEqual({
    data: { binarization: "dynamic", validation: null, test: null, examples: null, seed: 0 },
    model: {
      latent: 20,
      encoder: { kind: "mlp", hidden: [400], gated: false, activation: "relu", initialization: "he" },
      decoder: { kind: "mlp", hidden: [400], gated: false, activation: "relu", initialization: "he" },
      prior: { kind: "standard-normal" },
      posterior: { kind: "normal", covariance: "diagonal", flow: null },
      likelihood: { kind: "bernoulli" },
    },
    objective: { kind: "elbo", beta: 1, schedule: { kind: "constant" } },
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

test("defaults that depend on the likelihood and on the length of training", () => {
  const normal = parseConfig({ model: { likelihood: { kind: "normal" } } }, "c");
  expect(normal.model.likelihood).toEqual({ kind: "normal", variance: "fixed", standardDeviation: 1 });
  expect(normal.data.binarization).toBe("none");
  const learned = parseConfig({ model: { likelihood: { kind: "normal", variance: "learned" } } }, "c");
  expect(learned.model.likelihood).toEqual({ kind: "normal", variance: "learned" });
  expect(parseConfig({ train: { steps: 7 } }, "c").train).toMatchObject({ steps: 7, epochs: null });
  expect(parseConfig({ train: { minutes: 7 } }, "c").train).toMatchObject({ steps: null, epochs: null, minutes: 7 });
  expect(parseConfig({ train: { epochs: 3, minutes: 7 } }, "c").train).toMatchObject({ epochs: 3, minutes: 7 });
});

test("each likelihood has its defaults", () => {
  const of = (kind: string) => parseConfig({ model: { likelihood: { kind } } }, "c").model.likelihood;
  const all = likelihoods.map(of);
  expect(all).toEqual([
    { kind: "bernoulli" },
    { kind: "normal", variance: "fixed", standardDeviation: 1 },
    { kind: "continuous-bernoulli" },
    { kind: "laplace", scale: "global" },
    { kind: "student-t", scale: "global", degrees: "global" },
    { kind: "discretized-logistic", scale: "global", levels: 256 },
    { kind: "discretized-logistic-mixture", components: 10, levels: 256 },
    { kind: "beta-binomial", n: 255, concentration: "learned", values: "levels" },
    { kind: "categorical", classes: 256, values: "levels" },
    { kind: "poisson", values: "integers" },
    { kind: "negative-binomial", dispersion: "global", values: "integers" },
  ]);
});

test("a registered likelihood keeps its own keys", () => {
  const { data, model } = parseConfig({ model: { likelihood: { kind: "zero-inflated", rate: { floor: 0.1 } } } }, "c");
  expect(model.likelihood).toEqual({ kind: "zero-inflated", rate: { floor: 0.1 } });
  expect(data.binarization).toBe("none");
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
  [
    "far key",
    { objective: { weight: 2 } },
    'c.json: objective.weight: unknown key; allowed: "kind", "beta", "schedule", "gamma", "from", "to", "steps", "samples", "gradient"',
  ],
  ["near section", { optimiser: {} }, 'c.json: optimiser: unknown key; did you mean "optimizer"?'],
  ["beta < 0", { objective: { beta: -1 } }, "c.json: objective.beta: expected a number >= 0, got -1"],
  ["beta NaN", { objective: { beta: Number.NaN } }, "c.json: objective.beta: expected a number >= 0, got NaN"],
  ["beta infinite", { objective: { beta: Infinity } }, "c.json: objective.beta: expected a number >= 0, got Infinity"],
  [
    "objective",
    { objective: { kind: "mmd" } },
    'c.json: objective.kind: expected "elbo", "capacity", "iwae", got "mmd"',
  ],
  ["gamma 0", { objective: { gamma: 0 } }, "c.json: objective.gamma: expected a number > 0, got 0"],
  ["capacity < 0", { objective: { to: -1 } }, "c.json: objective.to: expected nats, 0 or more, got -1"],
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
  [
    "learning rate 0",
    { optimizer: { learningRate: 0 } },
    "c.json: optimizer.learningRate: expected a number > 0, got 0",
  ],
  ["batch 0", { train: { batchSize: 0 } }, "c.json: train.batchSize: expected a positive integer, got 0"],
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
  [
    "binarized normal",
    { data: { binarization: "dynamic" }, model: { likelihood: { kind: "normal" } } },
    'c.json: data.binarization: expected "none" with a normal likelihood, got "dynamic": a density has no finite bound on data that is 0 or 1; take "none", or a bernoulli likelihood',
  ],
  [
    "binarized density",
    { data: { binarization: "static" }, model: { likelihood: { kind: "continuous-bernoulli" } } },
    'c.json: data.binarization: expected "none" with a continuous-bernoulli likelihood, got "static": a density has no finite bound on data that is 0 or 1; take "none", or a bernoulli likelihood',
  ],
  [
    "scale",
    { model: { likelihood: { kind: "laplace", scale: 0 } } },
    'c.json: model.likelihood.scale: expected "global", "learned" or a number > 0, got 0',
  ],
  [
    "degrees of freedom",
    { model: { likelihood: { kind: "student-t", degrees: 2 } } },
    'c.json: model.likelihood.degrees: expected "global", "learned" or a number > 2.001, got 2',
  ],
  [
    "levels",
    { model: { likelihood: { kind: "discretized-logistic", levels: 1 } } },
    "c.json: model.likelihood.levels: expected an integer from 2 to 65536, got 1",
  ],
  [
    "components",
    { model: { likelihood: { kind: "discretized-logistic-mixture", components: 0.5 } } },
    "c.json: model.likelihood.components: expected an integer from 1 to 1000, got 0.5",
  ],
  [
    "a key of another likelihood",
    { model: { likelihood: { kind: "poisson", value: "levels" } } },
    'c.json: model.likelihood.value: unknown key; did you mean "values"?',
  ],
  [
    "values of counts",
    { model: { likelihood: { kind: "beta-binomial", values: "whole" } } },
    'c.json: model.likelihood.values: expected "integers", "levels", got "whole"',
  ],
  [
    "variance",
    { model: { likelihood: { kind: "normal", variance: "own" } } },
    'c.json: model.likelihood.variance: expected "fixed", "global", "learned", got "own"',
  ],
  [
    "useless deviation",
    { model: { likelihood: { kind: "normal", variance: "global", standardDeviation: 2 } } },
    'c.json: model.likelihood.standardDeviation: only with variance "fixed", got variance "global", which is learned; leave standardDeviation out',
  ],
  [
    "likelihood's key",
    { model: { likelihood: { kind: "normal", varience: "fixed" } } },
    'c.json: model.likelihood.varience: unknown key; did you mean "variance"?',
  ],
  [
    "bernoulli's key",
    { model: { likelihood: { kind: "bernoulli", variance: "fixed" } } },
    'c.json: model.likelihood.variance: unknown key; allowed: "kind"',
  ],
  [
    "likelihood by name",
    { model: { likelihood: "normal" } },
    'c.json: model.likelihood: expected an object such as {"kind": "bernoulli"}, got "normal"',
  ],
  [
    "likelihood without kind",
    { model: { likelihood: {} } },
    'c.json: model.likelihood: expected an object such as {"kind": "bernoulli"}, got {}',
  ],
  [
    "schedule",
    { optimizer: { schedule: { kind: "cosin" } } },
    'c.json: optimizer.schedule.kind: expected "constant", "cosine", "step", "plateau", got "cosin"',
  ],
  [
    "schedule's key",
    { optimizer: { schedule: { kind: "step" } } },
    "c.json: optimizer.schedule.every: expected a positive integer, got nothing",
  ],
  [
    "cosine without length",
    { optimizer: { schedule: { kind: "cosine" } }, train: { minutes: 5 } },
    'c.json: optimizer.schedule: "cosine" needs train.steps or train.epochs for its length, got train.minutes 5 alone',
  ],
  ["average", { train: { average: 1 } }, "c.json: train.average: expected a decay between 0 and 1, or null, got 1"],
  ["prototype", JSON.parse('{"model": {"__proto__": {"x": 1}}}'), "c.json: model.__proto__: not allowed as a key"],
])("%s is refused with its own message", (_, value, message) => {
  expect(refused(value)).toContain(message);
});

test("an optimizer has its own keys and defaults", () => {
  const optimizer = (given: object) => parseConfig({ optimizer: given }, "c").optimizer;
  expect(optimizer({ kind: "adamw" })).toMatchObject({ kind: "adamw", weightDecay: 0.01, beta1: 0.9 });
  expect(optimizer({ kind: "adamax", weightDecay: 0.1 })).toMatchObject({ kind: "adamax", weightDecay: 0.1 });
  expect(optimizer({ kind: "sgd" })).toEqual({
    kind: "sgd",
    learningRate: 0.001,
    momentum: 0.9,
    nesterov: false,
    weightDecay: 0,
    clip: null,
    skipAbove: null,
    groups: [],
    schedule: { kind: "constant", warmup: 0 },
  });
  expect(refused({ optimizer: { kind: "sgd", beta1: 0.5 } })).toEqual([
    'c.json: optimizer.beta1: goes with the kinds "adam", "adamw", "adamax", got "sgd"; leave it out, or take one of those',
  ]);
  expect(refused({ optimizer: { weightDecay: 0.1, groups: [{ parameters: ["encoder"], weightDecay: 1 }] } })).toEqual([
    'c.json: optimizer.weightDecay: goes with the kinds "adamw", "adamax", "sgd", got "adam"; leave it out, or take one of those',
    'c.json: optimizer.groups: weightDecay goes with "adamw", got "adam"; take "adamw"',
  ]);
  expect(refused({ train: { batchSize: 10, microBatch: 20 } })).toEqual([
    "c.json: train.microBatch: expected at most train.batchSize 10, got 20",
  ]);
});

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
  });
  expect(refused({ objective: { gamma: 2, to: 3 } })).toEqual([
    'c.json: objective.gamma: goes with the kind "capacity", got "elbo"; leave it out, or set objective.kind to "capacity"',
    'c.json: objective.to: goes with the kind "capacity", got "elbo"; leave it out, or set objective.kind to "capacity"',
  ]);
  expect(refused({ objective: { kind: "capacity", beta: 1 } })).toEqual([
    'c.json: objective.beta: goes with the kind "elbo", got "capacity"; leave it out, or set objective.kind to "elbo"',
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

test("every defect is named, each once, a line each", () => {
  expect(refused({ model: { latent: -0.5, x: 1, y: 1 }, train: { batchSize: "a" } })).toEqual([
    "c.json: model.latent: expected a positive integer, got -0.5",
    'c.json: model.x: unknown key; allowed: "latent", "encoder", "decoder", "prior", "posterior", "likelihood"',
    'c.json: model.y: unknown key; allowed: "latent", "encoder", "decoder", "prior", "posterior", "likelihood"',
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

test("settings are applied in order to a copy, as JSON or else as text", () => {
  const before = { model: { latent: 10 }, train: { epochs: 3 } };
  const after = applySet(before, [
    "model.latent=50",
    "model.encoder.hidden=[200, 200]",
    "model.encoder.activation=tanh",
    "model.likelihood.kind=zero-inflated",
    "model.likelihood.floor=0.5",
    "train.epochs=null",
    "optimizer.learningRate=1e-3",
    "objective.kind=capacity",
    "objective.to=10",
  ]);
  expect(after).toEqual({
    model: {
      latent: 50,
      encoder: { hidden: [200, 200], activation: "tanh" },
      likelihood: { kind: "zero-inflated", floor: 0.5 },
    },
    train: { epochs: null },
    optimizer: { learningRate: 0.001 },
    objective: { kind: "capacity", to: 10 },
  });
  expect(before).toEqual({ model: { latent: 10 }, train: { epochs: 3 } });
  expect(applySet(undefined, [])).toEqual({});
});

test.each([
  ["model.latnet=3", '--set model.latnet: unknown key "latnet"; did you mean "latent"?'],
  ["modle.latent=3", '--set modle.latent: unknown key "modle"; did you mean "model"?'],
  ["optimizer.schedule.finall=3", '--set optimizer.schedule.finall: unknown key "finall"; did you mean "final"?'],
  ["__proto__=1", '--set __proto__: "__proto__" is not allowed as a key'],
  ["model.__proto__.polluted=1", '--set model.__proto__.polluted: "__proto__" is not allowed as a key'],
  ["model.likelihood.constructor=1", '--set model.likelihood.constructor: "constructor" is not allowed as a key'],
  ["model.latent.x=1", '--set model.latent.x: "model.latent" is a value and has no keys; set it as a whole'],
  ["model.likelihood.a.b=1", '--set model.likelihood.a.b: set "model.likelihood.a" as a whole, as JSON'],
  ["model.latent", '--set: expected key=value such as model.latent=50, got "model.latent"'],
  ["=3", '--set: expected key=value such as model.latent=50, got "=3"'],
  ["model.=3", "--set model.: expected a key such as model.latent, got an empty part"],
])("--set %s is refused", (setting, message) => {
  expect(messageOf(() => applySet({}, [setting]))).toBe(message);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("setting a key of a section that the config holds as a value is refused", () => {
  expect(messageOf(() => applySet({ model: 3 }, ["model.latent=2"]))).toBe(
    '--set model.latent: "model" is 3 and has no keys',
  );
});

test.each([
  ['{\n  // latent\n  "model": {}\n}', "c.json:2:3: not JSON: comments are not supported; remove them"],
  [
    '{"model": {"latent": 3,}}',
    'c.json:1:24: not JSON: expected a key in double quotes, got "}" after a comma; remove the comma',
  ],
  ['{"model": {}', 'c.json:1:13: not JSON: expected "," or "}", got the end of the file'],
  ["", "c.json:1:1: not JSON: expected a value, got the end of the file"],
  [
    "{'a': 1}",
    "c.json:1:2: not JSON: expected a key in double quotes, got a single quote; strings stand in double quotes",
  ],
  ["{} x", 'c.json:1:4: not JSON: expected the end of the file, got "x"'],
  ['{"a": NaN}', 'c.json:1:7: not JSON: expected a value, got "NaN"'],
  ['{"a": [1, 2}', 'c.json:1:12: not JSON: expected "," or "]", got "}"'],
])("text that is not JSON is refused with line and column: %j", (text, message) => {
  expect(messageOf(() => parseConfigText(text, "c.json"))).toBe(message);
});

test("a JSON text is read, with or without a byte order mark", () => {
  expect(parseConfigText('\uFEFF{"model": {"latent": 3}}', "c")).toEqual({ model: { latent: 3 } });
});

test("the place of a JSON error is found wherever a text is cut", () => {
  const text = JSON.stringify({ a: [1, -2.5e3, 'x\\"\u00e9'], b: { c: null, d: [true, false, []] } }, null, 1);
  for (let length = 0; length < text.length; length++) {
    expect(messageOf(() => parseConfigText(text.slice(0, length), "c"))).toMatch(/^c:\d+:\d+: not JSON: expected /);
  }
});

test("the JSON Schema describes every key and needs none", () => {
  const schema = configJsonSchema();
  expect(schema).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    additionalProperties: false,
    properties: {
      model: { properties: { latent: { type: "integer", minimum: 1, default: 20 } } },
      objective: {
        properties: {
          kind: { enum: ["elbo", "capacity", "iwae"], default: "elbo" },
          gamma: { type: "number", exclusiveMinimum: 0 },
          to: { type: "number", minimum: 0 },
          steps: { type: "integer", minimum: 1 },
        },
      },
    },
  });
  expect(schema).not.toHaveProperty("required");
  const undescribed: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, child] of Object.entries(node)) {
      if (key === "properties") {
        for (const [name, property] of Object.entries(child as Record<string, { description?: string }>)) {
          if (name !== "kind" && !property.description) undescribed.push(`${path}.${name}`);
        }
      }
      visit(child, `${path}.${key}`);
    }
  };
  visit(schema, "");
  expect(undescribed).toEqual([]);
});

test("split options hold what the config sets, and the seed", () => {
  expect(splitOptions(parseConfig({}, "c"))).toEqual({ seed: 0 });
  const config = parseConfig({ data: { validation: 10, test: 0.2, examples: 50, seed: 3 }, train: { seed: 4 } }, "c");
  expect(splitOptions(config)).toEqual({ seed: 3, validation: 10, test: 0.2, examples: 50 });
});
