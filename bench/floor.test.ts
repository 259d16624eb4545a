import { expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";
import { lower } from "../src/graph/lower.ts";
import { conv2d } from "../src/graph/ops/convolution.ts";
import { matmul } from "../src/graph/ops/linear.ts";
import { input, parameter } from "../src/graph/tensor.ts";
import { flopsOf } from "../src/models/cost.ts";
import { trainingStep } from "../src/models/step.ts";
import { buildVae } from "../src/models/vae.ts";
import { cpuBackend } from "../src/runtime/ort.node.ts";
import { flopsOfProducts, openFloor, productsOfGraph } from "./floor.ts";

const x = input("x", ["batch", 7]);

test("products of one shape are counted together, whichever way they lie, and equal ones once", () => {
  const weight = parameter("weight", [7, 3]);
  const first = matmul(x, weight); // (4, 7)·(7, 3)
  const turned = matmul(parameter("other", [3, 7]), x, { transposeB: true }); // (3, 7)·(7, 4)
  const lowered = lower({ first, turned, again: matmul(x, weight), square: matmul(x, x, { transposeA: true }) });
  expect(productsOfGraph(lowered, 4)).toEqual([
    { short: 7, inner: 4, long: 7, count: 1 },
    { short: 3, inner: 7, long: 4, count: 2 },
  ]);
});

test("a batched product is as many, a convolution one of all its windows", () => {
  const batched = lower({ y: matmul(input("a", [5, 2, 3]), input("b", [5, 3, 4])) });
  expect(productsOfGraph(batched, 1)).toEqual([{ short: 2, inner: 3, long: 4, count: 5 }]);
  const image = input("image", ["batch", 6, 6, 2]);
  const convolved = lower({ y: conv2d(image, parameter("w", [3, 3, 2, 8]), {}) });
  expect(productsOfGraph(convolved, 10)).toEqual([{ short: 8, inner: 18, long: 160, count: 1 }]);
});

test("the operations of a step are those that its graph has", () => {
  const { model, objective } = parseConfig({ model: { latent: 2, encoder: { hidden: [5] } } }, "test");
  const outputs = trainingStep(buildVae(model, [7]), objective);
  const products = productsOfGraph(lower(Object.fromEntries(outputs.map((tensor, i) => [`y${i}`, tensor]))), 16);
  expect(products.reduce((sum, product) => sum + flopsOfProducts(product), 0)).toBe(16 * flopsOf(outputs));
});

test("a floor is timed, in every orientation of its products", async () => {
  const floor = await openFloor(await cpuBackend(1), lower({ y: matmul(x, parameter("weight", [7, 3])) }), 4, 2);
  try {
    expect(floor.flops).toBe(2 * 4 * 7 * 3);
    expect(await floor.seconds()).toBeGreaterThan(0);
  } finally {
    await floor.release();
  }
});
