import { describe, expect, test } from "vitest";
import { evaluate, furthest } from "../../test/numeric.ts";
import { UsageError } from "../errors.ts";
import { sum } from "../graph/ops/structure.ts";
import { input } from "../graph/tensor.ts";
import { initializeParameters } from "../train/initialize.ts";
import { layoutOf, viewOf } from "../train/layout.ts";
import { type Activation, activations, dense, type Initialization, initializations, mlp } from "./dense.ts";
import { parameterTree, type Scope } from "./parameters.ts";

/** The parameters that `declare` declares, with their initial values for a seed. */
function initial(declare: (root: Scope) => void, seed = 3): Record<string, Float32Array> {
  const { root, specs } = parameterTree();
  declare(root);
  const layout = layoutOf(specs);
  const buffer = new Float32Array(layout.total);
  initializeParameters(buffer, layout, specs, seed);
  return Object.fromEntries(layout.slots.map((slot) => [slot.path, viewOf(buffer, slot).slice()]));
}

const formulas: Readonly<Record<Activation, (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  tanh: Math.tanh,
  elu: (x) => (x > 0 ? x : Math.exp(x) - 1),
  silu: (x) => x / (1 + Math.exp(-x)),
  softplus: (x) => Math.log(1 + Math.exp(x)),
};

/** (rows, columns) → (columns, rows), flat. */
const swapped = (matrix: Float32Array, columns: number): Float32Array => {
  const rows = matrix.length / columns;
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
};

/** x·W + b by three loops. */
function naive(x: readonly number[], weight: Float32Array, bias: Float32Array): number[] {
  const outputs = bias.length;
  const inputs = weight.length / outputs;
  const y: number[] = [];
  for (let row = 0; row < x.length / inputs; row++)
    for (let j = 0; j < outputs; j++) {
      let total = bias[j]!;
      for (let i = 0; i < inputs; i++) total += x[row * inputs + i]! * weight[i * outputs + j]!;
      y.push(total);
    }
  return y;
}

const x = [0.5, -1, 2, 0, 3, -2];
const rows = input("x", ["batch", 3]);

test("dense is x·W + b", async () => {
  const { root, specs } = parameterTree();
  const layer = dense(root.at("layer"), 3, 2, { initialization: "he" });
  expect(specs.map(({ path, shape, role }) => ({ path, shape, role }))).toEqual([
    { path: "layer.weight", shape: [3, 2], role: "trained" },
    { path: "layer.bias", shape: [2], role: "trained" },
  ]);
  const weight = Float32Array.of(1, 2, 3, 4, 5, 6);
  const bias = Float32Array.of(0.25, -0.5);
  const y = layer(rows);
  expect(y.shape).toEqual(["batch", 2]);
  const result = await evaluate({ y }, { x, "layer.weight": weight, "layer.bias": bias });
  expect(result.y).toEqual(naive(x, weight, bias));
});

describe.each(Object.keys(activations) as Activation[])("%s", (activation) => {
  test("an mlp is its layers, each followed by the activation", async () => {
    const options = { hidden: [4, 5], activation, initialization: "lecun" } as const;
    const { root, specs } = parameterTree();
    const { layer, features } = mlp(root.at("net"), 3, options);
    expect(features).toBe(5);
    const parameters = initial((scope) => mlp(scope.at("net"), 3, options));
    for (const { path, shape } of specs)
      if (path.endsWith("bias")) parameters[path] = Float32Array.from({ length: shape[0]! }, (_, i) => i - 1);
    const expected = [0, 1].reduce(
      (h, i) =>
        naive(
          h,
          swapped(parameters[`net.hidden.${i}.weight`]!, [3, 4, 5][i]!),
          parameters[`net.hidden.${i}.bias`]!,
        ).map(formulas[activation]),
      x,
    );
    const { y } = await evaluate({ y: layer(rows) }, { x, ...parameters });
    expect(furthest(y!, expected)).toBeLessThan(1e-12);
  });
});

