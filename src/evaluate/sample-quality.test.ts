import { expect, test } from "vitest";
import { NumericalError, ShapeError, UsageError } from "../errors.ts";
import { createKernels } from "../runtime/kernels.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { siteKey } from "../runtime/philox.ts";
import { frechetDistance } from "./frechet.ts";
import { eachDistances, neighbourhoods, type Points } from "./neighbours.ts";
import { expectedCoverage, sampleQuality } from "./sample-quality.ts";

const WIDTH = 6;

/** Standard normal points, moved by `at` in each coordinate. */
function normals(name: string, count: number, at: (i: number, axis: number) => number = () => 0): Points {
  const kernels = createKernels(4 * count * (WIDTH + 1) + 192);
  const example = kernels.uint32(count);
  for (let i = 0; i < count; i++) example[i] = i;
  const values = kernels.float32(count * WIDTH);
  kernels.normals(values, siteKey(0, name), 0, example, WIDTH);
  return { values: values.map((value, i) => value + at(Math.floor(i / WIDTH), i % WIDTH)), count };
}

async function qualityOf(reference: Points, generated: Points, k = 5) {
  const backend = await cpuBackend(1);
  return sampleQuality(
    backend,
    await neighbourhoods(backend, reference, k),
    await neighbourhoods(backend, generated, k),
  );
}

/** As the papers have the figures, pair by pair. */
function bruteForce(reference: Points, generated: Points, k: number) {
  const row = ({ values }: Points, i: number) => [...values.subarray(i * WIDTH, (i + 1) * WIDTH)];
  const rows = (points: Points) => Array.from({ length: points.count }, (_, i) => row(points, i));
  const [real, made] = [rows(reference), rows(generated)];
  const distance = (a: readonly number[], b: readonly number[]) => Math.hypot(...a.map((x, i) => x - b[i]!));
  const radiusIn = (set: readonly number[][]) =>
    set.map((a, i) => set.flatMap((b, j) => (i === j ? [] : [distance(a, b)])).sort((x, y) => x - y)[k - 1]!);
  const [realRadii, madeRadii] = [radiusIn(real), radiusIn(made)];
  const share = (flags: readonly boolean[]) => flags.filter(Boolean).length / flags.length;
  const hits = real.map((x, i) => made.filter((y) => distance(x, y) < realRadii[i]!).length);
  return {
    density: hits.reduce((total, count) => total + count, 0) / (k * made.length),
    coverage: share(hits.map((count) => count > 0)),
    precision: share(made.map((y) => real.some((x, i) => distance(x, y) < realRadii[i]!))),
    recall: share(real.map((x) => made.some((y, j) => distance(x, y) < madeRadii[j]!))),
  };
}

test.each([
  [60, 40, 3],
  [30, 80, 1],
])("of %d real and %d generated points with k = %d: the figures as the papers have them", async (real, made, k) => {
  const reference = normals("real", real);
  const generated = normals("made", made, () => 0.4);
  const { byReference, ...figures } = await qualityOf(reference, generated, k);
  const expected = bruteForce(reference, generated, k);
  for (const [name, value] of Object.entries(expected))
    expect(figures[name as keyof typeof expected]).toBeCloseTo(value, 12);
  expect([...byReference.density].reduce((total, value) => total + value, 0) / real).toBeCloseTo(expected.density, 12);
  expect(expected.coverage).toBeGreaterThan(0);
  expect(expected.recall).toBeLessThan(1);
});

test("blocks of rows give the distances that all at once would", async () => {
  // More points than one block holds of: 2^20 distances.
  const [a, b] = [normals("a", 1100), normals("b", 1500)];
  let most = 0;
  let visited = 0;
  await eachDistances(await cpuBackend(1), a, b, (i, squared) => {
    expect(i).toBe(visited++);
    for (const j of [0, 777, 1499]) {
      let expected = 0;
      for (let axis = 0; axis < WIDTH; axis++)
        expected += (a.values[i * WIDTH + axis]! - b.values[j * WIDTH + axis]!) ** 2;
      most = Math.max(most, Math.abs(squared[j]! - expected));
    }
  });
  expect(visited).toBe(1100);
  expect(most).toBeLessThan(1e-12);
});

test("of a set against itself every figure is 1, and its Fréchet distance 0", async () => {
  const points = normals("real", 500);
  const { byReference, ...figures } = await qualityOf(points, points);
  expect(figures).toEqual({ density: 1, coverage: 1, precision: 1, recall: 1 });
  expect(byReference.density).toHaveLength(500);
  expect(frechetDistance(points, points)).toBeLessThan(1e-9);
});

test("of noise far away every figure is 0, and its Fréchet distance the squared way", async () => {
  const reference = normals("real", 400);
  const far = normals("noise", 300, () => 100);
  const { byReference: _, ...figures } = await qualityOf(reference, far);
  expect(figures).toEqual({ density: 0, coverage: 0, precision: 0, recall: 0 });
  expect(frechetDistance(reference, far) / (WIDTH * 100 ** 2)).toBeCloseTo(1, 2);
});

