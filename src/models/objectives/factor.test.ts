import { expect, test } from "vitest";
import { draws, mean } from "../../../test/latent.ts";
import { evaluate } from "../../../test/numeric.ts";
import { compiled, settings } from "../../../test/training.ts";
import { input } from "../../graph/tensor.ts";
import { discriminator } from "../../nn/discriminator.ts";
import { parameterTree } from "../../nn/parameters.ts";
import { siteKey } from "../../runtime/philox.ts";
import { randomOrder } from "../../runtime/shuffle.ts";
import type { StepResult } from "../../train/program.ts";
import { weightedMean } from "../objective.ts";
import { discriminatorLoss, permuteDims } from "./factor.ts";

const [z, rows, weight] = [input("z", ["batch", 2]), input("rows", ["batch", 2]), input("weight", ["batch"])];

test("each latent of a permuted row is that of the row it is taken from", async () => {
  const given = { z: [10, 20, 11, 21, 12, 22], rows: [2, 0, 0, 2, 1, 1] };
  const { permuted } = await evaluate({ permuted: permuteDims(z, rows) }, given);
  expect(permuted).toEqual([12, 20, 10, 22, 11, 21]);
});

test("the discriminator finds the total correlation of a bivariate normal", async () => {
  const [batchSize, steps, correlation] = [256, 600, 0.8];
  const { root, specs } = parameterTree();
  const logit = discriminator(root.at("discriminator"), 2, [32, 32]);
  const { minimize, terms } = discriminatorLoss(logit, z, rows, weight);
  const totalCorrelation = weightedMean(logit(z), weight);
  const trains = specs.map(({ path }) => path);
  const program = await compiled({
    specs,
    batchSize,
    objectives: [{ name: "discriminator", minimize, trains, terms: { ...terms, totalCorrelation } }],
  });
  const { inputs } = program;
  const noise = draws("normals", 2 * batchSize * steps);
  inputs.weight!.fill(1);
  const found: StepResult[] = [];
  for (let step = 1; step <= steps; step++) {
    for (let i = 0; i < batchSize; i++) {
      const [a, b] = noise.subarray(2 * (i + (step - 1) * batchSize)) as unknown as [number, number];
      inputs.z!.set([a, correlation * a + Math.sqrt(1 - correlation ** 2) * b], 2 * i);
    }
    for (let j = 0; j < 2; j++)
      for (const [i, row] of randomOrder(batchSize, siteKey(0, "rows"), step, j).entries())
        inputs.rows![2 * i + j] = row;
    const own = { ...settings, learningRate: step <= 400 ? 0.003 : 0.0003 };
    found.push((await program.step(step, own)).get("discriminator")!);
  }
  await program.release();
  // As it knows nothing it is right half the time, and its loss is log 2.
  expect(found[0]!.loss).toBeCloseTo(Math.LN2, 6);
  expect(found[0]!.terms).toMatchObject({ discriminatorAccuracy: 0.5, totalCorrelation: 0 });
  const last = (name: string) => mean(found.slice(400).map((result) => result.terms[name]!));
  expect(Math.abs(last("totalCorrelation") + Math.log(1 - correlation ** 2) / 2)).toBeLessThan(0.04);
  expect(last("discriminatorAccuracy")).toBeGreaterThan(0.65);
  expect(last("discriminatorNats")).toBeLessThan(0.62);
});
