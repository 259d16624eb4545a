import { describe, expect, test } from "vitest";
import { draws, logDeterminant, mean, momentsOf } from "../../test/latent.ts";
import { differences, evaluate, furthest, runner } from "../../test/numeric.ts";
import { ShapeError } from "../errors.ts";
import type { Flow } from "../graph/flow.ts";
import { grad } from "../graph/grad.ts";
import { add, mul, square } from "../graph/ops/arithmetic.ts";
import { sum } from "../graph/ops/structure.ts";
import type { Dim } from "../graph/shape.ts";
import { constant, input, type Tensor } from "../graph/tensor.ts";
import { flowPosterior } from "./flow.ts";
import { fullPosterior } from "./full-normal.ts";
import { type Posterior, standardPrior } from "./latent.ts";
import { normal } from "./normal.ts";
import { posteriorOf } from "./posterior.ts";
import { rankOnePosterior } from "./rank-one.ts";

/* The laws of posteriors with a closed form, from one table: a new one is a new row. */

interface Family {
  readonly name: string;
  /** Size of each parameter of d latents. */
  sizes(d: number): Readonly<Record<string, number>>;
  /** Smallest d. */
  readonly least: number;
  build(parameters: Readonly<Record<string, Tensor>>): Posterior;
  /** The covariance (d, d) that parameters give, by plain arithmetic. */
  covariance(parameters: Readonly<Record<string, readonly number[]>>, d: number): number[];
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const square2 = (d: number, f: (i: number, j: number) => number): number[] =>
  range(d).flatMap((i) => range(d).map((j) => f(i, j)));

/** The inverse of a matrix, by Gauss and Jordan. */
function inverse(matrix: readonly number[], d: number): number[] {
  const a = range(d).map((i) => [...matrix.slice(i * d, (i + 1) * d), ...range(d).map((j) => (i === j ? 1 : 0))]);
  for (let k = 0; k < d; k++) {
    const pivot = a[k]![k]!;
    a[k] = a[k]!.map((x) => x / pivot);
    for (let i = 0; i < d; i++) {
      const factor = a[i]![k]!;
      if (i !== k) a[i] = a[i]!.map((x, j) => x - factor * a[k]![j]!);
    }
  }
  return a.flatMap((row) => row.slice(d));
}

const families: readonly Family[] = [
  {
    name: "diagonal",
    sizes: (d) => ({ mean: d, logvar: d }),
    least: 1,
    build: ({ mean, logvar }) => posteriorOf({ mean: mean!, logvar: logvar! }),
    covariance: ({ logvar }, d) => square2(d, (i, j) => (i === j ? Math.exp(logvar![i]!) : 0)),
  },
  {
    name: "full",
    sizes: (d) => ({ mean: d, logvar: d, below: (d * (d - 1)) / 2 }),
    least: 2,
    build: ({ mean, logvar, below }) => posteriorOf({ mean: mean!, logvar: logvar!, below: below! }),
    covariance({ logvar, below }, d) {
      const factor = (i: number, j: number) =>
        j > i ? 0 : i === j ? Math.exp(logvar![i]! / 2) : below![(i * (i - 1)) / 2 + j]!;
      return square2(d, (i, j) => range(d).reduce((total, k) => total + factor(i, k) * factor(j, k), 0));
    },
  },
  {
    name: "rank-one",
    sizes: (d) => ({ mean: d, logvar: d, direction: d }),
    least: 1,
    build: ({ mean, logvar, direction }) => posteriorOf({ mean: mean!, logvar: logvar!, direction: direction! }),
    covariance: ({ logvar, direction: u }, d) =>
      inverse(
        square2(d, (i, j) => (i === j ? Math.exp(-logvar![i]!) : 0) + u![i]! * u![j]!),
        d,
      ),
  },
];

/** Values of the parameters of one row. */
const valuesOf = (family: Family, d: number, scale = 1): Record<string, number[]> =>
  Object.fromEntries(
    Object.entries(family.sizes(d)).map(([name, size], k) => [
      name,
      range(size).map((i) => scale * Math.sin(1.7 * i + 5 * k + 1)),
    ]),
  );

const inputsOf = (family: Family, d: number, rows: Dim): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(family.sizes(d)).map(([name, size]) => [name, input(name, [rows, size])]));

const repeat = (values: readonly number[], times: number): number[] => range(times).flatMap(() => values);
const repeated = (parameters: Readonly<Record<string, number[]>>, rows: number) =>
  Object.fromEntries(Object.entries(parameters).map(([name, values]) => [name, repeat(values, rows)]));

