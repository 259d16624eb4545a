import { describe, expect, test } from "vitest";
import type { LikelihoodConfig } from "../config.likelihoods.ts";
import { parseConfig } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import { DataError, UsageError } from "../errors.ts";
import { findLikelihood, loadLikelihood } from "./likelihood.ts";
import { checkPrior, checkSupport, statisticsOf } from "./statistics.ts";

const dataset = (values: Uint8Array | Float32Array): Dataset => ({
  name: "pairs",
  split: "train",
  event: [2],
  count: values.length / 2,
  values,
  index: Uint32Array.from({ length: values.length / 2 }, (_, i) => 10 + i),
  fingerprint: "0123456789abcdef",
});

test("the mean of each element, and one variance about those means", () => {
  const { mean, variance } = statisticsOf(dataset(Float32Array.of(1, 10, 3, 30)));
  expect([...mean]).toEqual([2, 20]);
  expect(variance).toBeCloseTo((1 + 100) / 2, 6);
});

test("grey levels mean v/255", () => {
  const { mean, variance } = statisticsOf(dataset(Uint8Array.of(0, 255, 255, 255)));
  expect([...mean]).toEqual([0.5, 1]);
  expect(variance).toBeCloseTo(0.125, 6);
});

test("a variance far smaller than the mean is not lost in it", () => {
  const { variance } = statisticsOf(dataset(Float32Array.of(100_001, -100_001, 100_002, -100_002, 100_004, -100_004)));
  expect(variance).toBeCloseTo(14 / 9, 3);
});

test("examples are taken from all over the data, as floats", () => {
  const { examples } = statisticsOf(dataset(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7)));
  expect(examples!(2)).toEqual(Float32Array.of(0, 1, 4, 5));
  expect(statisticsOf(dataset(Uint8Array.of(0, 255, 51, 102))).examples!(2)).toEqual(Float32Array.of(0, 1, 0.2, 0.4));
});

describe("a VampPrior", () => {
  const vampprior = { kind: "vampprior", components: 2, start: "data" } as const;
  const within = dataset(Float32Array.of(0, 1, 0.5, 0.25));
  const outside = dataset(Float32Array.of(0, 1, 0.5, -0.25));

  test("refuses training data outside [0, 1], where its pseudo-inputs cannot go", () => {
    expect(() => checkPrior(outside, vampprior)).toThrow(
      new DataError(
        'pairs (train): example 11, element 1 is -0.25; the prior "vampprior" needs numbers from 0 to 1, where its pseudo-inputs lie. Rescale the data, or choose another model.prior',
      ),
    );
    checkPrior(within, vampprior);
    checkPrior(dataset(Uint8Array.of(0, 255, 7, 128)), vampprior);
    checkPrior(outside, { kind: "mixture", components: 2 });
  });

  test("refuses to start at more examples than there are", () => {
    expect(() => checkPrior(within, { ...vampprior, components: 3 })).toThrow(
      new UsageError(
        'model.prior.components: expected at most the 2 training examples that pseudo-inputs start at, got 3; take fewer, or set model.prior.start to "random"',
      ),
    );
    checkPrior(within, { ...vampprior, components: 3, start: "random" });
  });
});

const bernoulli = findLikelihood("bernoulli");
const normal = findLikelihood("normal");
const binary = { ...normal, support: "binary" } as const;

test.each([
  {
    part: normal,
    values: [0, Number.NaN],
    binarized: false,
    problem: /^pairs \(train\): example 10, element 1 is NaN; likelihood "mine" needs finite numbers/,
  },
  { part: normal, values: [0, Number.POSITIVE_INFINITY], binarized: false, problem: /is Infinity/ },
  {
    part: bernoulli,
    values: [0, 1, -0.5, 1],
    binarized: false,
    problem: /example 11, element 0 is -0.5; likelihood "mine" needs numbers from 0 to 1/,
  },
  { part: binary, values: [0, 0.5], binarized: false, problem: /element 1 is 0.5; likelihood "mine" needs 0 or 1/ },
  { part: normal, values: [0, 2], binarized: true, problem: /element 1 is 2; binarization needs numbers from 0 to 1/ },
])("refused: $values", ({ part, values, binarized, problem }) => {
  const check = () => checkSupport(dataset(Float32Array.from(values)), part, { kind: "mine" }, binarized);
  expect(check).toThrow(DataError);
  expect(check).toThrow(problem);
});

