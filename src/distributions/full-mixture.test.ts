import { expect, test } from "vitest";
import { draws, momentsOf } from "../../test/latent.ts";
import { evaluate, furthest } from "../../test/numeric.ts";
import { ShapeError } from "../errors.ts";
import { input } from "../graph/tensor.ts";
import { type FullMixtureParameters, fullMixture } from "./full-mixture.ts";

const of = (weights: readonly number[], mean: readonly number[], factor: readonly number[]): FullMixtureParameters => ({
  weights: input("weights", weights),
  mean: input("mean", mean),
  factor: input("factor", factor),
});
const feeds = { weights: [0.25, 0.75], mean: [-40, 0, 40, 10], factor: [1, 0, 2, 0.5, 3, 0, -1, 0.1] };
const sample = fullMixture(of([2], [2, 2], [2, 2, 2])).sample({
  normal: input("normal", ["batch", 2]),
  uniform: input("uniform", ["batch", 1]),
});

test("each component is drawn by its weight, with its mean and L·Lᵀ as its covariance", async () => {
  const count = 40_000;
  const noise = { normal: draws("normals", 2 * count), uniform: draws("uniforms", count) };
  const { z } = await evaluate({ z: sample }, { ...feeds, ...noise });
  const rows = Array.from({ length: count }, (_, i) => z!.slice(2 * i, 2 * i + 2));
  const parts = [rows.filter(([x]) => x! < 0), rows.filter(([x]) => x! > 0)];
  for (const [k, part] of parts.entries()) {
    expect(furthest([part.length / count], [feeds.weights[k]!])).toBeLessThan(0.01);
    const { mean, covariance } = momentsOf(part.flat(), 2);
    const [a, , b, c] = feeds.factor.slice(4 * k, 4 * k + 4) as [number, number, number, number];
    expect(furthest(mean, feeds.mean.slice(2 * k, 2 * k + 2))).toBeLessThan(0.1);
    expect(furthest(covariance, [a * a, a * b, a * b, b * b + c * c])).toBeLessThan(0.3);
  }
});

test("a uniform number chooses the component in whose share it lies, and its noise the place", async () => {
  const { z } = await evaluate({ z: sample }, { ...feeds, normal: [1, 1, 0, 0, 0, 0], uniform: [0, 0.2499, 0.25] });
  expect(furthest(z!, [-39, 2.5, -40, 0, 40, 10])).toBeLessThan(1e-12);
});

test("what does not fit is refused", () => {
  expect(() => fullMixture(of([3], [2, 2], [2, 2, 2]))).toThrow(ShapeError);
  expect(() => fullMixture(of([2], [2, 2], [2, 2, 3]))).toThrow(/factor \(components, d, d\)/);
  expect(() => fullMixture(of([2], [2, 2], [2, 2, 2])).sample({ normal: input("normal", ["batch", 2]) })).toThrow(
    /uniform/,
  );
});
