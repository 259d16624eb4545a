import { expect, test } from "vitest";
import { floats, untrained } from "../../test/models.ts";
import { findLikelihood, loadLikelihood } from "../models/likelihood.ts";
import { registerLikelihood } from "../models/registry.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { importanceLikelihood } from "./likelihood.ts";
import { pooledLikelihood } from "./pool.node.ts";

const model = untrained({ model: { latent: 2, encoder: { hidden: [5] } }, data: { binarization: "static" } }, [3]);
const data = floats(
  Array.from({ length: 3 * 150 }, (_, i) => ((i * 7) % 10 < 4 ? 1 : 0)),
  [3],
);
const options = { binarization: "static", seed: 3, purpose: "test" } as const;

test.each([2000, 1400])("workers give the figures of one thread to the bit: %i samples", async (samples) => {
  const estimate = pooledLikelihood(model, 3, data.count, samples)!;
  const seen: number[] = [];
  const scores = await estimate(data, { ...options, samples, onProgress: (done) => seen.push(done) });
  const alone = await importanceLikelihood(await cpuBackend(1), model.vae, model.weights, data, {
    ...options,
    samples,
  });
  expect(scores).toEqual(alone);
  expect(seen.at(-1)).toBe(data.count);
});

test("a likelihood whose code is loaded when it is named is there in a worker too", async () => {
  await loadLikelihood("laplace");
  const named = untrained({ model: { latent: 2, encoder: { hidden: [5] }, likelihood: { kind: "laplace" } } }, [3]);
  const own = { ...options, binarization: "none", samples: 2000 } as const;
  const scores = await pooledLikelihood(named, 2, data.count, 2000)!(data, own);
  expect(scores).toEqual(await importanceLikelihood(await cpuBackend(1), named.vae, named.weights, data, own));
});

test("few samples an example: the examples are cut as one thread cuts them", async () => {
  const many = floats(
    Array.from({ length: 3 * 10_001 }, (_, i) => ((i * 7) % 10 < 4 ? 1 : 0)),
    [3],
  );
  const scores = await pooledLikelihood(model, 2, many.count, 20)!(many, { ...options, samples: 20 });
  const own = { ...options, samples: 20 };
  expect(scores).toEqual(await importanceLikelihood(await cpuBackend(1), model.vae, model.weights, many, own));
});

test("an abort ends the workers", async () => {
  const controller = new AbortController();
  const estimate = pooledLikelihood(model, 2, data.count, 100_000)!;
  const onProgress = () => controller.abort();
  const { signal } = controller;
  await expect(estimate(data, { ...options, samples: 100_000, signal, onProgress })).rejects.toThrow(/abort/);
  await expect(estimate(data, { ...options, samples: 100_000, signal })).rejects.toThrow(/abort/);
});

test("a worker's error is told", async () => {
  const broken = { ...model, weights: {} };
  const estimate = pooledLikelihood(broken, 2, data.count, 2000)!;
  await expect(estimate(data, { ...options, samples: 2000 })).rejects.toThrow(
    /the evaluation failed in a worker: the program needs "encoder\.hidden\.0\.weight"/,
  );
});

test("no pool for one thread, little work, or a likelihood of the user's own", () => {
  expect(pooledLikelihood(model, 1, 1000, 5000)).toBeUndefined();
  expect(pooledLikelihood(model, 2, 100, 50)).toBeUndefined();
  registerLikelihood("own to this thread", findLikelihood("bernoulli"));
  const own = untrained(
    { model: { likelihood: { kind: "own to this thread" } }, data: { binarization: "static" } },
    [3],
  );
  expect(pooledLikelihood(own, 2, 1000, 5000)).toBeUndefined();
});
