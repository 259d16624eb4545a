import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Family, families } from "../../test/distribution-families.ts";
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
import type { Distribution } from "./distribution.ts";
import { kl, klMonteCarlo } from "./kl.ts";
import { normal, standardNormal } from "./normal.ts";

/* The laws that every distribution must keep, over the table of test/distribution-families.ts. */

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
const noiseOf = ({ noiseWidth = 1 }: Distribution, rows: number | "batch"): Tensor =>
  input("noise", noiseWidth === 1 ? [rows] : [rows, noiseWidth]);
/** Those with a KL in closed form. */
const hasKl = (name: string): boolean => name === "normal" || name === "bernoulli";

/** A distribution's functions at points x and noise, and its divergence from another of its family. */
function lawsOf(family: Family, precision: Precision): Promise<Run> {
  const q = symbolic(family, "q");
  const p = symbolic(family, "p");
  const z = q.sample(noiseOf(q, "batch"));
  const outputs: Record<string, Tensor> = {
    logProb: q.logProb(x),
    logProbOfOther: p.logProb(x),
    mean: q.mean,
    variance: q.variance,
    sample: z,
    klMonteCarlo: klMonteCarlo(q, p, z),
  };
  if (q.entropy) outputs.entropy = q.entropy();
  if (q.cdf) outputs.cdf = q.cdf(x);
  if (hasKl(family.name)) outputs.kl = kl(q, p);
  for (const [name, output] of Object.entries(outputs)) expect(output.shape, name).toEqual(["batch"]);
  return runner(outputs, precision);
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((total, value, i) => total + value * b[i]!, 0);
const meanOf = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0) / values.length;
const momentOf = (values: readonly number[], power: number, about = meanOf(values)): number =>
  meanOf(values.map((value) => (value - about) ** power));

function draw({ noise, noiseWidth = 1 }: Distribution, rows: number): Float32Array {
  const count = rows * noiseWidth;
  const kernels = createKernels(4 * count + 128);
  const out = kernels.float32(count);
  kernels[noise === "normal" ? "normals" : "uniforms"](out, siteKey(1, "laws"), 0, kernels.uint32(1), count);
  return out;
}

/** Noise in the middle, for laws that do not look at the sample. */
const still = (family: Family, rows: number): number[] =>
  Array.from({ length: rows * (symbolic(family, "q").noiseWidth ?? 1) }, () => 0.5);

