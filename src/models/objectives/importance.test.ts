import { beforeAll, describe, expect, test } from "vitest";
import { evaluate } from "../../../test/numeric.ts";
import type { ObjectiveConfig, ObjectiveOf } from "../../config.objective.ts";
import { type PartialConfig, parseConfig } from "../../config.ts";
import { eventLogProb } from "../../distributions/distribution.ts";
import { UsageError } from "../../errors.ts";
import { grad } from "../../graph/grad.ts";
import { lower } from "../../graph/lower.ts";
import { add, mul, square, sub } from "../../graph/ops/arithmetic.ts";
import { softmax } from "../../graph/ops/axis.ts";
import { reshape, stopGradient, sum } from "../../graph/ops/structure.ts";
import { input, type Tensor } from "../../graph/tensor.ts";
import { createKernels } from "../../runtime/kernels.ts";
import { siteKey } from "../../runtime/philox.ts";
import { initializeParameters } from "../../train/initialize.ts";
import { layoutOf, viewOf } from "../../train/layout.ts";
import { drawnTerms } from "../objective.ts";
import { loadObjective } from "../objective-table.ts";
import { loadParts } from "../parts.ts";
import { batchLoss, drawsOf, exampleTerms, noiseInput } from "../step.ts";
import { buildVae } from "../vae.ts";
import { doublyReparameterized } from "./importance.ts";

const model = { latent: 2, encoder: { hidden: [3], activation: "tanh" } } as const;
const parse = (objective: PartialConfig["objective"]) => parseConfig({ model, objective }, "test");
type Importance = ObjectiveOf<"iwae" | "miwae" | "ciwae">;
const objectiveOf = (given: PartialConfig["objective"]) => parse(given).objective as Importance;

const iwae = objectiveOf({ kind: "iwae", samples: 3 });
const miwae = objectiveOf({ kind: "miwae", samples: 3, bounds: 2 });
const ciwae = objectiveOf({ kind: "ciwae", samples: 3, share: 0.3 });
const kinds = [iwae, miwae, ciwae];
const dreg = (objective: Importance): Importance => ({ ...objective, gradient: "dreg" });

beforeAll(() => loadObjective(iwae));

/** A model of three pixels with its parameters, and a batch of one example as often as it has draws. */
function prepared(rows: number, draws = 3) {
  const vae = buildVae(parse({}).model, [3]);
  const layout = layoutOf(vae.parameters);
  const flat = new Float32Array(layout.total);
  initializeParameters(flat, layout, vae.parameters, 1);
  const parameters = Object.fromEntries(layout.slots.map((slot) => [slot.path, [...viewOf(flat, slot)]]));
  const width = 2 * draws;
  const kernels = createKernels(4 * width * rows + 256);
  const noise = kernels.float32(width * rows);
  kernels.normals(noise, siteKey(0, "noise"), 0, kernels.uint32(1), noise.length);
  const x = Array.from({ length: 3 * rows }, (_, i) => [1, 0, 1][i % 3]!);
  const encoder = vae.parameters.filter(({ path }) => path.startsWith("encoder"));
  return { vae, encoder, feeds: { ...parameters, noise: [...noise], x, weight: Array(rows).fill(1) } };
}

const logMean = (weights: readonly number[]): number =>
  Math.log(weights.reduce((sum, weight) => sum + Math.exp(weight), 0) / weights.length);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

test.each(kinds)("$kind by hand; more draws bound closer", async (objective) => {
  const [rows, draws] = [32, drawsOf(objective)];
  const { vae, feeds } = prepared(rows, draws);
  const [x, noise] = [input("x", ["batch", 3]), noiseInput(vae, objective)];
  const terms = exampleTerms(vae, objective, x, noise);
  const drawn = drawnTerms(vae, vae.posterior(x), vae.prior(), x, reshape(noise, [draws, "batch", 2]));
  const loss = batchLoss(vae, objective).minimize;
  const values = await evaluate({ ...terms, weights: drawn.logWeights, loss }, feeds);
  const losses = Array.from({ length: rows }, (_, i) => {
    const weights = Array.from({ length: draws }, (_, k) => values.weights![rows * k + i]!);
    const bounds = Array.from({ length: draws / 3 }, (_, m) => logMean(weights.slice(3 * m, 3 * m + 3)));
    const [bound, elbo] = [-mean(bounds), -mean(weights)];
    expect(values.negIwaeNats![i]).toBeCloseTo(bound, 10);
    expect(values.negElboNats![i]).toBeCloseTo(elbo, 10);
    expect(bound).toBeLessThanOrEqual(elbo);
    const share = objective.kind === "ciwae" ? objective.share : 0;
    return share * elbo + (1 - share) * bound;
  });
  expect(values.loss![0]).toBeCloseTo(mean(losses), 10);
});

