import { beforeAll, describe, expect, test } from "vitest";
import { generic } from "../../../test/latent.ts";
import { differences, evaluate, furthest, runner } from "../../../test/numeric.ts";
import type { DipVaeConfig, KernelConfig, ObjectiveConfig } from "../../config.objective.ts";
import { type PartialConfig, parseConfig } from "../../config.ts";
import { diagonalPosterior, standardPrior } from "../../distributions/latent.ts";
import { normal } from "../../distributions/normal.ts";
import { grad } from "../../graph/grad.ts";
import { exp } from "../../graph/ops/functions.ts";
import { input, type Tensor } from "../../graph/tensor.ts";
import { examplesName, loadObjective, objectivePart } from "../objective-table.ts";
import { batchLoss, drawnInputsOf } from "../step.ts";
import { buildVae, type Vae } from "../vae.ts";
import type { CodedBatch } from "./coded-batch.ts";
import { covariancePenalties } from "./dip.ts";
import { freeRate } from "./free-bits.ts";
import { squaredMmd } from "./mmd.ts";
import { logStratifiedWeights, rateDecomposition } from "./total-correlation.ts";

/* Terms of a whole batch, against the formulas of their papers in plain numbers. */

const latent = 3;
const [mean, logvar, z] = ["mean", "logvar", "z"].map((name) => input(name, ["batch", latent])) as [
  Tensor,
  Tensor,
  Tensor,
];
const weight = input("weight", ["batch"]);
const posterior = diagonalPosterior(normal(mean, logvar));
const vae = { latent, prior: () => standardPrior(latent) } as unknown as Vae;
const batch: CodedBatch = { vae, posterior, z, rateNats: posterior.klStandard!(), weight };

/** Rows of numbers, no two alike. */
const rowsOf = (count: number, scale: number, shift: number): number[][] =>
  Array.from({ length: count }, (_, i) =>
    Array.from({ length: latent }, (_, j) => scale * Math.sin(3 * i + j + shift)),
  );

interface Codes {
  readonly mean: readonly number[][];
  readonly logvar: readonly number[][];
  readonly z: readonly number[][];
}
const codes = (count: number): Codes => ({
  mean: rowsOf(count, 1.2, 0),
  logvar: rowsOf(count, 0.7, 1),
  z: rowsOf(count, 1.6, 2),
});
const fed = (given: Codes) =>
  Object.fromEntries(Object.entries(given).map(([name, rows]) => [name, (rows as number[][]).flat()]));
const ones = (count: number): number[] => Array(count).fill(1);

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const average = (values: readonly number[]): number => total(values) / values.length;
const logNormal = (x: number, mean: number, logvar: number): number =>
  -0.5 * (Math.log(2 * Math.PI) + logvar + (x - mean) ** 2 / Math.exp(logvar));

/** Means over the rows of the three terms, with weights (row, other) of the posteriors in q(z). */
function plainTerms({ mean, logvar, z }: Codes, weights: readonly number[][]) {
  const density = (i: number, l: number, j: number) => Math.exp(logNormal(z[i]![j]!, mean[l]![j]!, logvar[l]![j]!));
  const latents = range(latent);
  const rows = range(z.length).map((i) => {
    const joint = (l: number) => latents.reduce((product, j) => product * density(i, l, j), 1);
    const sum = (of: (l: number) => number) => Math.log(total(range(z.length).map((l) => weights[i]![l]! * of(l))));
    const own = Math.log(joint(i));
    const aggregate = sum(joint);
    const product = total(latents.map((j) => sum((l) => density(i, l, j))));
    const prior = total(z[i]!.map((value) => logNormal(value, 0, 0)));
    return [own - aggregate, aggregate - product, product - prior] as const;
  });
  const [mi, tc, dw] = [0, 1, 2].map((k) => average(rows.map((row) => row[k as 0 | 1 | 2])));
  return [mi!, tc!, dw!] as const;
}