describe.each(families)("$name", (family) => {
  const { roughly = 0, loss32 = 1 } = family;
  describe.each(precisions)("in $precision", ({ precision, tolerance: each }) => {
    const tolerance = each * (precision === "float32" ? loss32 : 1);

    test("density or mass, moments, entropy, cdf and KL agree with their integrals", async () => {
      const laws = await lawsOf(family, precision);
      for (const q of family.at) {
        const { x, weight } = family.support(q);
        for (const p of family.at) {
          const run = await laws({
            ...feeds("q", q, x.length),
            ...feeds("p", p, x.length),
            x,
            noise: still(family, x.length),
          });
          const mass = weight.map((w, i) => w * Math.exp(run.logProb![i]!));
          const [mean, variance] = [run.mean![0]!, run.variance![0]!];
          const logRatio = run.logProb!.map((value, i) => value - run.logProbOfOther![i]!);
          const ofSupport = (f: (value: number) => number) => dot(mass, x.map(f));
          const centre = ofSupport((value) => value); // not the mean, which may be a rough one
          expect(Math.abs(mean - centre)).toBeLessThan(roughly + tolerance * (1 + Math.abs(centre)));
          const found: Record<string, number> = {
            total: ofSupport(() => 1),
            variance: ofSupport((value) => (value - (roughly > 0 ? centre : mean)) ** 2),
          };
          const expected: Record<string, number> = { total: 1, variance };
          if (run.entropy) [found.entropy, expected.entropy] = [-dot(mass, run.logProb!), run.entropy[0]!];
          if (run.kl) [found.kl, expected.kl] = [dot(mass, logRatio), run.kl[0]!];
          const told = JSON.stringify({ q, p, found, expected });
          expect(furthest(Object.values(found), Object.values(expected)), told).toBeLessThan(tolerance);
          if (!run.cdf) continue;
          let cumulated = 0;
          const sums = mass.map((value) => {
            cumulated += value;
            return cumulated;
          });
          expect(furthest(run.cdf, sums), told).toBeLessThan(tolerance);
        }
      }
    });

    if (family.references)
      test("log-probabilities are those computed elsewhere", async () => {
        const laws = await lawsOf(family, precision);
        for (const { q, x, logProb, cdf } of family.references!) {
          const run = await laws({ ...feeds("q", q, 1), ...feeds("p", q, 1), x: [x], noise: still(family, 1) });
          const told = JSON.stringify({ q, x, logProb, cdf });
          if (logProb !== undefined) expect(furthest(run.logProb!, [logProb]), told).toBeLessThan(tolerance);
          if (cdf !== undefined) expect(furthest(run.cdf!, [cdf]), told).toBeLessThan(tolerance);
        }
      });

    if (hasKl(family.name))
      test("KL is never negative, and 0 from itself", async () => {
        const laws = await lawsOf(family, precision);
        const parameters = fc.tuple(...family.range.map(([min, max]) => fc.double({ min, max, noNaN: true })));
        const pairs = fc.sample(fc.tuple(parameters, parameters), { numRuns: 500, seed: 5 });
        const columns = (prefix: string, side: 0 | 1) =>
          Object.fromEntries(family.parameters.map((_, j) => [`${prefix}${j}`, pairs.map((pair) => pair[side][j]!)]));
        const others = { x: pairs.map(() => 0), noise: pairs.map(() => 0.5) };
        const apart = (await laws({ ...columns("q", 0), ...columns("p", 1), ...others })).kl!;
        const same = (await laws({ ...columns("q", 0), ...columns("p", 0), ...others })).kl!;
        expect(Math.min(...apart)).toBeGreaterThan(-tolerance);
        expect(Math.max(...apart)).toBeGreaterThan(1);
        expect(Math.max(...same.map(Math.abs))).toBeLessThan(tolerance);
      });
  });

  test("random parameters: float32 is near float64", async () => {
    const parameters = fc.tuple(...family.range.map(([min, max]) => fc.double({ min, max, noNaN: true })));
    const rows = fc.sample(parameters, { numRuns: 300, seed: 6 }).map((row) => row.map(Math.fround)); // of which both make the same
    const points = rows.map((row, i) => {
      const { x } = family.support(row);
      return Math.fround(x[Math.floor(x.length * (0.3 + (0.4 * i) / rows.length))]!);
    });
    const given = {
      ...Object.fromEntries(
        family.parameters.flatMap((_, j) => [`q${j}`, `p${j}`].map((name) => [name, rows.map((row) => row[j]!)])),
      ),
      x: points,
      noise: still(family, rows.length),
    };
    const [exact, near] = [
      await (await lawsOf(family, "float64"))(given),
      await (await lawsOf(family, "float32"))(given),
    ];
    for (const name of ["logProb", "mean", "variance", "entropy", "cdf"])
      if (exact[name]) expect(furthest(near[name]!, exact[name]), name).toBeLessThan(1e-4 * loss32);
  });

  test("samples have the moments, and their mean log-ratio is the KL, within five standard errors", async () => {
    const laws = await lawsOf(family, "float64");
    const { draws: count = 40_000 } = family;
    for (const [i, q] of family.at.entries()) {
      const p = family.at[(i + 1) % family.at.length]!;
      const draws = draw(symbolic(family, "q"), count);
      const x = Array.from({ length: count }, () => 0);
      const run = await laws({ ...feeds("q", q, count), ...feeds("p", p, count), x, noise: draws });
      const { sample, klMonteCarlo } = run;
      const variance = run.variance![0]!;
      const fourth = momentOf(sample!, 4);
      expect(Math.abs(meanOf(sample!) - run.mean![0]!)).toBeLessThan(5 * Math.sqrt(variance / count) + roughly);
      expect(Math.abs(momentOf(sample!, 2) - variance)).toBeLessThan(
        5 * Math.sqrt((fourth - variance ** 2) / count) + 1e-12,
      );
      if (!run.kl) continue;
      expect(Math.abs(meanOf(klMonteCarlo!) - run.kl[0]!)).toBeLessThan(
        5 * Math.sqrt(momentOf(klMonteCarlo!, 2) / count),
      );
    }
  });

  test("everything differentiates: log-density, moments, entropy and KL, and a sample where it is reparameterized", async () => {
    const weights = constant([0.7, -1.3, 0.4]);
    const leaves = (prefix: string) => family.parameters.map((_, i) => input(`${prefix}${i}`, [3]));
    const [own, other] = [leaves("q"), leaves("p")];
    const [q, p] = [family.build(own), family.build(other)];
    const reparameterized = !isDiscrete(q);
    const results: Record<string, Tensor> = {
      logProb: q.logProb(constant([0, 1, 1])),
      sample: q.sample(noiseOf(q, 3)),
      mean: q.mean,
      variance: q.variance,
    };
    if (q.entropy) results.entropy = q.entropy();
    if (hasKl(family.name)) results.kl = kl(q, p);
    const values = (offset: number) => family.parameters.map((_, j) => [0.3 + offset, -1.1, 0.6 - j]);
    const given = {
      ...Object.fromEntries(values(0).map((value, i) => [`q${i}`, value])),
      ...Object.fromEntries(values(0.5).map((value, i) => [`p${i}`, value])),
      noise: [0.1, 0.8, 0.45, 0.3, 0.7, 0.6].slice(0, 3 * (q.noiseWidth ?? 1)),
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
        if (name === "sample" && !reparameterized) expect(exact[`d${label}`]!.every((slope) => slope === 0)).toBe(true);
        expect(furthest(exact[`d${label}`]!, slopes), `${name} by ${label}`).toBeLessThan(1e-8);
      }
    }
  });
});