test("MIWAE of one bound is IWAE, CIWAE with a share of 0 too, and with 1 it is the ELBO", async () => {
  const { vae, feeds } = prepared(5);
  const loss = (objective: ObjectiveConfig) => batchLoss(vae, objective).minimize;
  const values = await evaluate(
    {
      iwae: loss(iwae),
      miwae: loss(objectiveOf({ kind: "miwae", samples: 3, bounds: 1 })),
      none: loss(objectiveOf({ kind: "ciwae", samples: 3, share: 0 })),
      all: loss(objectiveOf({ kind: "ciwae", samples: 3, share: 1 })),
      elbo: batchLoss(vae, iwae).terms.negElboNats,
    },
    feeds,
  );
  expect(values.miwae![0]).toBeCloseTo(values.iwae![0]!, 12);
  expect(values.none![0]).toBeCloseTo(values.iwae![0]!, 12);
  expect(values.all![0]).toBeCloseTo(values.elbo![0]!, 12);
});

/** Of log weights (k, batch), what each draw's gradient is multiplied by when log q is held: Σ of it·log w, per example. */
const held: Readonly<Record<Importance["kind"], (logWeights: Tensor) => Tensor>> = {
  // Σ w̃²·log w (Tucker et al. 2019, eq. 8)
  iwae: (logWeights) => square(softmax(logWeights, 0)),
  // that of each bound, over how many there are
  miwae: (logWeights) => mul(reshape(square(softmax(reshape(logWeights, [2, 3, "batch"]), 1)), [6, "batch"]), 1 / 2),
  // the ELBO of a draw is a bound of one, with w̃ = 1
  ciwae: (logWeights) => add(mul(square(softmax(logWeights, 0)), 0.7), 0.3 / 3),
};

test.each(kinds)("the doubly reparameterized gradient of $kind, with log q held", async (objective) => {
  const draws = drawsOf(objective);
  const { vae, encoder, feeds } = prepared(5, draws);
  const [x, noise] = [input("x", ["batch", 3]), reshape(noiseInput(vae, objective), [draws, "batch", 2])];
  const tensors = encoder.map(({ tensor }) => tensor);
  const head = vae.posteriorHead(x);
  const { z } = vae.posteriorOf(head).draw(noise);
  const heldPosterior = vae.posteriorOf({ mean: stopGradient(head.mean), logvar: stopGradient(head.logvar) });
  const likelihood = eventLogProb(vae.decode(z), x, 1);
  const logWeights = sub(add(likelihood, vae.prior().logProb(z)), heldPosterior.logProb!(z));
  const surrogate = mul(sum(mul(stopGradient(held[objective.kind](logWeights)), logWeights)), -1 / 5);
  const gradients = (loss: Tensor, name: string) =>
    Object.fromEntries(grad(loss, tensors).map((gradient, i) => [`${name} ${i}`, gradient]));
  const estimate = batchLoss(vae, dreg(objective)).minimize;
  const values = await evaluate({ ...gradients(estimate, "estimate"), ...gradients(surrogate, "surrogate") }, feeds);
  for (const i of tensors.keys())
    for (const [j, value] of values[`estimate ${i}`]!.entries())
      expect(value).toBeCloseTo(values[`surrogate ${i}`]![j]!, 10);
});

test("a posterior with a flow is refused, for the flow's own weights would not be held", async () => {
  for (const kind of ["planar", "realnvp", "iaf"] as const) {
    const config = parseConfig({ model: { latent: 2, encoder: { hidden: [3] }, posterior: { flow: { kind } } } }).model;
    await loadParts(config);
    const [x, noise] = [input("x", ["batch", 3]), input("noise", [3, "batch", 2])];
    expect(() => doublyReparameterized(buildVae(config, [3]), x, noise)).toThrow(UsageError);
    expect(() => doublyReparameterized(buildVae(config, [3]), x, noise)).toThrow(
      '"dreg" is for posteriors without a flow',
    );
  }
});

test.each(kinds)("the two gradients of $kind agree on average, and the decoder's are the same", async (objective) => {
  const { vae, feeds } = prepared(20_000, drawsOf(objective));
  const tensors = vae.parameters.map(({ tensor }) => tensor);
  const of = (objective: ObjectiveConfig, name: string) =>
    Object.fromEntries(grad(batchLoss(vae, objective).minimize, tensors).map((g, i) => [`${name} ${i}`, g]));
  const values = await evaluate({ ...of(objective, "usual"), ...of(dreg(objective), "dreg") }, feeds);
  for (const [i, { path }] of vae.parameters.entries())
    for (const [j, value] of values[`dreg ${i}`]!.entries())
      expect(Math.abs(value - values[`usual ${i}`]![j]!), `${path} ${j}`).toBeLessThan(
        path.startsWith("encoder") ? 0.01 : 1e-9,
      );
});

describe.each(kinds)("$kind", (objective) => {
  test("the weights that scale the gradient are not computed twice", () => {
    const { vae } = prepared(1);
    const products = (objective: ObjectiveConfig) => {
      const { bytes } = lower({ loss: batchLoss(vae, objective).minimize });
      return new TextDecoder("latin1").decode(bytes).split("Gemm").length - 1;
    };
    expect(products(dreg(objective))).toBe(products(objective));
  });

  test("threads may share its batches", () => expect(batchLoss(prepared(1).vae, objective).weights).toBe("weight"));
});
