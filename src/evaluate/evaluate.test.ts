import { expect, test } from "vitest";
import { floats, linearGaussian, untrained } from "../../test/models.ts";
import type { PartialConfig } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { DataError, UsageError } from "../errors.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { elboScorer } from "./elbo.ts";
import { evaluateModel, scoreModel } from "./evaluate.ts";
import { countActive, meanAndError } from "./figures.ts";
import { importanceLikelihood } from "./likelihood.ts";

const points = [-3, -1, 0.2, 0.7, 2.5, 4];
const options = { binarization: "none", seed: 3, purpose: "test" } as const;

test("the mean and its standard error, of known numbers", () => {
  // s² = ((−1.5)² + (−0.5)² + 0.5² + 1.5²)/3 = 5/3, error √(5/3/4)
  const { mean, standardError } = meanAndError([1, 2, 3, 4]);
  expect(mean).toBeCloseTo(2.5, 12);
  expect(standardError).toBeCloseTo(Math.sqrt(5 / 12), 12);
  expect(meanAndError([7])).toEqual({ mean: 7, standardError: null });
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
  const elboError = bound.negElboNats.standardError!;
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
  expect(evaluation.rateByLatentNats!).toHaveLength(2);
  expect(evaluation.rateByLatentNats![0]! + evaluation.rateByLatentNats![1]!).toBeCloseTo(evaluation.rateNats.mean, 4);
  const again = await evaluateModel(model, await cpuBackend(1), data, { samples: 5 });
  expect(again).toEqual(evaluation);
  const other = await evaluateModel(model, await cpuBackend(1), data, { samples: 5, seed: 1 });
  expect(other.nllNats!.mean).not.toBe(evaluation.nllNats!.mean);
});

test("the figures are the means of the scores by example, which say what they are of", async () => {
  const model = untrained({ model: { latent: 2, encoder: { hidden: [5] } }, objective: { kind: "iwae" } }, [3]);
  const data = { ...floats([0, 1, 1, 0.2, 0, 0.9], [3]), index: Uint32Array.of(4, 9) };
  const backend = await cpuBackend(1);
  const scores = await scoreModel(model, backend, data, { samples: 4, seed: 2 });
  expect(scores).toMatchObject({ data: "test", split: "test", measure: "probability", binarization: "dynamic" });
  expect(scores).toMatchObject({ seed: 2, samples: 4, index: data.index });
  const figures = await evaluateModel(model, backend, data, { samples: 4, seed: 2 });
  for (const name of ["negElboNats", "distortionNats", "rateNats", "negIwaeNats", "nllNats"] as const)
    expect(figures[name]).toMatchObject(meanAndError(scores[name]!));
  const { samples, nllNats, effectiveSampleSize } = await scoreModel(model, backend, data);
  expect([samples, nllNats, effectiveSampleSize]).toEqual([undefined, undefined, undefined]);
});

test("a figure says how many draws of each example it is of", async () => {
  const model = untrained({ model: { latent: 2, encoder: { hidden: [5] } }, objective: { kind: "iwae" } }, [3]);
  const [backend, data] = [await cpuBackend(1), floats([0, 1, 1], [3])];
  const drawn = async (samples?: number) => {
    const figures = await evaluateModel(model, backend, data, samples === undefined ? {} : { samples });
    const names = ["negElboNats", "distortionNats", "rateNats", "negIwaeNats", "bitsPerDim", "nllNats"] as const;
    return names.map((name) => figures[name]?.samples);
  };
  expect(await drawn()).toEqual([5, 5, 5, 5, 5, undefined]);
  expect(await drawn(7)).toEqual([5, 5, 5, 5, 7, 7]);
});

test("the bounds of the first examples are the same to the bit however many are evaluated", async () => {
  const model = untrained({ model: { latent: 4, encoder: { hidden: [200] } } }, [28, 28]);
  const all = floats(
    Array.from({ length: 210 * 784 }, (_, i) => ((i * 7919) % 101) / 100),
    [28, 28],
  );
  const backend = await cpuBackend(1);
  const scorer = await elboScorer(backend, model.vae, model.weights, 200);
  const { negElboNats } = await scorer.score(all, { binarization: "dynamic", seed: 0, purpose: "test" });
  await scorer.release();
  for (const count of [1, 30, 203]) {
    const first = { ...all, count, values: all.values.subarray(0, count * 784), index: all.index.subarray(0, count) };
    const evaluation = await evaluateModel(model, backend, first);
    expect(evaluation.negElboNats).toMatchObject(meanAndError(negElboNats.subarray(0, count)));
  }
});

