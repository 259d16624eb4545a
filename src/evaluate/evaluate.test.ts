import { expect, test } from "vitest";
import { floats, linearGaussian, untrained } from "../../test/models.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { evaluateModel } from "./evaluate.ts";
import { meanAndError } from "./figures.ts";
import { importanceLikelihood } from "./likelihood.ts";

const points = [-3, -1, 0.2, 0.7, 2.5, 4];
const options = { binarization: "none", seed: 3, purpose: "test" } as const;

test("the mean and its standard error, of known numbers", () => {
  // s² = ((−1.5)² + (−0.5)² + 0.5² + 1.5²)/3 = 5/3, error √(5/3/4)
  const { mean, standardError } = meanAndError([1, 2, 3, 4]);
  expect(mean).toBeCloseTo(2.5, 12);
  expect(standardError).toBeCloseTo(Math.sqrt(5 / 12), 12);
  expect(meanAndError([7])).toEqual({ mean: 7, standardError: 0 });
});

test("with the exact posterior every weight is p(x): one sample gives log p(x), and all samples count alike", async () => {
  const { model, negLogProb } = linearGaussian({ w: 1.5, b: 0.4, sigma: 0.6 });
  for (const samples of [1, 7, 300]) {
    const scores = await importanceLikelihood(await cpuBackend(1), model.vae, model.weights, floats(points), {
      ...options,
      samples,
    });
    for (const [i, x] of points.entries()) {
      expect(scores.nllNats[i]).toBeCloseTo(negLogProb(x), 4);
      expect(scores.effectiveSampleSize[i]! / samples).toBeCloseTo(1, 4);
    }
  }
});

test("with an approximate posterior the bound is above −log p(x), and importance samples close the gap", async () => {
  const { model, negLogProb } = linearGaussian({ w: 1.5, b: 0.4, sigma: 0.6, off: 0.4 });
  const exact = meanAndError(points.map(negLogProb)).mean;
  const many = Array.from({ length: 200 }, () => points).flat(); // each has noise of its own
  const bound = await evaluateModel(model, await cpuBackend(1), floats(many));
  // E[−ELBO] = −log p(x) + KL(q ‖ p(z|x)), and that KL is off²/(2·σ²/(w² + σ²))
  const kl = (0.4 ** 2 * (1.5 ** 2 + 0.6 ** 2)) / (2 * 0.6 ** 2);
  const elboError = bound.negElboNats.standardError;
  expect(Math.abs(bound.negElboNats.mean - (exact + kl))).toBeLessThan(5 * elboError);
  const estimate = await evaluateModel(model, await cpuBackend(1), floats(points), { samples: 20_000 });
  expect(estimate.nllNats!.mean).toBeCloseTo(exact, 1);
  expect(Math.abs(estimate.nllNats!.mean - exact)).toBeLessThan(0.03);
  expect(estimate.effectiveSampleSize!.mean).toBeLessThan(0.9 * 20_000);
  expect(bound.negElboNats.mean).toBeCloseTo(bound.distortionNats.mean + bound.rateNats.mean, 4);
});

test("an example's estimate does not depend on the examples beside it, nor on how its samples are cut into chunks", async () => {
  const { model } = linearGaussian({ w: 1.5, b: 0.4, sigma: 0.6, off: 0.4 });
  const backend = await cpuBackend(1);
  const nll = async (data: ReturnType<typeof floats>, samples: number) =>
    (await importanceLikelihood(backend, model.vae, model.weights, data, { ...options, samples })).nllNats;
  const all = floats(points);
  const alone = { ...all, count: 1, values: all.values.subarray(4, 5), index: all.index.subarray(4, 5) };
  // 3 samples run many examples at once, 260 run one at a time in two chunks
  for (const samples of [3, 260]) expect((await nll(alone, samples))[0]).toBeCloseTo((await nll(all, samples))[4]!, 5);
  expect(await nll(all, 260)).not.toEqual(await nll(all, 250));
});

test("weights that differ by thousands of nats neither overflow nor vanish", async () => {
  const { model, negLogProb } = linearGaussian({ w: 1, b: 0, sigma: 0.01 });
  const far = [50, -80];
  const { nllNats } = await importanceLikelihood(await cpuBackend(1), model.vae, model.weights, floats(far), {
    ...options,
    samples: 10,
  });
  for (const [i, x] of far.entries()) expect(nllNats[i]! / negLogProb(x)).toBeCloseTo(1, 3);
});

test("every figure says unit, measure, examples, samples and binarization, and bits/dim is nats over ln 2 and the dimensions", async () => {
  const model = untrained({ model: { latent: 2, encoder: { hidden: [5] } }, data: { binarization: "static" } }, [3, 2]);
  const data = floats(
    Array.from({ length: 60 }, (_, i) => (i % 7) / 6),
    [3, 2],
  );
  const evaluation = await evaluateModel(model, await cpuBackend(1), data, { samples: 5 });
  expect(evaluation.nllNats).toMatchObject({
    unit: "nats",
    measure: "probability",
    examples: 10,
    samples: 5,
    binarization: "static",
  });
  expect(evaluation.bitsPerDim.mean).toBeCloseTo(evaluation.nllNats!.mean / (Math.LN2 * 6), 10);
  expect(evaluation.rateByLatentNats).toHaveLength(2);
  expect(evaluation.rateByLatentNats[0]! + evaluation.rateByLatentNats[1]!).toBeCloseTo(evaluation.rateNats.mean, 4);
  const again = await evaluateModel(model, await cpuBackend(1), data, { samples: 5 });
  expect(again).toEqual(evaluation);
  const other = await evaluateModel(model, await cpuBackend(1), data, { samples: 5, seed: 1 });
  expect(other.nllNats!.mean).not.toBe(evaluation.nllNats!.mean);
});
