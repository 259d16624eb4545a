import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differences, evaluate, furthest, type Run, runner } from "../../test/numeric.ts";
import { UsageError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import type { Precision } from "../graph/lower.ts";
import { mul } from "../graph/ops/arithmetic.ts";
import { sum } from "../graph/ops/structure.ts";
import { constant, input, type Tensor } from "../graph/tensor.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { bernoulli } from "./bernoulli.ts";
import type { Distribution, NoiseKind } from "./distribution.ts";
import { kl, klMonteCarlo } from "./kl.ts";
import { normal, standardNormal } from "./normal.ts";

/* The laws that every distribution must keep, from one table: a new distribution is a new row. */

interface Family {
  readonly name: string;
  readonly parameters: readonly string[];
  build(parameters: readonly Tensor[]): Distribution;
  /** Parameters that the laws are checked at; the range that random ones are taken from. */
  readonly at: readonly (readonly number[])[];
  readonly range: readonly (readonly [number, number])[];
  /** Points and weights with which a sum over the support is a sum, or an integral to the last digit. */
  support(parameters: readonly number[]): { readonly x: number[]; readonly weight: number[] };
}

const families: readonly Family[] = [
  {
    name: "normal",
    parameters: ["mean", "logvar"],
    build: ([mean, logvar]) => normal(mean!, logvar!),
    at: [
      [0, 0],
      [1.5, -2],
      [-3, 1.2],
    ],
    range: [
      [-10, 10],
      [-8, 8],
    ],
    // The trapezoidal rule converges faster than any power of the step on a function that dies away at both ends.
    support([mean, logvar]) {
      const deviation = Math.exp(logvar! / 2);
      const steps = Array.from({ length: 1001 }, (_, i) => (i - 500) / 40);
      return { x: steps.map((t) => mean! + t * deviation), weight: steps.map(() => deviation / 40) };
    },
  },
  {
    name: "bernoulli",
    parameters: ["logits"],
    build: ([logits]) => bernoulli(logits!),
    at: [[0], [1.7], [-3.5]],
    range: [[-12, 12]],
    support: () => ({ x: [0, 1], weight: [1, 1] }),
  },
];

const precisions = [
  { precision: "float64", tolerance: 1e-11 },
  { precision: "float32", tolerance: 3e-5 },
] as const satisfies readonly { precision: Precision; tolerance: number }[];

/** A distribution of shape (batch) whose parameters are inputs q0, q1, … */
const symbolic = (family: Family, prefix: string): Distribution =>
  family.build(family.parameters.map((_, i) => input(`${prefix}${i}`, ["batch"])));

const feeds = (prefix: string, parameters: readonly number[], rows: number): Record<string, number[]> =>
  Object.fromEntries(parameters.map((value, i) => [`${prefix}${i}`, Array.from({ length: rows }, () => value)]));

const x = input("x", ["batch"]);
const noise = input("noise", ["batch"]);

/** A distribution's functions at points x and noise, and its divergence from another of its family. */
function lawsOf(family: Family, precision: Precision): Promise<Run> {
  const q = symbolic(family, "q");
  const p = symbolic(family, "p");
  const z = q.sample(noise);
  const outputs = {
    logProb: q.logProb(x),
    logProbOfOther: p.logProb(x),
    mean: q.mean,
    variance: q.variance,
    entropy: q.entropy(),
    sample: z,
    kl: kl(q, p),
    klMonteCarlo: klMonteCarlo(q, p, z),
  };
  return runner(outputs, precision);
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((total, value, i) => total + value * b[i]!, 0);
const meanOf = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0) / values.length;
const momentOf = (values: readonly number[], power: number, about = meanOf(values)): number =>
  meanOf(values.map((value) => (value - about) ** power));

function draw(kind: NoiseKind, count: number): Float32Array {
  const kernels = createKernels(4 * count + 128);
  const out = kernels.float32(count);
  kernels[kind === "normal" ? "normals" : "uniforms"](out, siteKey(1, "laws"), 0, kernels.uint32(1), count);
  return out;
}

describe.each(families)("$name", (family) => {
  describe.each(precisions)("in $precision", ({ precision, tolerance }) => {
    test("density, moments, entropy and KL agree with their integrals", async () => {
      const laws = await lawsOf(family, precision);
      for (const q of family.at) {
        const { x, weight } = family.support(q);
        for (const p of family.at) {
          const run = await laws({
            ...feeds("q", q, x.length),
            ...feeds("p", p, x.length),
            x,
            noise: x.map(() => 0.5),
          });
          const mass = weight.map((w, i) => w * Math.exp(run.logProb![i]!));
          const [mean, variance] = [run.mean![0]!, run.variance![0]!];
          const logRatio = run.logProb!.map((value, i) => value - run.logProbOfOther![i]!);
          const found = {
            total: dot(
              mass,
              x.map(() => 1),
            ),
            mean: dot(mass, x),
            variance: dot(
              mass,
              x.map((value) => (value - mean) ** 2),
            ),
            entropy: -dot(mass, run.logProb!),
            kl: dot(mass, logRatio),
          };
          const expected = { total: 1, mean, variance, entropy: run.entropy![0]!, kl: run.kl![0]! };
          expect(
            furthest(Object.values(found), Object.values(expected)),
            JSON.stringify({ q, p, found, expected }),
          ).toBeLessThan(tolerance);
        }
      }
    });

    test("KL is never negative, and 0 from itself", async () => {
      const laws = await lawsOf(family, precision);
      const parameters = fc.tuple(...family.range.map(([min, max]) => fc.double({ min, max, noNaN: true })));
      const pairs = fc.sample(fc.tuple(parameters, parameters), { numRuns: 500, seed: 5 });
      const columns = (prefix: string, side: 0 | 1) =>
        Object.fromEntries(family.parameters.map((_, j) => [`${prefix}${j}`, pairs.map((pair) => pair[side][j]!)]));
      const still = { x: pairs.map(() => 0), noise: pairs.map(() => 0.5) };
      const apart = (await laws({ ...columns("q", 0), ...columns("p", 1), ...still })).kl!;
      const same = (await laws({ ...columns("q", 0), ...columns("p", 0), ...still })).kl!;
      expect(Math.min(...apart)).toBeGreaterThan(-tolerance);
      expect(Math.max(...apart)).toBeGreaterThan(1);
      expect(Math.max(...same.map(Math.abs))).toBeLessThan(tolerance);
    });
  });

  test("samples have the moments, and their mean log-ratio is the KL, within five standard errors", async () => {
    const laws = await lawsOf(family, "float64");
    const count = 40_000;
    for (const [i, q] of family.at.entries()) {
      const p = family.at[(i + 1) % family.at.length]!;
      const draws = draw(symbolic(family, "q").noise, count);
      const run = await laws({ ...feeds("q", q, count), ...feeds("p", p, count), x: draws, noise: draws });
      const { sample, klMonteCarlo } = run;
      const variance = run.variance![0]!;
      const fourth = momentOf(sample!, 4, run.mean![0]!);
      expect(Math.abs(meanOf(sample!) - run.mean![0]!)).toBeLessThan(5 * Math.sqrt(variance / count));
      expect(Math.abs(momentOf(sample!, 2, run.mean![0]!) - variance)).toBeLessThan(
        5 * Math.sqrt((fourth - variance ** 2) / count) + 1e-12,
      );
      expect(Math.abs(meanOf(klMonteCarlo!) - run.kl![0]!)).toBeLessThan(
        5 * Math.sqrt(momentOf(klMonteCarlo!, 2) / count),
      );
    }
  });

  test("everything differentiates: log-density, entropy and KL, and a sample where it is reparameterized", async () => {
    const weights = constant([0.7, -1.3, 0.4]);
    const leaves = (prefix: string) => family.parameters.map((_, i) => input(`${prefix}${i}`, [3]));
    const [own, other] = [leaves("q"), leaves("p")];
    const [q, p] = [family.build(own), family.build(other)];
    const draws = input("noise", [3]);
    const reparameterized = q.noise === "normal";
    const results = {
      logProb: q.logProb(constant([0, 1, 1])),
      entropy: q.entropy(),
      kl: kl(q, p),
      sample: q.sample(draws),
    };
    const values = (offset: number) => family.parameters.map((_, j) => [0.3 + offset, -1.1, 0.6 - j]);
    const given = {
      ...Object.fromEntries(values(0).map((value, i) => [`q${i}`, value])),
      ...Object.fromEntries(values(0.5).map((value, i) => [`p${i}`, value])),
      noise: [0.1, 0.8, 0.45],
    };
    for (const [name, result] of Object.entries(results)) {
      const value = sum(mul(weights, result));
      const wrt = name === "kl" ? [...own, ...other] : own;
      const gradients = grad(value, wrt);
      const run = await runner({
        value,
        ...Object.fromEntries(wrt.map(({ label }, i) => [`d${label}`, gradients[i]!])),
      });
      const exact = await run(given);
      for (const { label } of wrt) {
        const slopes = await differences(run, "value", given, label!);
        // A draw of 0 or 1 is a step function of its parameters, whose derivative is 0 wherever there is one.
        if (name === "sample" && !reparameterized) expect(exact[`d${label}`]).toEqual([0, 0, 0]);
        expect(furthest(exact[`d${label}`]!, slopes), `${name} by ${label}`).toBeLessThan(1e-8);
      }
    }
  });
});

/** What the densities must be far out, where a careless formula gives NaN or infinity. */
const extremes: readonly {
  readonly name: string;
  readonly q: Distribution;
  readonly x: number;
  readonly logProb: number;
}[] = [
  { name: "logits 1e4, x 1", q: bernoulli(constant([1e4])), x: 1, logProb: 0 },
  { name: "logits 1e4, x 0", q: bernoulli(constant([1e4])), x: 0, logProb: -1e4 },
  { name: "logits -1e4, x 1", q: bernoulli(constant([-1e4])), x: 1, logProb: -1e4 },
  { name: "logits -1e4, x 0", q: bernoulli(constant([-1e4])), x: 0, logProb: 0 },
  { name: "logits 1e4, grey x", q: bernoulli(constant([1e4])), x: 0.25, logProb: -7500 },
  {
    name: "logvar 30 at the mean",
    q: normal(constant([2]), constant([30])),
    x: 2,
    logProb: -15 - Math.log(2 * Math.PI) / 2,
  },
  {
    name: "logvar -30 at the mean",
    q: normal(constant([2]), constant([-30])),
    x: 2,
    logProb: 15 - Math.log(2 * Math.PI) / 2,
  },
  {
    name: "logvar -100 at the mean",
    q: normal(constant([2]), constant([-100])),
    x: 2,
    logProb: 50 - Math.log(2 * Math.PI) / 2,
  },
  { name: "x far out", q: normal(constant([0]), constant([0])), x: 1e6, logProb: -5e11 },
  { name: "x far out, logvar 30", q: normal(constant([0]), constant([30])), x: 1e20, logProb: -0.5e40 * Math.exp(-30) },
  { name: "x far out, logvar -30", q: normal(constant([0]), constant([-30])), x: 1e6, logProb: -0.5e12 * Math.exp(30) },
];

describe.each(precisions)("far out, in $precision", ({ precision }) => {
  test.each(extremes)("$name", async ({ q, x, logProb }) => {
    const run = await evaluate(
      { logProb: q.logProb(input("x", [1])), entropy: q.entropy(), variance: q.variance, kl: kl(q, q) },
      { x: [x] },
      precision,
    );
    expect(furthest(run.logProb!, [logProb])).toBeLessThan(1e-5);
    for (const values of [run.entropy!, run.variance!]) expect(values.every(Number.isFinite)).toBe(true);
    expect(run.kl).toEqual([0]);
  });
});

test("a shape that broadcasts: one log-variance for all elements gives densities in the mean's shape", async () => {
  const q = normal(input("mean", ["batch", 2]), constant([0.5]));
  const outputs = {
    logProb: q.logProb(constant([0, 0])),
    entropy: q.entropy(),
    variance: q.variance,
    kl: kl(q, standardNormal(q.mean)),
  };
  for (const output of Object.values(outputs)) expect(output.shape).toEqual(["batch", 2]);
  const run = await evaluate(outputs, { mean: [0, 1, 2, 3] });
  for (const values of Object.values(run)) expect(values).toHaveLength(4);
  // against N(0, 1) the closed form takes a shorter way, which must come to the same
  const long = await evaluate(
    { kl: kl(q, normal(constant([0, 0]), input("zero", [1]))) },
    { mean: [0, 1, 2, 3], zero: [0] },
  );
  expect(furthest(run.kl!, long.kl!)).toBeLessThan(1e-14);
});

test("without a closed form, KL is estimated from a sample, and refused without one", async () => {
  const q = normal(constant([0.4]), constant([-1]));
  const p: Distribution = { ...standardNormal(q.mean), kind: "laplace" };
  const z = constant([0.7]);
  const { estimate, ratio } = await evaluate({ estimate: kl(q, p, z), ratio: klMonteCarlo(q, p, z) });
  expect(estimate).toEqual(ratio);
  expect(() => kl(q, p)).toThrow(
    new UsageError("kl: no closed form for normal against laplace; give a sample z of q for a Monte-Carlo estimate"),
  );
});
