import { expect, test } from "vitest";
import { evaluate, furthest } from "../../test/numeric.ts";
import { UsageError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { mul } from "../graph/ops/arithmetic.ts";
import { sum } from "../graph/ops/structure.ts";
import { input } from "../graph/tensor.ts";
import { initializeParameters } from "../train/initialize.ts";
import { layoutOf, viewOf } from "../train/layout.ts";
import { conv, convTranspose } from "./conv.ts";
import { dense } from "./dense.ts";
import { weightNormalized } from "./normalization-weight.ts";
import { type ParameterSpec, parameterTree, type Scope } from "./parameters.ts";

/** The values that parameters start at, for a seed. */
function started(specs: readonly ParameterSpec[]): Record<string, Float32Array> {
  const layout = layoutOf(specs);
  const buffer = new Float32Array(layout.total);
  initializeParameters(buffer, layout, specs, 3);
  return Object.fromEntries(layout.slots.map((slot) => [slot.path, viewOf(buffer, slot).slice()]));
}

const options = { kernel: 3, initialization: "he" } as const;
const layers = {
  dense: (scope: Scope) => dense(scope.at("layer"), 40, 5, options),
  conv: (scope: Scope) => conv(scope.at("layer"), 4, 5, options),
  convTranspose: (scope: Scope) => convTranspose(scope.at("layer"), 4, 5, options),
};
const x = {
  dense: input("x", ["batch", 40]),
  conv: input("x", ["batch", 4, 4, 4]),
  convTranspose: input("x", ["batch", 4, 4, 4]),
};
const shapes = { dense: [40, 5], conv: [3, 3, 4, 5], convTranspose: [3, 3, 5, 4] };
const outputOf = {
  dense: (i: number) => i % 5,
  conv: (i: number) => i % 5,
  convTranspose: (i: number) => Math.floor(i / 4) % 5,
};

test.each(Object.keys(layers) as (keyof typeof layers)[])("%s with the weight g·v/‖v‖", async (name) => {
  const { root, specs } = parameterTree();
  const layer = layers[name](weightNormalized(root, name === "convTranspose" ? 2 : -1));
  expect(specs.map(({ path, shape, role }) => [path, shape, role])).toEqual([
    ["layer.weight.direction", shapes[name], "trained"],
    ["layer.weight.length", [5], "trained"],
    ["layer.bias", [5], "trained"],
  ]);
  const values: Record<string, ArrayLike<number>> = started(specs);
  const direction = Array.from(values["layer.weight.direction"]!);
  const norms = [0, 1, 2, 3, 4].map((output) =>
    Math.hypot(...direction.filter((_, i) => outputOf[name](i) === output)),
  );
  const length = Array.from(values["layer.weight.length"]!);
  for (const [i, norm] of norms.entries()) expect(Math.abs(length[i]! / norm - 1)).toBeLessThan(0.5); // the draws' length

  const plain = parameterTree();
  const reference = layers[name](plain.root);
  values["layer.weight.length"] = [1, -2, 3, 0, 0.5];
  const weight = direction.map(
    (v, i) => (v * values["layer.weight.length"]![outputOf[name](i)]!) / norms[outputOf[name](i)]!,
  );
  const given = {
    x: Array.from({ length: name === "dense" ? 80 : 128 }, (_, i) => Math.sin(i)),
    "layer.bias": [1, 2, 3, 4, 5],
  };
  const { y } = await evaluate({ y: layer(x[name]) }, { ...values, ...given });
  const { expected } = await evaluate({ expected: reference(x[name]) }, { "layer.weight": weight, ...given });
  expect(furthest(y!, expected!)).toBeLessThan(1e-12);
});

test("the gradient of a direction is at right angles to it (Salimans & Kingma 2016, section 2.1)", async () => {
  const { root, specs } = parameterTree();
  const y = layers.dense(weightNormalized(root))(x.dense);
  const [direction] = specs.map(({ tensor }) => tensor);
  const [gradient] = grad(sum(mul(y, input("w", y.shape))), [direction!]);
  const values = started(specs);
  const feeds = { ...values, x: Array.from({ length: 40 }, (_, i) => Math.cos(i)), w: [1, -2, 3, 0.5, 2] };
  const { g } = await evaluate({ g: gradient! }, feeds);
  const dots = [0, 1, 2, 3, 4].map((output) =>
    g!.reduce((total, value, i) => total + (i % 5 === output ? value * values["layer.weight.direction"]![i]! : 0), 0),
  );
  expect(Math.max(...dots.map(Math.abs))).toBeLessThan(1e-12);
  expect(Math.max(...g!.map(Math.abs))).toBeGreaterThan(0.1);
});

test.each([
  [{ kind: "normal", standardDeviation: 0.5 }, 0.5],
  [{ kind: "uniform", limit: 3 }, Math.sqrt(3)],
  [{ kind: "constant", value: -2 }, 2],
] as const)("lengths start where weights of %o would have them", (initializer, root) => {
  const tree = parameterTree();
  weightNormalized(tree.root).parameter("weight", [6, 4], initializer);
  const { values } = tree.specs[1]!.initializer as { values: Float32Array };
  expect(furthest(values, Array(4).fill(root * Math.sqrt(6)))).toBeLessThan(1e-6);
});

test("values given in full are the weight at the start", async () => {
  const { root, specs } = parameterTree();
  const given = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i + 1));
  const weight = weightNormalized(root, 1).parameter("weight", [2, 3, 4], { kind: "values", values: given });
  const { w } = await evaluate({ w: weight }, started(specs));
  expect(furthest(w!, given)).toBeLessThan(1e-6);
});

test("a weight without the axis, or that starts at 0, is refused", () => {
  const { root, specs } = parameterTree();
  const scope = weightNormalized(root.at("a"), 2);
  expect(() => dense(scope, 3, 4, { initialization: "he" })).toThrow(
    new UsageError("weightNormalized: a.weight.direction (3,4) has no axis 2"),
  );
  const zero = () => weightNormalized(root).parameter("weight", [3, 4], { kind: "constant", value: 0 });
  expect(zero).toThrow(
    new UsageError("weightNormalized: weight.direction starts at 0, which has no direction; choose another start"),
  );
  expect(specs).toEqual([]);
});
