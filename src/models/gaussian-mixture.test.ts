import { describe, expect, test } from "vitest";
import { draws, mean, momentsOf } from "../../test/latent.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { type FittedMixture, fitMixture, type GaussianMixture, mixtureNegLogProb } from "./gaussian-mixture.ts";

const backend = await cpuBackend(1);

/** Rows of a mixture of normals in the plane: a share of them at each mean, with a Cholesky factor each. */
const truth = [
  { share: 0.5, mean: [-4, 0], factor: [1, 0, 0.5, 0.4] },
  { share: 0.3, mean: [3, 3], factor: [0.5, 0, -0.6, 0.8] },
  { share: 0.2, mean: [2, -4], factor: [0.3, 0, 0, 0.3] },
] as const;

function rowsOfTruth(count: number): Float32Array {
  const noise = draws("normals", 2 * count);
  const starts = truth.map((_, k) => truth.slice(0, k).reduce((total, { share }) => total + share, 0) * count);
  return Float32Array.from({ length: 2 * count }, (_, at) => {
    const i = Math.floor(at / 2);
    const { mean: centre, factor } = truth[starts.findLastIndex((start) => i >= start)]!;
    const [a, b] = [noise[2 * i]!, noise[2 * i + 1]!];
    return at % 2 === 0 ? centre[0] + factor[0] * a : centre[1] + factor[2] * a + factor[3] * b;
  });
}

/** L·Lᵀ of a component. */
function covarianceOf({ factor }: GaussianMixture, k: number, d: number): number[] {
  const l = (i: number, j: number) => factor[(k * d + i) * d + j]!;
  return Array.from({ length: d * d }, (_, at) => {
    const [i, j] = [Math.floor(at / d), at % d];
    return Array.from({ length: d }, (_, m) => l(i, m) * l(j, m)).reduce((a, b) => a + b, 0);
  });
}

/** log p(z) by the formula, one row and one component after the other. */
function logProb({ weights, mean: means, factor }: GaussianMixture, z: readonly number[]): number {
  const d = z.length;
  const each = [...weights].map((weight, k) => {
    let total = Math.log(weight) - (d / 2) * Math.log(2 * Math.PI);
    const white: number[] = [];
    for (let i = 0; i < d; i++) {
      const l = (j: number) => factor[(k * d + i) * d + j]!;
      const left = white.reduce((rest, value, j) => rest - l(j) * value, z[i]! - means[k * d + i]!);
      white.push(left / l(i));
      total -= Math.log(l(i)) + 0.5 * white[i]! ** 2;
    }
    return total;
  });
  const largest = Math.max(...each);
  return largest + Math.log(each.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

function expectRising({ trace }: FittedMixture): void {
  for (const [i, nats] of trace.slice(1).entries()) expect(nats - trace[i]!).toBeGreaterThan(-1e-9);
}

test("one component has the mean and the covariance of the rows, after one step", async () => {
  const rows = rowsOfTruth(500);
  const fitted = await fitMixture(backend, rows, 2, { components: 1, seed: 0 });
  const { mean: expected, covariance } = momentsOf([...rows], 2);
  for (const [j, value] of expected.entries()) expect(fitted.mixture.mean[j]).toBeCloseTo(value, 6);
  for (const [i, value] of covarianceOf(fitted.mixture, 0, 2).entries())
    expect(Math.abs(value - covariance[i]!)).toBeLessThan(2e-6 * 20); // ε of the variance
  expect(fitted.trace).toHaveLength(3); // the start, the moments, and nothing more to gain
});

test("the parameters of a known mixture are found", async () => {
  const count = 4000;
  const fitted = await fitMixture(backend, rowsOfTruth(count), 2, { components: 3, seed: 0 });
  expectRising(fitted);
  const { mixture } = fitted;
  for (const { share, mean: centre, factor } of truth) {
    const k = [0, 1, 2].find(
      (k) => Math.hypot(mixture.mean[2 * k]! - centre[0], mixture.mean[2 * k + 1]! - centre[1]) < 0.2,
    );
    expect(k, `${centre}`).toBeDefined();
    expect(mixture.weights[k!]).toBeCloseTo(share, 2);
    const [a, , b, c] = factor;
    for (const [i, value] of [a * a, a * b, a * b, b * b + c * c].entries())
      expect(Math.abs(covarianceOf(mixture, k!, 2)[i]! - value)).toBeLessThan(0.1);
  }
  expect([...mixture.weights].reduce((a, b) => a + b)).toBeCloseTo(1, 12);
});

test("the likelihood is that of the formula, and a density", async () => {
  const { mixture } = await fitMixture(backend, rowsOfTruth(300), 2, { components: 3, seed: 1 });
  const rows = rowsOfTruth(40);
  const pairs = Array.from({ length: 40 }, (_, i) => [rows[2 * i]!, rows[2 * i + 1]!]);
  const nats = await mixtureNegLogProb(backend, mixture, rows);
  expect(nats).toBeCloseTo(-mean(pairs.map((z) => logProb(mixture, z))), 10);
  let mass = 0;
  for (let x = -12; x <= 12; x += 0.1)
    for (let y = -12; y <= 12; y += 0.1) mass += Math.exp(logProb(mixture, [x, y])) * 0.01;
  expect(mass).toBeCloseTo(1, 4);
});

describe("no iteration lowers what EM raises, and every number stays finite", () => {
  const normals = (count: number) => draws("normals", count);
  test.each([
    ["in one dimension", 1, 5, normals(400)],
    ["in many dimensions", 30, 4, normals(30 * 200)],
    ["with hardly more rows than dimensions", 10, 2, normals(10 * 22)],
    ["on a line, and with a constant", 3, 4, Float32Array.from([...normals(200)].flatMap((x) => [x, 2 * x, 1]))],
    ["with the same row again and again", 2, 3, new Float32Array(2 * 50).fill(7)],
    ["with a far row", 2, 3, Float32Array.from([...normals(200), 1e4, -1e4])],
  ])("%s", async (_name, d, components, rows) => {
    const fitted = await fitMixture(backend, rows, d, { components, seed: 0 });
    expectRising(fitted);
    for (const values of Object.values(fitted.mixture)) expect([...values].every(Number.isFinite)).toBe(true);
    for (let k = 0; k < components; k++)
      for (let j = 0; j < d; j++) expect(fitted.mixture.factor[(k * d + j) * d + j]).toBeGreaterThan(0);
    expect(await mixtureNegLogProb(backend, fitted.mixture, rows)).not.toBeNaN();
  });
});

test("the same seed gives the same numbers; options bound the iterations", async () => {
  const rows = rowsOfTruth(400);
  const run = (options: object) => fitMixture(backend, rows, 2, { components: 6, seed: 3, ...options });
  const [one, again, other] = [await run({}), await run({}), await run({ seed: 4 })];
  expect(again).toEqual(one);
  expect(other.mixture.mean).not.toEqual(one.mixture.mean);
  expect((await run({ iterations: 2 })).trace).toHaveLength(2);
  expect((await run({ tolerance: 1e-2 })).trace.length).toBeLessThan(one.trace.length);
  const seen: number[] = [];
  await run({ onProgress: (iteration: number) => seen.push(iteration) });
  expect(seen).toEqual(one.trace.map((_, i) => i + 1));
  await expect(run({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});