test("grey levels are refused where 0 or 1 is needed, unless they are binarized", () => {
  const grey = dataset(Uint8Array.of(0, 128));
  const mine = { kind: "mine" };
  expect(() => checkSupport(grey, binary, mine, false)).toThrow(/set data.binarization to "static" or "dynamic"/);
  checkSupport(grey, binary, mine, true);
  checkSupport(dataset(Uint8Array.of(0, 255)), binary, mine, false);
  checkSupport(dataset(Float32Array.of(0, 0.5)), binary, mine, true);
  checkSupport(dataset(Float32Array.of(-5, 7)), normal, mine, false);
});

describe("counts", () => {
  const configOf = (likelihood: object): LikelihoodConfig => parseConfig({ model: { likelihood } }).model.likelihood;
  const check = async (values: Uint8Array | Float32Array, likelihood: object) => {
    const config = configOf(likelihood);
    checkSupport(dataset(values), await loadLikelihood(config.kind), config, false);
  };
  const counts = (...values: number[]) => Float32Array.from(values);

  test.each([
    [
      { kind: "poisson" },
      [0, 2.5],
      /example 10, element 1 is 2.5; likelihood "poisson" needs whole numbers from 0 on\./,
    ],
    [{ kind: "negative-binomial" }, [3, 0, 0, -1], /example 11, element 1 is -1; .* needs whole numbers from 0 on\./],
    [
      { kind: "beta-binomial", n: 9, values: "integers" },
      [9, 10],
      /element 1 is 10; .* needs whole numbers from 0 to 9\./,
    ],
    [{ kind: "categorical", classes: 3, values: "integers" }, [2, 3], /is 3; .* needs whole numbers from 0 to 2\./],
    [{ kind: "categorical", classes: 3 }, [1, 2], /is 2; .* needs numbers from 0 to 1\./],
    [{ kind: "poisson", values: "levels" }, [1, 2], /is 2; .* needs numbers from 0 to 1\./],
    [{ kind: "discretized-logistic" }, [1, 1.01], /is 1.00.*; .* needs numbers from 0 to 1\./],
    [{ kind: "continuous-bernoulli" }, [1, -0.5], /is -0.5; .* needs numbers from 0 to 1\./],
    [{ kind: "laplace" }, [1, Number.NaN], /is NaN; .* needs finite numbers\./],
  ])("%o refuses %j", async (likelihood, values, problem) => {
    await expect(check(counts(...values), likelihood)).rejects.toThrow(DataError);
    await expect(check(counts(...values), likelihood)).rejects.toThrow(problem);
  });

  test.each([
    [{ kind: "poisson" }, [0, 1e6]],
    [{ kind: "beta-binomial", n: 9, values: "integers" }, [0, 9]],
    [{ kind: "beta-binomial" }, [0, 0.3]],
    [{ kind: "categorical", classes: 3, values: "integers" }, [0, 2]],
    [{ kind: "student-t" }, [-7, 1e9]],
  ])("%o takes %j", async (likelihood, values) => {
    await check(counts(...values), likelihood);
  });

  test("grey levels are v/255: whole numbers are refused with the mend, levels taken", async () => {
    const grey = Uint8Array.of(0, 128);
    const problem =
      'pairs: likelihood "poisson" needs whole numbers from 0 on, and the data hold grey levels, which mean v/255; set model.likelihood.values to "levels"';
    await expect(check(grey, { kind: "poisson" })).rejects.toThrow(new DataError(problem));
    for (const kind of ["poisson", "negative-binomial", "beta-binomial", "categorical"])
      await check(grey, { kind, values: "levels" });
    for (const kind of ["discretized-logistic", "discretized-logistic-mixture", "continuous-bernoulli", "laplace"])
      await check(grey, { kind });
    await check(Uint8Array.of(0, 255), { kind: "poisson" }); // 0 and 1
    const own = { ...normal, support: { whole: 5 } };
    expect(() => checkSupport(dataset(grey), own, { kind: "mine" }, false)).toThrow(/hand the numbers over as 32-bit/);
  });
});