describe.each(families)("$name", (family) => {
  const d = 4;
  const q = family.build(inputsOf(family, d, "batch"));
  const noise = input("noise", ["batch", d]);
  const z = input("z", ["batch", d]);
  const drawn = q.draw(noise);
  const covariance = family.covariance(valuesOf(family, d), d);

  test.each(range(4).map((i) => i + family.least))("log q of a draw is log q of its z, d = %i", async (d) => {
    const q = family.build(inputsOf(family, d, 3));
    const drawn = q.draw(input("noise", [3, d]));
    const given = { ...repeated(valuesOf(family, d), 3), noise: draws("normals", 3 * d) };
    const { of, at } = await evaluate({ of: drawn.logProb, at: q.logProb!(drawn.z) }, given);
    expect(furthest(of!, at!)).toBeLessThan(1e-12);
  });

  test("log q is the density of the dense covariance", async () => {
    const at = [0.3, -1.2, 2.1, 0.4];
    const { mean, ...rest } = valuesOf(family, d);
    const { logProb } = await evaluate({ logProb: q.logProb!(z) }, { mean: mean!, ...rest, z: at });
    const precision = inverse(covariance, d);
    const off = at.map((x, i) => x - mean![i]!);
    const distance = square2(d, (i, j) => off[i]! * precision[i * d + j]! * off[j]!).reduce((a, b) => a + b, 0);
    const expected = -0.5 * (distance + logDeterminant(covariance, d) + d * Math.log(2 * Math.PI));
    expect(furthest(logProb!, [expected])).toBeLessThan(1e-12);
  });

  test("draws have the mean and the covariance, and base the variances", async () => {
    const count = 60_000;
    const values = valuesOf(family, d);
    const run = await evaluate(
      { drawn: drawn.z, variance: q.base.variance, center: q.base.mean },
      { ...repeated(values, count), noise: draws("normals", count * d) },
    );
    const moments = momentsOf(run.drawn!, d);
    const scale = Math.max(...covariance.map(Math.abs));
    expect(furthest(moments.mean, values["mean"]!)).toBeLessThan((5 * Math.sqrt(scale)) / Math.sqrt(count));
    for (const [i, value] of covariance.entries()) {
      const [a, b] = [covariance[Math.floor(i / d) * (d + 1)]!, covariance[(i % d) * (d + 1)]!];
      expect(Math.abs(moments.covariance[i]! - value)).toBeLessThan(5 * Math.sqrt((a * b + value ** 2) / count));
    }
    const variances = range(d).map((i) => covariance[i * (d + 1)]!);
    expect(furthest(run.variance!.slice(0, d), variances)).toBeLessThan(1e-12);
    expect(run.center!.slice(0, d)).toEqual(values["mean"]);
  });

  test("the closed KL is that of the dense covariance, and the mean of log q − log p over draws", async () => {
    const count = 40_000;
    const values = valuesOf(family, d);
    const prior = standardPrior(d);
    const run = await evaluate(
      { kl: q.klStandard!(), logProb: drawn.logProb, prior: prior.logProb(drawn.z) },
      { ...repeated(values, count), noise: draws("normals", count * d) },
    );
    const trace = range(d).reduce((total, i) => total + covariance[i * (d + 1)]!, 0);
    const squares = values["mean"]!.reduce((total, x) => total + x * x, 0);
    expect(furthest(run.kl!.slice(0, 1), [0.5 * (trace + squares - d - logDeterminant(covariance, d))])).toBeLessThan(
      1e-12,
    );
    const ratios = run.logProb!.map((value, i) => value - run.prior![i]!);
    const deviation = Math.sqrt(mean(ratios.map((x) => (x - run.kl![0]!) ** 2)));
    expect(Math.abs(mean(ratios) - run.kl![0]!)).toBeLessThan((5 * deviation) / Math.sqrt(count));
  });

  test("k draws of each row are the draws of each by itself", async () => {
    const [k, rows] = [3, 2];
    const parameters = Object.fromEntries(
      Object.entries(family.sizes(d)).map(([name, size]) => [name, range(rows * size).map((i) => Math.sin(3 * i + 1))]),
    );
    const noises = draws("normals", k * rows * d);
    const many = q.draw(input("noise", [k, "batch", d]));
    expect([many.z.shape, many.logProb.shape]).toEqual([
      [k, "batch", d],
      [k, "batch"],
    ]);
    const together = await evaluate(
      { z: many.z, logProb: many.logProb, at: q.logProb!(many.z) },
      { ...parameters, noise: noises },
    );
    const alone = await runner({ z: drawn.z, logProb: drawn.logProb });
    for (const i of range(k)) {
      const one = await alone({ ...parameters, noise: noises.slice(i * rows * d, (i + 1) * rows * d) });
      const part = (values: readonly number[], width: number) => values.slice(i * rows * width, (i + 1) * rows * width);
      expect(furthest(part(together.z!, d), one.z!)).toBeLessThan(1e-13);
      expect(furthest(part(together.logProb!, 1), one.logProb!)).toBeLessThan(1e-13);
      expect(furthest(part(together.at!, 1), one.logProb!)).toBeLessThan(1e-12);
    }
  });

  test("the gradients of a draw, its density, any density, the KL and base are exact", async () => {
    const leaves = inputsOf(family, 3, 2);
    const q = family.build(leaves);
    const noise = input("noise", [2, 2, 3]);
    const { z, logProb } = q.draw(noise);
    const weights = constant(
      range(12).map((i) => Math.cos(i)),
      [2, 2, 3],
    );
    const other = input("z", [2, 3]);
    const results = {
      z: sum(mul(z, weights)),
      logProb: sum(mul(logProb, constant([0.3, -1, 0.7, 2], [2, 2]))),
      given: sum(mul(q.logProb!(other), constant([1, -0.4]))),
      kl: sum(mul(q.klStandard!(), constant([1, -0.4]))),
      base: add(sum(mul(q.base.logvar, constant([1, 2, -1]))), sum(square(q.base.mean))),
    };
    const given = {
      ...Object.fromEntries(
        Object.entries(family.sizes(3)).map(([name, size], k) => [
          name,
          range(2 * size).map((i) => 0.8 * Math.sin(2 * i + k + 1)),
        ]),
      ),
      noise: draws("normals", 12),
      z: [0.4, -1, 0.2, 1.3, 0, -0.6],
    };
    for (const [name, value] of Object.entries(results)) {
      const wrt = name === "given" ? [...Object.values(leaves), other] : Object.values(leaves);
      const gradients = grad(value, wrt);
      const run = await runner({
        value,
        ...Object.fromEntries(wrt.map(({ label }, i) => [`d${label}`, gradients[i]!])),
      });
      const exact = await run(given);
      for (const { label } of wrt)
        expect(
          furthest(exact[`d${label}`]!, await differences(run, "value", given, label!)),
          `${name} by ${label}`,
        ).toBeLessThan(1e-8);
    }
  });

  test.each(["float32", "float64"] as const)(
    "far out everything is finite, gradients too, in %s",
    async (precision) => {
      const leaves = inputsOf(family, d, 1);
      const q = family.build(leaves);
      const { z, logProb } = q.draw(input("noise", [1, d]));
      // log q of a z that no draw comes near is beyond float32 where latents are correlated.
      const at = precision === "float64" ? { at: q.logProb!(input("z", [1, d])) } : {};
      const value = [z, logProb, q.base.logvar, ...Object.values(at)].map((x) => sum(x)).reduce((a, b) => add(a, b));
      const names = Object.keys(leaves);
      const gradients = grad(value, Object.values(leaves));
      const run = await runner(
        {
          drawn: z,
          logProb,
          ...at,
          kl: q.klStandard!(),
          variance: q.base.variance,
          ...Object.fromEntries(names.map((name, i) => [`d${name}`, gradients[i]!])),
        },
        precision,
      );
      const sizes = family.sizes(d);
      const more = names.filter((name) => name !== "mean" && name !== "logvar");
      for (const logvar of [-30, 30])
        for (const size of [0, 1e-4, 1e3])
          for (const at of [0, 10]) {
            const results = await run({
              mean: Array(d).fill(size),
              logvar: range(d).map((i) => (i % 2 === 0 ? logvar : -logvar / 2)),
              ...Object.fromEntries(more.map((name) => [name, Array(sizes[name]!).fill(size)])),
              noise: [3, -2, 0, 1],
              ...(precision === "float64" ? { z: Array(d).fill(at) } : {}),
            });
            for (const [name, values] of Object.entries(results))
              expect(
                values.every(Number.isFinite),
                `${name} of ${JSON.stringify({ logvar, size, at })}: ${values}`,
              ).toBe(true);
          }
    },
  );
});

