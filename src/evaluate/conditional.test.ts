import { beforeAll, expect, test } from "vitest";
import { floats, untrained } from "../../test/models.ts";
import { loadParts } from "../models/parts.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { elboScorer } from "./elbo.ts";
import { evaluateModel } from "./evaluate.ts";
import { importanceLikelihood } from "./likelihood.ts";
import { pooledLikelihood } from "./pool.node.ts";

/*
 * A linear-Gaussian model of one dimension given a number c: z ~ N(m·c, s²), x = w·z + b + a·c + σ·ε. Hence p(x|c) is
 * N(b + (a + w·m)·c, w²s² + σ²), and p(z|x, c) is a normal too.
 */

const model = ({ conditionalPrior }: { readonly conditionalPrior: boolean }) => {
  const [w, b, a, sigma] = [0.8, 0.3, -1.2, 0.6];
  const [m, s] = conditionalPrior ? [0.7, 1.5] : [0, 1];
  const variance = w * w * s * s + sigma * sigma;
  const gain = (w * s * s) / variance; // of the posterior's mean, m·c + gain·(x − its mean)
  const config = {
    data: { binarization: "none" as const },
    model: {
      latent: 1,
      encoder: { hidden: [] },
      likelihood: { kind: "normal" as const, variance: "fixed" as const, standardDeviation: sigma },
      condition: { on: ["age"], prior: conditionalPrior },
    },
  };
  const weights = {
    "encoder.posterior.weight": [gain, 0, m - gain * (a + w * m), 0], // of x, then of c, for mean and log-variance
    "encoder.posterior.bias": [-gain * b, Math.log((s * s * sigma * sigma) / variance)],
    "decoder.mean.weight": [w, a],
    "decoder.mean.bias": [b],
    ...(conditionalPrior ? { "prior.weight": [m, 0], "prior.bias": [0, Math.log(s * s)] } : {}),
  };
  const made = untrained(config, [1], weights, [{ name: "age", as: "number", mean: 10, standardDeviation: 2 }]);
  const negLogProb = (x: number, age: number) => {
    const mean = b + ((a + w * m) * (age - 10)) / 2;
    return 0.5 * (Math.log(2 * Math.PI * variance) + (x - mean) ** 2 / variance);
  };
  return { made, negLogProb };
};

const ages = [6, 10, 11, 13.5, 8];
const points = [0.5, -1, 2, 0.1, 3];
const data = { ...floats(points), numbers: { names: ["age"], values: Float32Array.from(ages) } };
const options = { binarization: "none", seed: 1, purpose: "test" } as const;

beforeAll(() => loadParts(untrainedParts));
const untrainedParts = {
  ...untrained({}, [1]).description.config.model,
  condition: { on: ["age"], encoder: true, prior: true },
};

test.each([{ conditionalPrior: false }, { conditionalPrior: true }])(
  "with the exact posterior the bound and the estimate are −log p(x|c): %o",
  async (kind) => {
    const { made, negLogProb } = model(kind);
    const exact = points.map((x, i) => negLogProb(x, ages[i]!));
    const backend = await cpuBackend(1);
    const own = { ...options, samples: 3 };
    const { nllNats } = await importanceLikelihood(backend, made.vae, made.weights, data, own);
    for (const [i, nats] of nllNats.entries()) expect(nats).toBeCloseTo(exact[i]!, 4);

    // The rate is in closed form for N(0, I) and for p(z|c): the same by any draw.
    const scorer = await elboScorer(backend, made.vae, made.weights, 2);
    const scores = await scorer.score(data, options);
    await scorer.release();
    expect(scores.rateByLatent![0]).toBeCloseTo(scores.rateNats.reduce((sum, nats) => sum + nats, 0) / 5, 5);
    const again = await elboScorer(backend, made.vae, made.weights, 5);
    const others = await again.score(data, { ...options, seed: 7 });
    await again.release();
    expect([...others.rateNats]).toEqual([...scores.rateNats].map((nats) => expect.closeTo(nats, 5)));
  },
);

test("figures of a conditional model say what they are given", async () => {
  const { made } = model({ conditionalPrior: false });
  const evaluation = await evaluateModel(made, await cpuBackend(1), data);
  expect(evaluation.given).toBe("age");
  const { numbers: _, ...bare } = data;
  await expect(evaluateModel(made, await cpuBackend(1), bare)).rejects.toThrow(
    /^test \(test\): the data have no condition "age"/,
  );
});

test("workers are given the conditions of their rows", async () => {
  const { made } = model({ conditionalPrior: true });
  const many = Array.from({ length: 150 }, (_, i) => Math.sin(i));
  const numbers = { names: ["age"], values: Float32Array.from(many, (x, i) => 10 + 2 * x + (i % 3)) };
  const rows = { ...floats(many), numbers };
  const own = { ...options, samples: 1500 };
  const estimate = pooledLikelihood(made, 2, rows.count, own.samples)!;
  expect(await estimate(rows, own)).toEqual(
    await importanceLikelihood(await cpuBackend(1), made.vae, made.weights, rows, own),
  );
});
