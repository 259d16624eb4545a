import { expect, test } from "vitest";
import { evaluate, furthest } from "../../test/numeric.ts";
import { UsageError } from "../errors.ts";
import { conv2d, convTranspose2d } from "../graph/ops/convolution.ts";
import { input } from "../graph/tensor.ts";
import { conv, convTranspose } from "./conv.ts";
import { parameterTree } from "./parameters.ts";

const x = input("x", ["batch", 4, 5, 4]);
const window = { stride: [2, 1], padding: "same", dilation: [1, 2], groups: 2 } as const;
const layers = { conv, convTranspose };
const shapes = { conv: [3, 2, 2, 6], convTranspose: [3, 2, 3, 4] };
const numbers = (length: number, scale: number) => Float64Array.from({ length }, (_, i) => Math.sin(i + 1) * scale);

test.each(["conv", "convTranspose"] as const)("%s is its operator of the parameters that it declares", async (name) => {
  const { root, specs } = parameterTree();
  const layer = layers[name](root.at("layer"), 4, 6, { kernel: [3, 2], initialization: "he", ...window });
  expect(specs.map(({ path, shape, role }) => ({ path, shape, role }))).toEqual([
    { path: "layer.weight", shape: shapes[name], role: "trained" },
    { path: "layer.bias", shape: [6], role: "trained" },
  ]);
  const [weight, bias] = specs.map(({ tensor }) => tensor) as [typeof x, typeof x];
  const operator = { conv: conv2d, convTranspose: convTranspose2d }[name];
  const feeds = { x: numbers(160, 1), "layer.weight": numbers(72, 0.3), "layer.bias": numbers(6, 2) };
  const { y, expected } = await evaluate({ y: layer(x), expected: operator(x, weight, { ...window, bias }) }, feeds);
  expect(furthest(y!, expected!)).toBe(0);
  expect(layer(x).shape).toEqual(name === "conv" ? ["batch", 2, 5, 6] : ["batch", 8, 5, 6]);
});

test("without a bias there is none", () => {
  const { root, specs } = parameterTree();
  const options = { kernel: 3, initialization: "he", bias: false } as const;
  conv(root.at("a"), 4, 6, options)(x);
  convTranspose(root.at("b"), 4, 6, options)(x);
  expect(specs.map(({ path, shape }) => [path, shape])).toEqual([
    ["a.weight", [3, 3, 4, 6]],
    ["b.weight", [3, 3, 6, 4]],
  ]);
});

/** The mean number of products in an output, and of outputs that an input is part of, away from the edges. */
test.each([
  ["conv", {}, 9 * 4, 9 * 6],
  ["conv", { stride: 3 }, 9 * 4, 6],
  ["conv", { stride: [1, 3], groups: 2 }, 9 * 2, 3 * 3],
  ["convTranspose", {}, 9 * 4, 9 * 6],
  ["convTranspose", { stride: 3 }, 4, 9 * 6],
  ["convTranspose", { stride: [1, 3], groups: 2 }, 3 * 2, 9 * 3],
] as const)("%s %o starts at the variances of its %d products and %d outputs", (name, options, fanIn, fanOut) => {
  const start = (initialization: "lecun" | "he" | "glorot") => {
    const { root, specs } = parameterTree();
    layers[name](root, 4, 6, { kernel: 3, initialization, ...options });
    return specs[0]!.initializer;
  };
  expect(start("lecun")).toEqual({ kind: "normal", standardDeviation: Math.sqrt(1 / fanIn) });
  expect(start("he")).toEqual({ kind: "normal", standardDeviation: Math.sqrt(2 / fanIn) });
  expect(start("glorot")).toEqual({ kind: "uniform", limit: Math.sqrt(6 / (fanIn + fanOut)) });
});

test("a gain multiplies the initial weights", () => {
  for (const declare of [conv, convTranspose])
    for (const initialization of ["he", "glorot"] as const) {
      const start = (gain: number) => {
        const { root, specs } = parameterTree();
        declare(root, 4, 6, { kernel: 3, initialization, gain });
        const { initializer } = specs[0]!;
        return initializer.kind === "normal" ? initializer.standardDeviation : (initializer as { limit: number }).limit;
      };
      expect(start(0.1)).toBeCloseTo(start(1) / 10, 12);
    }
});

test("options that are not known are refused where the layer is declared, before its parameters are", () => {
  const { root, specs } = parameterTree();
  const options = { kernel: 3, initialization: "he" } as const;
  expect(() => conv(root.at("encoder"), 4, 6, { ...options, strde: 2 } as never)).toThrow(
    new UsageError('conv of encoder.weight: strde: unknown option; did you mean "stride"?'),
  );
  expect(() => conv(root, 4, 6, { ...options, outputPadding: 1 } as never)).toThrow(
    "conv of weight: outputPadding: unknown option; allowed: ",
  );
  expect(() => convTranspose(root, 4, 6, { ...options, outputPaddin: 1 } as never)).toThrow(
    new UsageError('convTranspose of weight: outputPaddin: unknown option; did you mean "outputPadding"?'),
  );
  expect(specs).toEqual([]);
  expect(
    convTranspose(root, 4, 6, { ...options, ...window, stride: 2, padding: 0, outputPadding: 1 })(x).shape,
  ).toEqual(["batch", 10, 14, 6]);
});

test("before a gate, a layer gives twice the outputs and starts as without", () => {
  for (const layer of Object.values(layers)) {
    const made = (gated: boolean) => {
      const { root, specs } = parameterTree();
      const y = layer(root, 4, 6, { kernel: 3, initialization: "glorot", gated })(x);
      return { channels: y.shape[3], bias: specs[1]!.shape, start: specs[0]!.initializer };
    };
    expect(made(true)).toEqual({ ...made(false), channels: 12, bias: [12] });
  }
});