test("no two activations give the same", async () => {
  const outputs = Object.fromEntries(
    Object.entries(activations).map(([name, activation]) => [name, sum(activation(rows))]),
  );
  const results = Object.values(await evaluate(outputs, { x })).map(([total]) => total);
  expect(new Set(results).size).toBe(results.length);
});

test("an mlp without hidden layers passes its input on", () => {
  const { root, specs } = parameterTree();
  const { layer, features } = mlp(root, 3, { hidden: [], activation: "relu", initialization: "he" });
  expect([layer(rows), features, specs.length]).toEqual([rows, 3, 0]);
});

const variances: Readonly<Record<Initialization, (inputs: number, outputs: number) => number>> = {
  lecun: (inputs) => 1 / inputs,
  he: (inputs) => 2 / inputs,
  glorot: (inputs, outputs) => 2 / (inputs + outputs),
};

test.each(Object.keys(initializations) as Initialization[])(
  "%s draws weights of its variance, and biases of 0",
  (initialization) => {
    const [inputs, outputs] = [300, 100];
    const { weight, bias } = initial((root) => dense(root, inputs, outputs, { initialization })) as Record<
      "weight" | "bias",
      Float32Array
    >;
    const variance = variances[initialization](inputs, outputs);
    const mean = weight.reduce((a, b) => a + b, 0) / weight.length;
    const spread = weight.reduce((a, b) => a + (b - mean) ** 2, 0) / weight.length;
    // five standard errors, those of a normal; a uniform's are smaller
    expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(variance / weight.length));
    expect(Math.abs(spread / variance - 1)).toBeLessThan(5 * Math.sqrt(2 / weight.length));
    if (initialization === "glorot") expect(Math.max(...weight)).toBeLessThanOrEqual(Math.sqrt(3 * variance));
    expect(bias).toEqual(new Float32Array(outputs));
  },
);

test("initial values given in full are taken as they are", () => {
  const values = Float32Array.of(1, 2, 3);
  const { bias } = initial((root) => dense(root, 2, 3, { initialization: "he", bias: { kind: "values", values } }));
  expect(bias).toEqual(values);
});

test("draws are keyed by path and seed: another layer leaves the others as they were", () => {
  const small = (root: Scope) => void dense(root.at("a"), 3, 4, { initialization: "he" });
  const large = (root: Scope) => {
    dense(root.at("before"), 7, 3, { initialization: "glorot" });
    small(root);
    dense(root.at("b"), 3, 4, { initialization: "he" });
  };
  const [alone, among] = [initial(small), initial(large)];
  expect(among["a.weight"]).toEqual(alone["a.weight"]);
  expect(among["b.weight"]).not.toEqual(alone["a.weight"]);
  expect(initial(small)).toEqual(alone);
  expect(initial(small, 4)["a.weight"]).not.toEqual(alone["a.weight"]);
});

test("a path declared twice is refused, and so are values that do not fill the shape", () => {
  const { root } = parameterTree();
  dense(root.at("layer"), 3, 2, { initialization: "he" });
  expect(() => root.at("layer").parameter("weight", [1], { kind: "constant", value: 0 })).toThrow(
    new UsageError("parameter layer.weight is declared twice; pass its tensor on to share it"),
  );
  expect(() => root.state("mean", [3], { kind: "values", values: Float32Array.of(1) })).toThrow(
    new UsageError("parameter mean: 1 initial values for shape (3)"),
  );
});

test("the flat buffer holds each parameter apart, aligned to 64 bytes, and padding stays 0", () => {
  const { root, specs } = parameterTree();
  dense(root.at("layer"), 3, 7, { initialization: "he" });
  root.state("count", [1], { kind: "constant", value: 5 });
  const layout = layoutOf(specs);
  expect(layout.slots.map(({ offset, length }) => [offset, length])).toEqual([
    [0, 21],
    [32, 7],
    [48, 1],
  ]);
  expect(layout.total).toBe(64);
  const buffer = new Float32Array(layout.total);
  initializeParameters(buffer, layout, specs, 0);
  expect([...buffer.subarray(21, 32), ...buffer.subarray(49)].every((value) => value === 0)).toBe(true);
});