test("a mode that is missing takes its share of coverage and recall, and leaves density and precision", async () => {
  const modes = 4;
  const mode = (i: number, axis: number) => (axis === i % modes ? 50 : 0);
  const reference = normals("real", 800, mode);
  const all = await qualityOf(reference, normals("made", 800, mode));
  const dropped = await qualityOf(
    reference,
    normals("made", 800, (i, axis) => (axis === i % (modes - 1) ? 50 : 0)),
  );
  expect(all.coverage).toBeCloseTo(expectedCoverage(800, 800, 5), 1);
  // The others have more points each, 800/3: of those, nearly all real points are covered.
  expect(dropped.coverage / (0.75 * expectedCoverage(600, 800, 5))).toBeCloseTo(1, 1);
  expect(dropped.coverage).toBeLessThan(0.75);
  expect(dropped.recall).toBeLessThan(0.75);
  expect(dropped.density).toBeGreaterThan(0.9);
  expect(dropped.precision).toBeCloseTo(all.precision, 1);
});

test("sets of one distribution have the coverage that is expected of any, and a density of 1", async () => {
  const sets = Array.from({ length: 24 }, (_, i) => i);
  const figures = await Promise.all(
    sets.map((i) => qualityOf(normals(`real ${i}`, 200), normals(`made ${i}`, 100), 4)),
  );
  const meanAndError = (values: readonly number[]) => {
    const mean = values.reduce((total, value) => total + value, 0) / values.length;
    const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
    return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) };
  };
  const coverage = meanAndError(figures.map((one) => one.coverage));
  const density = meanAndError(figures.map((one) => one.density));
  expect(Math.abs(coverage.mean - expectedCoverage(200, 100, 4))).toBeLessThan(4 * coverage.error);
  expect(Math.abs(density.mean - 1)).toBeLessThan(4 * density.error);
  expect(coverage.error).toBeLessThan(0.01);
  expect(expectedCoverage(10_000, 10_000, 5)).toBeCloseTo(1 - 2 ** -5, 3);
  // (4·3)/(9·8) of 5 real and 5 generated points, k = 2
  expect(expectedCoverage(5, 5, 2)).toBeCloseTo(1 - 12 / 72, 12);
});

test("the Fréchet distance of points with known moments", () => {
  // The corners ±s of a cross have mean 0 and, over count − 1, variances 2s²/3 along both axes and no covariance.
  const cross = (along: number, across: number, at = 0): Points => ({
    values: Float64Array.from([along + at, 0, at - along, 0, at, across, at, -across]),
    count: 4,
  });
  const root = (s: number) => Math.sqrt((2 * s * s) / 3);
  const expected = 4 + (root(1) - root(3)) ** 2 + (root(2) - root(5)) ** 2;
  expect(frechetDistance(cross(1, 2), cross(3, 5, 2))).toBeCloseTo(expected, 10);
  // Turned by 45 degrees against each other the covariances do not commute: tr (Σ₁Σ₂)^½ by hand.
  const turned = (s: number, t: number): Points => ({
    values: Float64Array.from([s, s, -s, -s, t, -t, -t, t].map((value) => value / Math.SQRT2)),
    count: 4,
  });
  const [a, b, c, d] = [2 / 3, 8 / 3, 18 / 3, 50 / 3]; // variances: a, b along the axes; c, d along the diagonals
  const determinant = Math.sqrt(a * b * c * d);
  const trace = (a * (c + d)) / 2 + (b * (c + d)) / 2; // of Σ₁Σ₂
  const trRoot = Math.sqrt(trace + 2 * determinant); // of a 2×2 matrix: √(tr + 2√det)
  expect(frechetDistance(cross(1, 2), turned(3, 5))).toBeCloseTo(a + b + c + d - 2 * trRoot, 10);
});

test("sets that do not fit are refused", async () => {
  const backend = await cpuBackend(1);
  const points = normals("real", 10);
  for (const k of [0, 10, 1.5]) await expect(neighbourhoods(backend, points, k)).rejects.toThrow(UsageError);
  const [three, four] = [await neighbourhoods(backend, points, 3), await neighbourhoods(backend, points, 4)];
  await expect(sampleQuality(backend, three, four)).rejects.toThrow("expected neighbourhoods of one k, got 3 and 4");
  const flat: Points = { values: points.values, count: 20 };
  await expect(eachDistances(backend, points, flat, () => undefined)).rejects.toThrow(ShapeError);
  expect(() => frechetDistance(points, flat)).toThrow(ShapeError);
  expect(() => frechetDistance({ values: points.values, count: 7 }, points)).toThrow(ShapeError);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const broken: Points = { values: points.values.with(WIDTH, bad), count: 10 };
    await expect(neighbourhoods(backend, broken, 3)).rejects.toThrow("point 1 is not finite");
    await expect(eachDistances(backend, points, broken, () => undefined)).rejects.toThrow(NumericalError);
    expect(() => frechetDistance(points, broken)).toThrow(NumericalError);
  }
});