test("no examples, and samples that are no positive integer, are refused", async () => {
  const { model } = linearGaussian({ w: 1, b: 0, sigma: 1 });
  const backend = await cpuBackend(1);
  await expect(evaluateModel(model, backend, floats([]))).rejects.toThrow(DataError);
  await expect(evaluateModel(model, backend, floats([]))).rejects.toThrow(
    "test: the test split has no examples to evaluate",
  );
  for (const samples of [0, -1, 2.5, Number.NaN]) {
    const refused = evaluateModel(model, backend, floats(points), { samples });
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(`samples: expected a positive integer, got ${samples}`);
  }
});

test("a Bernoulli score of values between 0 and 1 is a cross-entropy, of which there is no −log p(x)", async () => {
  const backend = await cpuBackend(1);
  const measured = async (values: readonly number[], binarization: "none" | "static", samples?: number) => {
    const model = untrained({ model: { latent: 2, encoder: { hidden: [5] } }, data: { binarization } }, [2]);
    const { negElboNats, bitsPerDim } = await evaluateModel(model, backend, floats(values, [2]), { samples });
    expect(bitsPerDim.measure).toBe(negElboNats.measure);
    return negElboNats.measure;
  };
  expect(await measured([0, 1, 1, 0.5], "none")).toBe("cross-entropy");
  expect(await measured([0, 1, 1, 0.5], "static", 3)).toBe("probability");
  expect(await measured([0, 1, 1, 1], "none", 3)).toBe("probability");
  await expect(measured([0, 1, 1, 0.5], "none", 3)).rejects.toThrow(UsageError);
  await expect(measured([0, 1, 1, 0.5], "none", 3)).rejects.toThrow(
    /^samples: .*cross-entropy.*data\.binarization "static" or "dynamic"/,
  );
  const grey = untrained({ model: { latent: 2, encoder: { hidden: [5] } }, data: { binarization: "none" } }, [2]);
  const levels = (...values: number[]) => ({ ...floats([0, 0], [2]), values: Uint8Array.from(values) });
  const measureOf = async (data: Examples) => (await evaluateModel(grey, backend, data)).negElboNats.measure;
  expect([await measureOf(levels(255, 0)), await measureOf(levels(255, 1))]).toEqual(["probability", "cross-entropy"]);
});

test("latent dimensions are active above 0.01 nats of mean KL", async () => {
  // q(z|x) = N(b, 1), whose KL from N(0, 1) is b²/2 for every x: the mean does not vary, yet its KL counts
  const bias = [0, Math.sqrt(0.018), Math.sqrt(0.022)];
  const config: PartialConfig = { model: { latent: 3, encoder: { hidden: [] } }, data: { binarization: "static" } };
  const { rateByLatentNats, activeLatents } = await evaluateModel(
    untrained(config, [1], {
      "encoder.posterior.weight": [0, 0, 0, 0, 0, 0],
      "encoder.posterior.bias": [...bias, 0, 0, 0],
    }),
    await cpuBackend(1),
    floats([0, 1, 1]),
  );
  for (const [j, nats] of [0, 0.009, 0.011].entries()) expect(rateByLatentNats![j]).toBeCloseTo(nats, 6);
  expect(activeLatents).toBe(1);
  expect(countActive(Float32Array.from(rateByLatentNats!))).toBe(1);
});

test("values that the likelihood has no density for are refused with their place", async () => {
  const model = untrained({ model: { latent: 2, encoder: { hidden: [5] } }, data: { binarization: "none" } }, [2]);
  const backend = await cpuBackend(1);
  await expect(evaluateModel(model, backend, floats([0, 1, 1.5, 0], [2]))).rejects.toThrow(
    /example 1, element 0 is 1.5/,
  );
  await expect(evaluateModel(model, backend, floats([0, Number.NaN], [2]))).rejects.toThrow(
    /example 0, element 1 is NaN/,
  );
});

test("a mean of several bounds is of the draws of each, what it is beside of all", async () => {
  const objective = { kind: "miwae", samples: 3, bounds: 2 } as const;
  const model = untrained({ model: { latent: 2, encoder: { hidden: [5] } }, objective }, [3]);
  const evaluation = await evaluateModel(model, await cpuBackend(1), floats([0, 1, 1, 1, 0, 0], [3]));
  expect(evaluation.negIwaeNats!.samples).toBe(3);
  expect(evaluation.negElboNats.samples).toBe(6);
});
