import { beforeAll, expect, test } from "vitest";
import { mean as average, draws } from "../../../test/latent.ts";
import { runner } from "../../../test/numeric.ts";
import { diagonalPosterior, standardPrior } from "../../distributions/latent.ts";
import { normal } from "../../distributions/normal.ts";
import { input } from "../../graph/tensor.ts";
import { examplesName } from "../objective-table.ts";
import type { Vae } from "../vae.ts";
import { rateDecomposition } from "./total-correlation.ts";

/*
 * Against a q(z) that is known: means drawn from N(0, (1 − σ²)·I) and posteriors N(μ, σ²·I) make it N(0, I), whose total
 * correlation and divergence from the prior are 0, and whose mutual information is −latent·log σ. The formulas of the paper in
 * plain numbers are in batch.test.ts.
 */

const [latent, sigma] = [10, 0.5];
const information = -latent * Math.log(sigma);

/** Means over some batches. */
let terms: (batchSize: number, examples: number, batches: number) => Promise<Record<"mi" | "tc" | "dw", number>>;

beforeAll(async () => {
  const of = (name: string) => input(name, ["batch", latent]);
  const posterior = diagonalPosterior(normal(of("mean"), of("logvar")));
  const vae = { latent, prior: () => standardPrior(latent) } as unknown as Vae;
  const batch = { vae, posterior, z: of("z"), rateNats: posterior.klStandard!(), weight: input("weight", ["batch"]) };
  const run = await runner({ ...(rateDecomposition(batch) as Record<string, ReturnType<typeof of>>) });
  terms = async (batchSize, examples, batches) => {
    const size = batchSize * latent;
    const found = { mi: [] as number[], tc: [] as number[], dw: [] as number[] };
    for (let i = 0; i < batches; i++) {
      const means = Array.from(draws("normals", size, `means ${i}`), (x) => Math.sqrt(1 - sigma ** 2) * x);
      const z = Array.from(draws("normals", size, `noise ${i}`), (x, k) => means[k]! + sigma * x);
      const values = await run({
        ...{ mean: means, logvar: Array<number>(size).fill(2 * Math.log(sigma)), z },
        ...{ weight: Array<number>(batchSize).fill(1), [examplesName]: examples },
      });
      found.mi.push(values.mutualInformationNats![0]!);
      found.tc.push(values.totalCorrelationNats![0]!);
      found.dw.push(values.dimensionwiseKlNats![0]!);
    }
    return { mi: average(found.mi), tc: average(found.tc), dw: average(found.dw) };
  };
});

test("of batches much smaller than the data the total correlation is too small, and the mutual information too large", async () => {
  const [small, large] = [await terms(32, 50_000, 8), await terms(256, 50_000, 2)];
  expect(small.tc).toBeLessThan(-1.2);
  expect(large.tc).toBeGreaterThan(small.tc + 0.3);
  expect(large.tc).toBeLessThan(-0.6);
  expect(small.mi).toBeGreaterThan(information + 1.4);
  expect(large.mi).toBeGreaterThan(information + 0.6);
  expect(large.mi).toBeLessThan(small.mi - 0.3);
  for (const { dw } of [small, large]) expect(Math.abs(dw)).toBeLessThan(0.6);
});