test("without a correlation all are the diagonal posterior", async () => {
  const [mean, logvar, zero] = [constant([1, 2, 3], [1, 3]), constant([-1, 0, 1], [1, 3]), constant([0, 0, 0], [1, 3])];
  const noise = constant([0.4, -2, 0.3], [1, 3]);
  const all = [
    posteriorOf({ mean, logvar }),
    fullPosterior({ mean, logvar, below: zero }),
    rankOnePosterior({ mean, logvar, direction: zero }),
  ];
  const outputs = all.map((q) => ({ ...q.draw(noise), kl: q.klStandard!(), logvar: q.base.logvar }));
  const [first, ...others] = await Promise.all(outputs.map((output) => evaluate(output)));
  for (const other of others)
    for (const [name, values] of Object.entries(first!)) expect(furthest(other[name]!, values)).toBeLessThan(1e-14);
});

test("KL by latent adds up to the KL, and is known for independent latents alone", async () => {
  const [mean, logvar] = [constant([1, 2, 3], [1, 3]), constant([-1, 0, 1], [1, 3])];
  const q = posteriorOf({ mean, logvar });
  const { byLatent, kl } = await evaluate({ byLatent: q.klStandardByLatent!(), kl: q.klStandard!() });
  expect(byLatent).toHaveLength(3);
  expect(furthest([byLatent!.reduce((a, b) => a + b, 0)], kl!)).toBeLessThan(1e-14);
  expect(posteriorOf({ mean, logvar, below: mean }).klStandardByLatent).toBeUndefined();
  expect(posteriorOf({ mean, logvar, direction: mean }).klStandardByLatent).toBeUndefined();
});

