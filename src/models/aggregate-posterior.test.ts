import { expect, test } from "vitest";
import { floats, linearGaussian, untrained } from "../../test/models.ts";
import { rows as rowsOf } from "../data/dataset.ts";
import { NumericalError } from "../errors.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { aggregateDraws } from "./aggregate-posterior.ts";

const backend = await cpuBackend(1);

test("draws are of q(z|x), not its means: with the variance of both together", async () => {
  const [w, b, sigma] = [2, 1, 0.7];
  const { model } = linearGaussian({ w, b, sigma });
  const count = 4000;
  // With x of p(x), the aggregate of the exact posteriors is p(z) = N(0, 1).
  const quantiles = Array.from({ length: count }, (_, i) => normalQuantile((i + 0.5) / count));
  const z = await aggregateDraws(model, backend, floats(quantiles.map((q) => b + Math.hypot(w, sigma) * q)), {
    seed: 1,
  });
  const mean = z.reduce((total, value) => total + value, 0) / count;
  const variance = z.reduce((total, value) => total + (value - mean) ** 2, 0) / count;
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(count));
  expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
});

/** By bisection of the distribution function, itself by the trapezoid rule: precise to some 1e-4. */
function normalQuantile(p: number): number {
  const step = 0.001;
  let [z, mass] = [-6, 0];
  while (mass < p && z < 6) {
    mass += (step * (Math.exp((-z * z) / 2) + Math.exp((-(z + step) * (z + step)) / 2))) / (2 * Math.sqrt(2 * Math.PI));
    z += step;
  }
  return z;
}

test("a row's draw depends on the seed and its own index alone", async () => {
  const { model } = linearGaussian({ w: 2, b: 1, sigma: 0.7 });
  const data = floats(Array.from({ length: 300 }, (_, i) => i / 100));
  const told: number[] = [];
  const all = await aggregateDraws(model, backend, data, { seed: 1, onProgress: (done) => told.push(done) });
  expect(told).toEqual([128, 256, 300]);
  expect(await aggregateDraws(model, backend, rowsOf(data, 200, 210), { seed: 1 })).toEqual(all.subarray(200, 210));
  expect(await aggregateDraws(model, backend, data, { seed: 2 })).not.toEqual(all);
  const aborted = { seed: 1, signal: AbortSignal.abort(new Error("enough")) };
  await expect(aggregateDraws(model, backend, data, aborted)).rejects.toThrow("enough");
});

test("examples are binarized as in training", async () => {
  const zOf = (binarization: "none" | "static", value: number) =>
    aggregateDraws(
      untrained({ data: { binarization }, model: { latent: 1, encoder: { hidden: [] } } }, [1], {
        "encoder.posterior.weight": [1, 0],
        "encoder.posterior.bias": [0, -100],
      }),
      backend,
      floats(Array(50).fill(value)),
      { seed: 0 },
    );
  expect([...new Set(await zOf("none", 0.4))]).toEqual([Math.fround(0.4)]);
  expect(new Set((await zOf("static", 0.4)).map((z) => Math.abs(Math.round(z))))).toEqual(new Set([0, 1]));
});

test("what is not finite is named by its example", async () => {
  const { model } = linearGaussian({ w: 2, b: 1, sigma: 0.7 });
  const drawn = aggregateDraws(model, backend, floats([0, 1e38, 3e38].map((x) => x * 10)), { seed: 0 });
  await expect(drawn).rejects.toThrow(NumericalError);
  await expect(drawn).rejects.toThrow(/example 1 of test: its draw of q\(z\|x\) is not finite/);
});
