import { expect, test } from "vitest";
import { floats } from "../../test/models.ts";
import { type PartialConfig, parseConfig } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import { meanAndError } from "../evaluate/figures.ts";
import { importanceLikelihood } from "../evaluate/likelihood.ts";
import { createKernels } from "../runtime/kernels.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { siteKey } from "../runtime/philox.ts";
import { memoryStorage } from "../storage/memory.ts";
import { prepareTraining } from "../train/prepare.ts";
import { trainModel } from "../train/train.ts";
import { loadParts } from "./parts.ts";
import { loadModel } from "./portable.ts";

/*
 * x = Wᵀz + b + σε, of two dimensions, with z ~ N(0, I): log p(x) is known, and p(z|x) is a normal with the precision
 * Λ = I + WWᵀ/σ² for every x. The rows of W are not orthogonal, so that the latents are correlated given x.
 */
const W = [
  [1.3, 0.4],
  [0.8, 1.1],
] as const;
const b = [0.5, -0.2] as const;
const sigma = 0.5;

type Symmetric = readonly [xx: number, xy: number, yy: number];
const determinant = ([xx, xy, yy]: Symmetric) => xx * yy - xy * xy;
const column = (j: 0 | 1) => [W[0][j], W[1][j]] as const;
const dot = (u: readonly [number, number], v: readonly [number, number]) => u[0] * v[0] + u[1] * v[1];
const noise = sigma * sigma;
const marginal: Symmetric = [
  dot(column(0), column(0)) + noise,
  dot(column(0), column(1)),
  dot(column(1), column(1)) + noise,
];
const precision: Symmetric = [1 + dot(W[0], W[0]) / noise, dot(W[0], W[1]) / noise, 1 + dot(W[1], W[1]) / noise];

function negLogProb(x: readonly [number, number]): number {
  const [xx, xy, yy] = marginal;
  const [u, v] = [x[0] - b[0], x[1] - b[1]];
  const distance = (yy * u * u - 2 * xy * u * v + xx * v * v) / determinant(marginal);
  return 0.5 * (2 * Math.log(2 * Math.PI) + Math.log(determinant(marginal)) + distance);
}

/** The least KL(q ‖ p(z|x)) of a diagonal q, whose variances are then 1/Λᵢᵢ: ½ log(∏ Λᵢᵢ / |Λ|). */
const leastGap = 0.5 * Math.log((precision[0] * precision[2]) / determinant(precision));

const count = 512;
const values = (() => {
  const kernels = createKernels(4 * 4 * count + 4 * 64);
  const drawn = kernels.float32(4 * count);
  kernels.normals(drawn, siteKey(0, "linear-gaussian"), 0, kernels.uint32(1), 4 * count);
  return Array.from({ length: count }, (_, n) => {
    const [z0, z1, e0, e1] = drawn.subarray(4 * n, 4 * n + 4) as unknown as [number, number, number, number];
    return [0, 1].map((j) => z0 * W[0][j]! + z1 * W[1][j]! + b[j]! + sigma * e0 * (1 - j) + sigma * e1 * j);
  }).flat();
})();

/** Trains the posterior alone, and gives log of one weight p(x, z)/q(z|x) for each example, negated. */
async function trained(covariance: "diagonal" | "full"): Promise<Float64Array> {
  const config = parseConfig(
    {
      data: { binarization: "none" },
      model: {
        latent: 2,
        encoder: { hidden: [] },
        posterior: { covariance },
        likelihood: { kind: "normal", variance: "fixed", standardDeviation: sigma },
      },
      optimizer: {
        learningRate: 0.05,
        schedule: { kind: "cosine", final: 0.001 },
        groups: [{ parameters: ["decoder"], learningRate: 0 }],
      },
      train: { batchSize: 128, steps: 800, validateEvery: 100 },
    } satisfies PartialConfig,
    "test",
  );
  await loadParts(config.model);
  const data = floats(values, [2]);
  const split = (name: Dataset["split"]): Dataset => ({ ...data, split: name });
  const prepared = prepareTraining(config, {
    train: split("train"),
    validation: split("validation"),
    test: split("test"),
  });
  const known: Readonly<Record<string, readonly number[]>> = {
    "decoder.mean.weight": W.flat(),
    "decoder.mean.bias": b,
  };
  const parameters = prepared.vae.parameters.map((spec) => {
    const start = known[spec.path];
    return start ? { ...spec, initializer: { kind: "values", values: Float32Array.from(start) } as const } : spec;
  });
  const storage = memoryStorage();
  const backend = await cpuBackend(1);
  await trainModel({ ...prepared, vae: { ...prepared.vae, parameters }, storage, backend });
  const { vae, weights } = await loadModel(storage);
  expect([...weights["decoder.mean.weight"]!]).toEqual([...Float32Array.from(W.flat())]);
  const options = { binarization: "none", seed: 5, purpose: "test", samples: 1 } as const;
  return (await importanceLikelihood(backend, vae, weights, data, options)).nllNats;
}

const exact = Array.from({ length: count }, (_, i) => negLogProb([values[2 * i]!, values[2 * i + 1]!]));
/** −ELBO of one draw above −log p(x), by example. */
const gapsOf = (nats: Float64Array) => exact.map((of, i) => nats[i]! - of);

test("a full covariance reaches the exact log p(x) of a model with correlated latents: each draw gives it", async () => {
  const gaps = gapsOf(await trained("full"));
  expect(Math.abs(meanAndError(gaps).mean)).toBeLessThan(0.01);
  expect(Math.sqrt(meanAndError(gaps.map((gap) => gap * gap)).mean)).toBeLessThan(0.15);
});

test("a diagonal covariance stays above it by the least KL that it can have", async () => {
  const { mean, standardError } = meanAndError(gapsOf(await trained("diagonal")));
  expect(leastGap).toBeGreaterThan(0.2);
  expect(Math.abs(mean - leastGap)).toBeLessThan(5 * standardError!);
  expect(mean).toBeGreaterThan(10 * standardError!);
});
