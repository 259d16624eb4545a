import { expect, test } from "vitest";
import { evaluate } from "../../test/numeric.ts";
import type { ObjectiveConfig } from "../config.objective.ts";
import { parseConfig } from "../config.ts";
import { eventLogProb } from "../distributions/distribution.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { lower } from "../graph/lower.ts";
import { add, mul, neg, square, sub } from "../graph/ops/arithmetic.ts";
import { softmax } from "../graph/ops/axis.ts";
import { reshape, stopGradient, sum } from "../graph/ops/structure.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { initializeParameters } from "../train/initialize.ts";
import { layoutOf, viewOf } from "../train/layout.ts";
import { capacityObjective, doublyReparameterized, drawnTerms, logMeanExp, weightedMean } from "./objective.ts";
import { loadParts } from "./parts.ts";
import { batchLoss, exampleTerms, noiseInput } from "./step.ts";
import { buildVae } from "./vae.ts";

test("the mean over the batch takes one number and one weight for each example, and nothing that broadcasts", () => {
  const weight = input("weight", ["batch"]);
  expect(weightedMean(input("nats", ["batch"]), weight).shape).toEqual([]);
  for (const shape of [["batch", 1], [3, "batch"], [1], []] as const) {
    expect(() => weightedMean(input("nats", shape), weight)).toThrow(ShapeError);
    expect(() => weightedMean(input("nats", shape), weight)).toThrow(/^weightedMean: .*nats \(.*weight \(batch,?\)/);
  }
});

test("the capacity objective, by hand: the mean rate is drawn to C from either side, examples are not", async () => {
  const rates = input("rates", ["batch"]);
  const [gamma, capacityNats] = [input("gamma", []), input("capacityNats", [])];
  const weight = input("weight", ["batch"]);
  const means = {
    distortionNats: weightedMean(input("distortions", ["batch"]), weight),
    rateNats: weightedMean(rates, weight),
  };
  const minimize = capacityObjective(means, gamma, capacityNats);
  const [slope] = grad(minimize, [rates]);
  const at = (capacity: number) =>
    evaluate(
      { minimize, slope: slope! },
      // the last example pads the batch
      { distortions: [80, 90, 1e6], rates: [1, 9, 1e6], weight: [3, 1, 0], gamma: 10, capacityNats: capacity },
    );
  // distortion (3·80 + 90)/4 = 82.5, rate (3·1 + 9)/4 = 3
  expect(await at(5)).toEqual({ minimize: [82.5 + 10 * 2], slope: [-7.5, -2.5, -0] }); // too little is coded
  expect(await at(2.5)).toEqual({ minimize: [82.5 + 10 * 0.5], slope: [7.5, 2.5, 0] }); // too much
  expect(await at(3)).toEqual({ minimize: [82.5], slope: [0, 0, 0] }); // though no example is at C
  expect(() => capacityObjective({ ...means, rateNats: rates }, gamma, capacityNats)).toThrow(ShapeError);
});

const small = parseConfig(
  { model: { latent: 2, encoder: { hidden: [3], activation: "tanh" } }, objective: { kind: "iwae", samples: 3 } },
  "test",
);
const dreg = { kind: "iwae", samples: 3, gradient: "dreg" } as const;

/** A model of three pixels with its parameters, and a batch of one example as often as it has draws. */
function prepared(rows: number) {
  const vae = buildVae(small.model, [3]);
  const layout = layoutOf(vae.parameters);
  const flat = new Float32Array(layout.total);
  initializeParameters(flat, layout, vae.parameters, 1);
  const parameters = Object.fromEntries(layout.slots.map((slot) => [slot.path, [...viewOf(flat, slot)]]));
  const kernels = createKernels(4 * 6 * rows + 256);
  const noise = kernels.float32(6 * rows);
  kernels.normals(noise, siteKey(0, "noise"), 0, kernels.uint32(1), noise.length);
  const x = Array.from({ length: 3 * rows }, (_, i) => [1, 0, 1][i % 3]!);
  const encoder = vae.parameters.filter(({ path }) => path.startsWith("encoder"));
  return { vae, encoder, feeds: { ...parameters, noise: [...noise], x, weight: Array(rows).fill(1) } };
}

test("one draw is the ELBO with its rate by the draw; more draws bound closer", async () => {
  const { vae, feeds } = prepared(64);
  const [x, noise] = [input("x", ["batch", 3]), noiseInput(vae, small.objective)];
  const terms = exampleTerms(vae, small.objective, x, noise);
  const one = drawnTerms(vae, vae.posterior(x), vae.prior(), x, reshape(noise, [3, "batch", 2]));
  const values = await evaluate({ ...terms, weights: one.logWeights }, feeds);
  const [bound, elbo] = [values.negIwaeNats!, values.negElboNats!];
  for (let i = 0; i < 64; i++) {
    const weights = [0, 1, 2].map((k) => values.weights![64 * k + i]!);
    expect(bound[i]).toBeCloseTo(-Math.log(weights.reduce((sum, w) => sum + Math.exp(w), 0) / 3), 10);
    expect(elbo[i]).toBeCloseTo(-weights.reduce((sum, w) => sum + w, 0) / 3, 10);
    expect(bound[i]).toBeLessThanOrEqual(elbo[i]!);
  }
});

test("the doubly reparameterized gradient is that of Σ w̃²·log w with log q held (Tucker et al. 2019, eq. 8)", async () => {
  const { vae, encoder, feeds } = prepared(5);
  const [x, noise] = [input("x", ["batch", 3]), input("noise", [3, "batch", 2])];
  const tensors = encoder.map(({ tensor }) => tensor);
  const estimate = weightedMean(
    neg(logMeanExp(doublyReparameterized(vae, x, noise).logWeights)),
    input("weight", ["batch"]),
  );
  const head = vae.posteriorHead(x);
  const { z } = vae.posteriorOf(head).draw(noise);
  const held = vae.posteriorOf({ mean: stopGradient(head.mean), logvar: stopGradient(head.logvar) });
  const likelihood = eventLogProb(vae.decode(z), x, 1);
  const logWeights = sub(add(likelihood, vae.prior().logProb(z)), held.logProb!(z));
  const shares = stopGradient(square(softmax(logWeights, 0)));
  const surrogate = mul(sum(mul(shares, logWeights)), -1 / 5);
  const gradients = (loss: Tensor, name: string) =>
    Object.fromEntries(grad(loss, tensors).map((gradient, i) => [`${name} ${i}`, gradient]));
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

test("the two gradients of the encoder agree on average, and the decoder's are the same", async () => {
  const rows = 20_000;
  const { vae, feeds } = prepared(rows);
  const tensors = vae.parameters.map(({ tensor }) => tensor);
  const of = (objective: ObjectiveConfig, name: string) =>
    Object.fromEntries(grad(batchLoss(vae, objective).minimize, tensors).map((g, i) => [`${name} ${i}`, g]));
  const values = await evaluate({ ...of(small.objective, "usual"), ...of(dreg, "dreg") }, feeds);
  for (const [i, { path }] of vae.parameters.entries())
    for (const [j, value] of values[`dreg ${i}`]!.entries())
      expect(Math.abs(value - values[`usual ${i}`]![j]!), `${path} ${j}`).toBeLessThan(
        path.startsWith("encoder") ? 0.01 : 1e-9,
      );
});

test("the weights that scale the gradient are not computed twice", () => {
  const { vae } = prepared(1);
  const products = (objective: ObjectiveConfig) => {
    const { bytes } = lower({ loss: batchLoss(vae, objective).minimize });
    return new TextDecoder("latin1").decode(bytes).split("Gemm").length - 1;
  };
  expect(products(dreg)).toBe(products(small.objective));
});