describe("the terms of the rate", () => {
  const outputs = rateDecomposition(batch) as Readonly<Record<string, Tensor>>;
  const names = ["mutualInformationNats", "totalCorrelationNats", "dimensionwiseKlNats"] as const;
  const termsOf = async (given: Codes, examples: number, weights = ones(given.z.length)) => {
    const values = await evaluate(outputs, { ...fed(given), weight: weights, [examplesName]: examples });
    return names.map((name) => values[name]![0]!);
  };

  test("of a batch of all examples are those of q(z) = 1/N Σ q(z|x_n)", async () => {
    const found = await termsOf(codes(5), 5);
    const weights = range(5).map(() => ones(5).map(() => 1 / 5));
    for (const [k, value] of plainTerms(codes(5), weights).entries()) expect(found[k]).toBeCloseTo(value, 10);
  });

  test("of a part of them are those of stratified weights: 1/N of the own, (N − 1)/(N·M) of M others", async () => {
    const [count, all] = [5, 40];
    const weights = range(count).map((i) =>
      range(count).map((l) => (i === l ? 1 / all : (all - 1) / (all * (count - 1)))),
    );
    const found = await termsOf(codes(count), all);
    for (const [k, value] of plainTerms(codes(count), weights).entries()) expect(found[k]).toBeCloseTo(value, 10);
  });

  test("the weights are the mean of the paper's over which example stands for those that are not there", async () => {
    const [count, all] = [5, 40];
    const others = count - 1; // M
    const { weights } = await evaluate(
      { weights: exp(logStratifiedWeights(weight, input("all", []))) },
      { weight: ones(count), all },
    );
    for (const i of range(count))
      for (const l of range(count)) {
        const paper = range(count)
          .filter((chosen) => chosen !== i)
          .map((chosen) => (l === i ? 1 / all : l === chosen ? (all - others) / (all * others) : 1 / others));
        expect(weights![count * i + l]).toBeCloseTo(average(paper), 12);
      }
  });

  test("add up to the rate as the draw estimates it: β-TCVAE with weights of 1 is the ELBO", async () => {
    const given = codes(6);
    const rate = range(6).map((i) =>
      total(
        range(latent).map(
          (j) =>
            logNormal(given.z[i]![j]!, given.mean[i]![j]!, given.logvar[i]![j]!) - logNormal(given.z[i]![j]!, 0, 0),
        ),
      ),
    );
    expect(total(await termsOf(given, 50))).toBeCloseTo(average(rate), 10);
  });

  test("of one example alone are its rate: there is nothing to know it from", async () => {
    const [information, correlation] = await termsOf(codes(1), 100);
    expect(information).toBeCloseTo(0, 10);
    expect(correlation).toBeCloseTo(0, 10);
  });
});

describe("the penalties of DIP-VAE", () => {
  const penaltiesOf = async (given: Codes, variant: DipVaeConfig["variant"], weights = ones(given.mean.length)) => {
    const outputs = covariancePenalties(batch, { variant }) as Readonly<Record<string, Tensor>>;
    const values = await evaluate(outputs, { ...fed(given), weight: weights });
    return [values.offDiagonalPenalty![0]!, values.diagonalPenalty![0]!] as const;
  };

  test.each(["i", "ii"] as const)("%s, by hand", async (variant) => {
    const given = codes(7);
    const centre = range(latent).map((j) => average(given.mean.map((row) => row[j]!)));
    const within = range(latent).map((j) => average(given.logvar.map((row) => Math.exp(row[j]!))));
    const covariance = (j: number, k: number) =>
      average(given.mean.map((row) => (row[j]! - centre[j]!) * (row[k]! - centre[k]!))) +
      (variant === "ii" && j === k ? within[j]! : 0);
    const pairs = range(latent).flatMap((j) => range(latent).map((k) => [j, k] as const));
    const [beside, on] = await penaltiesOf(given, variant);
    expect(beside).toBeCloseTo(total(pairs.filter(([j, k]) => j !== k).map(([j, k]) => covariance(j, k) ** 2)), 10);
    expect(on).toBeCloseTo(total(range(latent).map((j) => (covariance(j, j) - 1) ** 2)), 10);
  });

  test("are 0 where the codes have the covariance of N(0, I)", async () => {
    const corners = range(8).map((i) => range(latent).map((j) => 2 * ((i >> j) & 1) - 1));
    const given = (scale: number, variance: number): Codes => ({
      mean: corners.map((row) => row.map((value) => value * scale)),
      logvar: corners.map((row) => row.map(() => Math.log(variance))),
      z: corners,
    });
    for (const penalty of await penaltiesOf(given(1, 0.3), "i")) expect(penalty).toBeCloseTo(0, 12);
    for (const penalty of await penaltiesOf(given(Math.sqrt(0.7), 0.3), "ii")) expect(penalty).toBeCloseTo(0, 12);
    const [beside, on] = await penaltiesOf(given(1, 0.3), "ii");
    expect([beside, on]).toEqual([expect.closeTo(0, 12), expect.closeTo(latent * 0.3 ** 2, 10)]);
  });
});

