import { expect, test } from "vitest";
import { parseConfig } from "../config.ts";
import { add } from "../graph/ops/arithmetic.ts";
import { conv2d, convTranspose2d } from "../graph/ops/convolution.ts";
import { exp } from "../graph/ops/functions.ts";
import { linear, matmul } from "../graph/ops/linear.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { constant, input, labelled, parameter } from "../graph/tensor.ts";
import { conv } from "../nn/conv.ts";
import { weightNormalized } from "../nn/normalization-weight.ts";
import { parameterTree } from "../nn/parameters.ts";
import { flopsOf, flopsOnce, layerOutputs, peakBytes, productsOf, rowsWithin } from "./cost.ts";
import { loadObjective } from "./objective-table.ts";
import { loadParts } from "./parts.ts";
import { trainingStep } from "./step.ts";
import { buildVae } from "./vae.ts";

const x = input("x", ["batch", 3]);

test("a product is two operations for each number that it sums, and belongs to the parameter of its operand", () => {
  const h = linear(x, parameter("a.weight", [3, 5]), parameter("a.bias", [5]));
  const turned = reshape(parameter("b.weight", [2, 10]), [4, 5]); // still made of b.weight alone
  const y = matmul(exp(h), exp(turned), { transposeB: true });
  const own = matmul(y, h, { transposeA: true });
  expect(productsOf([own])).toEqual([
    { flops: 2 * 3 * 5, perExample: true, parameter: "a.weight" },
    { flops: 2 * 5 * 4, perExample: true, parameter: "b.weight" },
    { flops: 2 * 4 * 5, perExample: true, parameter: undefined },
  ]);
  expect(flopsOf([own, y])).toBe(2 * (15 + 20 + 20));
});

test("a convolution is its output times its window; layers are found with what they give", () => {
  const image = input("image", ["batch", 8, 6, 2]);
  const down = conv2d(image, parameter("down.weight", [4, 4, 2, 3]), { stride: 2, padding: 1 });
  expect(productsOf([down])).toEqual([
    { flops: 2 * (4 * 3 * 3) * (4 * 4 * 2), perExample: true, parameter: "down.weight" },
  ]);
  const up = convTranspose2d(down, parameter("up.weight", [2, 2, 2, 3]), { stride: 2 });
  // windows that do not overlap: as many products as the convolution, of which this is the mirror
  expect(productsOf([up]).at(-1)).toEqual({
    flops: 2 * (4 * 3 * 3) * (2 * 2 * 2),
    perExample: true,
    parameter: "up.weight",
  });
  expect([...layerOutputs([up])]).toEqual([
    ["down.weight", [4, 3, 3]],
    ["up.weight", [8, 6, 2]],
  ]);
});

test("a weight in two parameters, a direction and a length, is one layer's", () => {
  const { root } = parameterTree();
  const layer = conv(weightNormalized(root.at("a")), 2, 3, { kernel: 3, padding: "same", initialization: "he" });
  const y = layer(input("image", ["batch", 4, 5, 2]));
  expect([...layerOutputs([y])]).toEqual([["a.weight", [4, 5, 3]]]);
  expect(productsOf([y])).toEqual([{ flops: 2 * (4 * 5 * 3) * 18, perExample: true, parameter: "a.weight" }]);
});

test("operations of a dense VAE are those of its matrices: forward once, back twice but for the data", () => {
  const { model, objective } = parseConfig({ model: { latent: 2, encoder: { hidden: [5] } } }, "test");
  const vae = buildVae(model, [7]);
  const [first, others] = [7 * 5, 5 * 4 + 2 * 5 + 5 * 7];
  expect(flopsOf(trainingStep(vae, objective))).toBe(2 * (2 * first + 3 * others));
});

test("a doubly reparameterized step has the decoder in its graph twice, and takes it once", async () => {
  const costOf = async (gradient: "reparameterized" | "dreg") => {
    const config = {
      model: { latent: 2, encoder: { hidden: [5] } },
      objective: { kind: "iwae", samples: 3, gradient },
    };
    const { model, objective } = parseConfig(config, "test");
    await loadObjective(objective);
    const step = trainingStep(buildVae(model, [7]), objective);
    return { flops: flopsOf(step), bytes: peakBytes(step, 100) };
  };
  const [first, encoder, decoder] = [7 * 5, 5 * 4, 3 * (2 * 5 + 5 * 7)];
  const [usual, dreg] = [await costOf("reparameterized"), await costOf("dreg")];
  expect(usual.flops).toBe(2 * (2 * first + 3 * (encoder + decoder)));
  expect(dreg.flops).toBe(usual.flops);
  // Beside them, what log q(z|x) takes of z once more: fewer bytes than another pass of the decoder.
  expect(dreg.bytes - usual.bytes).toBeLessThan(4 * 100 * 3 * (5 + 7));
});

test("what is held at one time is what is yet to be used; reshapes and labels hold nothing, outputs do not count", () => {
  const bytes = 4 * 3 * 10;
  const a = exp(x);
  expect(peakBytes([sum(a)], 10)).toBe(bytes);
  const chain = exp(exp(labelled(exp(reshape(exp(a), ["3*batch"])), "third")));
  expect(peakBytes([sum(chain)], 10)).toBe(2 * bytes); // one is read while the next is written
  expect(peakBytes([sum(add(chain, reshape(a, ["3*batch"])))], 10)).toBe(3 * bytes); // a waits for the end
  expect(peakBytes([chain, a], 10)).toBe(2 * bytes);
  expect(peakBytes([x], 10)).toBe(0);
  const table = constant(new Float64Array(3));
  expect(peakBytes([sum(exp(exp(exp(add(x, table)))))], 10)).toBe(12 + 2 * bytes); // constants stay
});

test("rows are halved until they fit, down to one", () => {
  const outputs = [sum(exp(exp(x)))];
  expect(rowsWithin(outputs, 128, 128 * 24)).toBe(128);
  expect(rowsWithin(outputs, 128, 128 * 24 - 1)).toBe(64);
  expect(rowsWithin(outputs, 128, 0)).toBe(1);
});

test("what a batch takes once, as of the pseudo-inputs of a prior, is no cost of its examples", async () => {
  const costOf = async (prior: { kind: "standard-normal" } | { kind: "vampprior"; components: number }) => {
    const { model, objective } = parseConfig({ model: { latent: 2, encoder: { hidden: [5] }, prior } }, "test");
    await loadParts(model);
    const step = trainingStep(buildVae(model, [7]), objective);
    return [flopsOf(step), flopsOnce(step)];
  };
  const [flops] = await costOf({ kind: "standard-normal" });
  expect(await costOf({ kind: "standard-normal" })).toEqual([flops, 0]);
  // Forward once, back twice: of an example its distances from all components, once for all what the encoder makes of
  // these, which unlike data have a gradient.
  expect(await costOf({ kind: "vampprior", components: 50 })).toEqual([
    flops! + 3 * 2 * (4 * 50),
    3 * 2 * 50 * (7 * 5 + 5 * 4),
  ]);
});