/** A draw of such a one is a step function of its parameters. */
const isDiscrete = ({ kind, cdf }: Distribution): boolean => kind === "bernoulli" || cdf !== undefined;

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
      { logProb: q.logProb(input("x", [1])), entropy: q.entropy!(), variance: q.variance, kl: kl(q, q) },
      { x: [x] },
      precision,
    );
    expect(furthest(run.logProb!, [logProb])).toBeLessThan(1e-5);
    for (const values of [run.entropy!, run.variance!]) expect(values.every(Number.isFinite)).toBe(true);
    expect(run.kl).toEqual([0]);
  });

  test.each(families)("$name: all is finite at extreme parameters, gradients too", async (family) => {
    const corners = [-1e4, -30, 0, 30, 1e4].flatMap((first) =>
      [-1e4, -30, 0, 30, 1e4].map((second) => family.parameters.map((_, j) => (j % 2 === 0 ? first : second))),
    );
    const isNormal = family.name === "normal"; // its log-variance is the model's to bound
    const rows = corners.filter((row) => !isNormal || Math.abs(row[1]!) <= 30);
    const leaves = family.parameters.map((_, i) => input(`q${i}`, ["batch"]));
    const q = family.build(leaves);
    const x = input("x", ["batch"]);
    const outputs: Record<string, Tensor> = { logProb: q.logProb(x), mean: q.mean, variance: q.variance };
    outputs.sample = q.sample(noiseOf(q, "batch"));
    if (q.entropy) outputs.entropy = q.entropy();
    if (q.cdf) outputs.cdf = q.cdf(x);
    for (const [name, output] of Object.entries(outputs))
      for (const [i, gradient] of grad(sum(output), leaves).entries()) outputs[`d ${name} by ${i}`] = gradient;
    const run = await runner(outputs, precision);
    for (const value of [0, 1]) {
      for (const u of [0, 0.5, 1 - 2 ** -24]) {
        const results = await run({
          ...Object.fromEntries(family.parameters.map((_, j) => [`q${j}`, rows.map((row) => row[j]!)])),
          x: rows.map(() => value),
          noise: still(family, rows.length).map(() => u),
        });
        for (const [name, values] of Object.entries(results)) {
          const bad = values.findIndex((found) => !Number.isFinite(found));
          expect(bad, `${name} at [${rows[bad]}], x ${value}, u ${u}: ${values[bad]}`).toBe(-1);
        }
      }
    }
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
