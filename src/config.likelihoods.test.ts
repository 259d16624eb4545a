import { expect, test } from "vitest";
import { refused } from "../test/config-refusal.ts";
import { likelihoods } from "./config.parts.ts";
import { parseConfig } from "./config.ts";

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

test("defaults that depend on the likelihood", () => {
  const normal = parseConfig({ model: { likelihood: { kind: "normal" } } }, "c");
  expect(normal.model.likelihood).toEqual({ kind: "normal", variance: "fixed", standardDeviation: 1 });
  expect(normal.data.binarization).toBe("none");
  const learned = parseConfig({ model: { likelihood: { kind: "normal", variance: "learned" } } }, "c");
  expect(learned.model.likelihood).toEqual({ kind: "normal", variance: "learned" });
});

test.each<[string, unknown, string]>([
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
])("%s is refused with its own message", (_, value, message) => {
  expect(refused(value)).toContain(message);
});