describe("the squared maximum mean discrepancy", () => {
  const draws = input("draws", ["batch", latent]);
  const kernelOf = ({ kernel, scale }: KernelConfig) => {
    const width = 2 * latent * scale ** 2;
    return (a: readonly number[], b: readonly number[]) => {
      const squared = total(a.map((value, j) => (value - b[j]!) ** 2));
      return kernel === "imq" ? width / (width + squared) : Math.exp(-squared / width);
    };
  };

  test.each<KernelConfig>([
    { kernel: "imq", scale: 1 },
    { kernel: "rbf", scale: 1 },
    { kernel: "imq", scale: 0.4 },
  ])("with the kernel $kernel of scale $scale, by hand", async (config) => {
    const [a, b] = [rowsOf(6, 1.5, 0), rowsOf(6, 1, 4)];
    const k = kernelOf(config);
    const pairs = range(6).flatMap((i) => range(6).map((j) => [i, j] as const));
    const different = pairs.filter(([i, j]) => i !== j);
    const plain =
      average(different.map(([i, j]) => k(a[i]!, a[j]!))) +
      average(different.map(([i, j]) => k(b[i]!, b[j]!))) -
      2 * average(pairs.map(([i, j]) => k(a[i]!, b[j]!)));
    const given = { z: a.flat(), draws: b.flat(), weight: ones(6) };
    expect((await evaluate({ mmd: squaredMmd(z, draws, weight, config) }, given)).mmd![0]).toBeCloseTo(plain, 12);
    const one = { z: a[0]!, draws: b[0]!, weight: [1] };
    expect((await evaluate({ mmd: squaredMmd(z, draws, weight, config) }, one)).mmd![0]).toBeCloseTo(0, 12);
  });

  test("is 0 on average where both are drawn alike, and more where they are not", async () => {
    const noise = (step: number, count: number) =>
      range(count).map((i) => {
        const uniform = (k: number) =>
          (((Math.sin(12.9898 * (i + 1) + 78.233 * (step + 1) + 37.7 * k) * 43758.5453) % 1) + 1) % 1;
        return Math.sqrt(-2 * Math.log(uniform(0) + 1e-12)) * Math.cos(2 * Math.PI * uniform(1));
      });
    const run = await runner({ mmd: squaredMmd(z, draws, weight, { kernel: "imq", scale: 1 }) });
    const [steps, rows] = [200, 20];
    const values = async (scale: number) => {
      const found: number[] = [];
      for (const step of range(steps)) {
        const numbers = noise(step, 2 * rows * latent);
        const given = { z: numbers.slice(0, rows * latent).map((x) => scale * x), draws: numbers.slice(rows * latent) };
        found.push((await run({ ...given, weight: ones(rows) })).mmd![0]!);
      }
      const mean = average(found);
      return { mean, error: Math.sqrt(average(found.map((value) => (value - mean) ** 2)) / steps) };
    };
    const [alike, unlike] = [await values(1), await values(2)];
    expect(Math.abs(alike.mean)).toBeLessThan(4 * alike.error);
    expect(unlike.mean).toBeGreaterThan(10 * unlike.error);
  });
});

describe("free bits", () => {
  const config = { kind: "elbo", beta: 1, schedule: { kind: "constant" } } as const;
  const given = codes(5);
  const rates = range(latent).map((j) =>
    average(
      given.mean.map((row, i) => {
        const variance = Math.exp(given.logvar[i]![j]!);
        return 0.5 * (row[j]! ** 2 + variance - 1 - Math.log(variance));
      }),
    ),
  );
  const freeOf = async (freeBits: number, freeBitsGroup: number) => {
    const outputs = freeRate(batch, { ...config, freeBits, freeBitsGroup }) as Readonly<Record<string, Tensor>>;
    return (await evaluate(outputs, { ...fed(given), weight: ones(5) })).freeRateNats![0]!;
  };

  test("hold the mean rate of each latent, or of a group, at λ or more", async () => {
    const between = (Math.min(...rates) + Math.max(...rates)) / 2;
    expect(await freeOf(between, 1)).toBeCloseTo(total(rates.map((rate) => Math.max(rate, between))), 10);
    expect(await freeOf(between, latent)).toBeCloseTo(Math.max(total(rates), between), 10);
    expect(await freeOf(100, latent)).toBe(100);
    expect(await freeOf(100, 1)).toBe(100 * latent);
  });

  test("of 0 nats leave the rate as it is", async () => {
    for (const group of [1, latent]) expect(await freeOf(0, group)).toBeCloseTo(total(rates), 10);
  });
});