test("parameters that do not fit are refused", () => {
  const of = (size: number) => input("parameter", ["batch", size]);
  expect(() => fullPosterior({ mean: of(3), logvar: of(3), below: of(2) })).toThrow(ShapeError);
  expect(() => fullPosterior({ mean: of(1), logvar: of(1), below: of(1) })).toThrow(/d ≥ 2/);
  expect(() => fullPosterior({ mean: of(3), logvar: of(2), below: of(3) })).toThrow(ShapeError);
  expect(() => rankOnePosterior({ mean: of(3), logvar: of(3), direction: of(1) })).toThrow(ShapeError);
  expect(() => rankOnePosterior({ mean: of(3), logvar: of(1), direction: of(3) })).toThrow(ShapeError);
});

describe("a posterior through a flow", () => {
  const rows = 2;
  const start = posteriorOf({ mean: input("mean", [rows, 2]), logvar: input("logvar", [rows, 2]) });
  /** z ↦ 3z + context */
  const triple: Flow = {
    forward: (z, context) => ({
      z: add(mul(z, 3), context!),
      logDet: constant(Array(rows).fill(2 * Math.log(3))),
    }),
    inverse: (z, context) => ({
      z: mul(add(z, mul(context!, -1)), 1 / 3),
      logDet: constant(Array(rows).fill(-2 * Math.log(3))),
    }),
  };
  const context = input("context", [rows, 2]);
  const given = { mean: [1, 2, 3, 4], logvar: [0.1, -1, 0.3, 2], context: [5, 6, 7, 8], noise: [0.3, 1, -1, 0.2] };

  test("has the density of what comes out, for draws and any z", async () => {
    const q = flowPosterior(start, triple, context);
    const { z, logProb } = q.draw(input("noise", [rows, 2]));
    const image = normal(add(mul(start.base.mean, 3), context), add(start.base.logvar, 2 * Math.log(3)));
    const run = await evaluate(
      {
        logProb,
        at: q.logProb!(z),
        expected: sum(image.logProb(z), [1]),
        z,
        mapped: image.sample(input("noise", [2, 2])),
      },
      given,
    );
    expect(furthest(run.logProb!, run.expected!)).toBeLessThan(1e-13);
    expect(furthest(run.at!, run.expected!)).toBeLessThan(1e-13);
    expect(furthest(run.z!, run.mapped!)).toBeLessThan(1e-13);
    expect([q.noiseWidth, q.base]).toEqual([2, start.base]);
  });

  test("has no density of any z, and no closed KL, where the flow has no inverse", () => {
    const q = flowPosterior(start, { forward: triple.forward }, context);
    expect([q.logProb, q.klStandard, q.klStandardByLatent]).toEqual([undefined, undefined, undefined]);
    expect(flowPosterior(start, triple, context).klStandard).toBeUndefined();
  });
});