const configs: readonly NonNullable<PartialConfig["objective"]>[] = [
  { kind: "capacity", gamma: 3, to: 4, steps: 2 },
  { kind: "elbo", beta: 2, freeBits: 0.1 },
  { kind: "elbo", freeBits: 0.1, freeBitsGroup: 2 },
  { kind: "beta-tcvae" },
  { kind: "dip-vae" },
  { kind: "dip-vae", variant: "ii" },
  { kind: "info-vae", alpha: 0.5 },
  { kind: "wae-mmd", kernel: "rbf" },
];

describe.each(configs)("%o", (objective) => {
  const config = parseConfig({ model: { latent: 2, encoder: { hidden: [3], activation: "tanh" } }, objective });
  const small = buildVae(config.model, [4]);
  let loss: ReturnType<typeof batchLoss>;
  beforeAll(async () => {
    await loadObjective(config.objective);
    loss = batchLoss(small, config.objective);
  });

  /** Rows of a batch, those after `real` of weight 0 and with other numbers in them. */
  const given = (count: number, real: number, examples = 30) => {
    const numbers = (columns: number, shift: number) =>
      range(count * columns).map((i) => (i < real * columns ? 1 : 7) * Math.sin(2.3 * i + shift));
    return {
      ...generic(small.parameters, 0.6),
      ...(objectivePart(config.objective).scalars?.(config.objective, 3) as Record<string, number> | undefined),
      x: numbers(4, 0).map((value) => Number(value > 0)),
      noise: numbers(2, 1),
      weight: range(count).map((i) => Number(i < real)),
      [examplesName]: examples,
      ...Object.fromEntries(drawnInputsOf(small, config.objective).map(({ name }) => [name, numbers(2, 2)])),
    };
  };

  test("rows of weight 0 are as if they were not there, in each term and gradient", async () => {
    const gradients = grad(
      loss.minimize,
      small.parameters.map(({ tensor }) => tensor),
    );
    const outputs = {
      loss: loss.minimize,
      ...(loss.terms as Readonly<Record<string, Tensor>>),
      ...Object.fromEntries(small.parameters.map(({ path }, i) => [`d ${path}`, gradients[i]!])),
    };
    const padded = await evaluate(outputs, given(8, 5));
    for (const [name, values] of Object.entries(await evaluate(outputs, given(5, 5))))
      expect(furthest(padded[name]!, values), name).toBeLessThan(1e-10);
  });

  test("its gradient is that of differences", async () => {
    const path = small.parameters.find(({ path }) => path.startsWith("encoder.posterior"))!.path;
    const tensor = small.parameters.find((parameter) => parameter.path === path)!.tensor;
    const run = await runner({ loss: loss.minimize, slope: grad(loss.minimize, [tensor])[0]! });
    const at = given(8, 6);
    const { slope } = await run(at);
    expect(furthest(slope!, await differences(run, "loss", at, path))).toBeLessThan(1e-7);
  });

  test("its batches are not divided", () => expect(loss.weights).toBeUndefined());
});

test("InfoVAE with α = 0 and λ = 1 is the ELBO", async () => {
  const of = (objective: PartialConfig["objective"]): ObjectiveConfig => parseConfig({ objective }).objective;
  const info = of({ kind: "info-vae", alpha: 0, lambda: 1 });
  await loadObjective(info);
  const config = parseConfig({ model: { latent: 2, encoder: { hidden: [3] } } }).model;
  const small = buildVae(config, [4]);
  const outputs = { info: batchLoss(small, info).minimize, elbo: batchLoss(small, of({})).terms.negElboNats };
  const values = await evaluate(outputs, {
    ...generic(small.parameters),
    x: range(12).map((i) => i % 2),
    noise: range(6).map(Math.sin),
    weight: ones(3),
  });
  expect(values.info).toEqual(values.elbo);
});
