import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate, furthest } from "../../test/numeric.ts";
import { relu } from "../graph/ops/activation.ts";
import { add, mul } from "../graph/ops/arithmetic.ts";
import { conv1d, conv2d, convTranspose2d } from "../graph/ops/convolution.ts";
import { sigmoid } from "../graph/ops/functions.ts";
import { slice } from "../graph/ops/join.ts";
import { linear } from "../graph/ops/linear.ts";
import { reshape, transpose } from "../graph/ops/structure.ts";
import { sizeAt } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { type ConvLayer, convDecoder, convEncoder } from "./convolutional.ts";
import { type DecoderNetwork, denseDecoder, denseEncoder } from "./networks.ts";
import { parameterTree, type Scope } from "./parameters.ts";

const options = { hidden: [3], activation: "relu", initialization: "he" } as const;
const layers: readonly ConvLayer[] = [
  { channels: 2, kernel: 4, stride: 2, padding: "same" },
  { channels: 3, kernel: [3, 2], stride: [2, 1], padding: 1 },
];
const refuse = (layer: number, key: string, problem: string) => new RangeError(`${layer} ${key}: ${problem}`);

/** What `declare` declares, as tensors by path, and numbers for them. */
function declared<T>(declare: (root: Scope) => T) {
  const { root, specs } = parameterTree();
  const made = declare(root);
  const at = (path: string): Tensor => specs.find((spec) => spec.path === path)!.tensor;
  const numbers = Object.fromEntries(
    specs.map(({ path, shape }) => [path, Float64Array.from({ length: sizeAt(shape, 1) }, (_, i) => Math.sin(i + 1))]),
  );
  const shapes = Object.fromEntries(specs.map(({ path, shape }) => [path, shape]));
  return { made, at, numbers, shapes };
}

const values = (length: number) => Float64Array.from({ length }, (_, i) => Math.cos(3 * i));

test("a convolutional encoder is its convolutions and dense layers, each followed by the activation", async () => {
  const { made, at, numbers, shapes } = declared((root) => convEncoder(root, [7, 5], { layers, ...options }, refuse));
  expect(shapes).toEqual({
    "layers.0.weight": [4, 4, 1, 2],
    "layers.0.bias": [2],
    "layers.1.weight": [3, 2, 2, 3],
    "layers.1.bias": [3],
    "hidden.0.weight": [3, 2 * 4 * 3],
    "hidden.0.bias": [3],
  });
  const x = input("x", ["batch", 7, 5]);
  // 7 and 5 are halved to 4 and 3: one zero before, and two after
  const sides = [
    [1, 2],
    [1, 2],
  ] as const;
  const first = conv2d(reshape(x, ["batch", 7, 5, 1]), at("layers.0.weight"), {
    stride: 2,
    padding: sides,
    bias: at("layers.0.bias"),
  });
  const second = conv2d(relu(first), at("layers.1.weight"), {
    stride: [2, 1],
    padding: 1,
    bias: at("layers.1.bias"),
  });
  const flat = reshape(relu(second), ["batch", 24]);
  const expected = relu(linear(flat, transpose(at("hidden.0.weight")), at("hidden.0.bias")));
  const y = made.apply(x);
  expect([made.features, y.shape]).toEqual([3, ["batch", 3]]);
  const result = await evaluate({ y, expected }, { x: values(70), ...numbers });
  expect(furthest(result.y!, result.expected!)).toBe(0);
});

test("a convolutional decoder is dense layers, the map and transposed convolutions, and a bias for each pixel", async () => {
  const mirrored = layers.toReversed();
  const { made, at, numbers, shapes } = declared((root) => {
    const network = convDecoder(root, 2, [7, 5, 3], { layers: mirrored, ...options }, refuse);
    return { network, head: network.head(root.at("mean")) };
  });
  expect(shapes).toEqual({
    "hidden.0.weight": [3, 2],
    "hidden.0.bias": [3],
    "map.weight": [3, 2 * 4 * 3],
    "map.bias": [24],
    "layers.0.weight": [3, 2, 2, 3],
    "layers.0.bias": [2],
    "mean.weight": [4, 4, 3, 2],
    "mean.bias": [105],
  });
  const z = input("z", ["batch", 2]);
  const h = relu(linear(z, transpose(at("hidden.0.weight")), at("hidden.0.bias")));
  const map = relu(linear(h, at("map.weight"), at("map.bias")));
  const up = convTranspose2d(reshape(map, ["batch", 2, 4, 3]), at("layers.0.weight"), {
    stride: [2, 1],
    padding: 1,
    outputPadding: [1, 0],
    bias: at("layers.0.bias"),
  });
  const image = convTranspose2d(relu(up), at("mean.weight"), {
    stride: 2,
    padding: [
      [1, 2],
      [1, 2],
    ],
  });
  const expected = add(image, reshape(at("mean.bias"), [7, 5, 3]));
  const y = made.head(made.network.apply(z), ["batch", 7, 5, 3]);
  const result = await evaluate({ y, expected }, { z: values(4), ...numbers });
  expect(furthest(result.y!, result.expected!)).toBeLessThan(1e-12);
});

test("a gate is a half of the features times the sigmoid of the other, of every layer but the last", async () => {
  const gated = { ...options, activation: "gate" } as const;
  const { made, at, numbers, shapes } = declared((root) => {
    const encoder = convEncoder(root.at("e"), [7, 5], { layers, ...gated }, refuse);
    const decoder = convDecoder(root.at("d"), 2, [7, 5], { layers: layers.toReversed(), ...gated }, refuse);
    return { encoder, decoder, head: decoder.head(root.at("d.mean")) };
  });
  expect(shapes).toMatchObject({
    "e.layers.0.weight": [4, 4, 1, 2 * 2],
    "e.layers.1.weight": [3, 2, 2, 2 * 3],
    "e.hidden.0.weight": [2 * 3, 24],
    "d.hidden.0.weight": [2 * 3, 2],
    "d.map.weight": [3, 2 * 24],
    "d.layers.0.weight": [3, 2, 2 * 2, 3],
    "d.mean.weight": [4, 4, 1, 2],
  });
  const gate = (y: Tensor, axis: number) => {
    const half = (y.shape[axis] as number) / 2;
    return mul(slice(y, axis, 0, half), sigmoid(slice(y, axis, half, 2 * half)));
  };
  const image = reshape(input("x", ["batch", 7, 5]), ["batch", 7, 5, 1]);
  const first = conv2d(image, at("e.layers.0.weight"), { stride: 2, padding: "same", bias: at("e.layers.0.bias") });
  const second = conv2d(gate(first, 3), at("e.layers.1.weight"), {
    stride: [2, 1],
    padding: 1,
    bias: at("e.layers.1.bias"),
  });
  const flat = reshape(gate(second, 3), ["batch", 24]);
  const expected = gate(linear(flat, transpose(at("e.hidden.0.weight")), at("e.hidden.0.bias")), 1);
  const y = made.encoder.apply(input("x", ["batch", 7, 5]));
  expect([made.encoder.features, y.shape]).toEqual([3, ["batch", 3]]);
  const z = input("z", ["batch", 2]);
  const h = gate(linear(z, transpose(at("d.hidden.0.weight")), at("d.hidden.0.bias")), 1);
  const map = reshape(gate(linear(h, at("d.map.weight"), at("d.map.bias")), 1), ["batch", 2, 4, 3]);
  const up = convTranspose2d(map, at("d.layers.0.weight"), {
    stride: [2, 1],
    padding: 1,
    outputPadding: [1, 0],
    bias: at("d.layers.0.bias"),
  });
  const features = made.decoder.apply(z);
  const result = await evaluate(
    { y, expected, features, up: reshape(gate(up, 3), ["batch", 4 * 3 * 2]) },
    { x: values(70), z: values(4), ...numbers },
  );
  expect(furthest(result.y!, result.expected!)).toBeLessThan(1e-12);
  expect(furthest(result.features!, result.up!)).toBeLessThan(1e-12);
  expect(made.head(features, ["batch", 7, 5]).shape).toEqual(["batch", 7, 5]);
});

test.each([[[11]], [[11, 3]]])("series %j go through windows along their length", async (event) => {
  const along: readonly ConvLayer[] = [
    { channels: 2, kernel: 4, stride: 2, padding: "same" },
    { channels: 3, kernel: 3, stride: 1, padding: 1 },
  ];
  const given = { ...options, series: true, hidden: [] };
  const { made, at, numbers, shapes } = declared((root) => {
    const decoder = convDecoder(root.at("d"), 2, event, { ...given, layers: along.toReversed() }, refuse);
    return {
      encoder: convEncoder(root.at("e"), event, { ...given, layers: along }, refuse),
      decoder,
      head: decoder.head(root.at("d.mean")),
    };
  });
  const channels = event[1] ?? 1;
  expect(shapes).toMatchObject({ "e.layers.0.weight": [1, 4, channels, 2], "d.mean.weight": [1, 4, channels, 2] });
  const weight = (path: string) => {
    const tensor = at(path);
    return reshape(tensor, tensor.shape.slice(1));
  };
  const x = input("x", ["batch", ...event]);
  const first = conv1d(reshape(x, ["batch", 11, channels]), weight("e.layers.0.weight"), {
    stride: 2,
    padding: "same",
    bias: at("e.layers.0.bias"),
  });
  const second = conv1d(relu(first), weight("e.layers.1.weight"), { padding: 1, bias: at("e.layers.1.bias") });
  const expected = reshape(relu(second), ["batch", 18]); // 6 places of 3 channels
  const y = made.encoder.apply(x);
  const decoded = made.head(made.decoder.apply(input("z", ["batch", 2])), ["batch", ...event]);
  expect(decoded.shape).toEqual(["batch", ...event]);
  const result = await evaluate({ y, expected }, { x: values(22 * channels), ...numbers });
  expect(furthest(result.y!, result.expected!)).toBeLessThan(1e-12);
});

test("what does not fit a series is said of its length alone", () => {
  const build = (kernel: number, stride: number, padding: "same" | number, length = 5) => {
    const long = [{ channels: 1, kernel, stride, padding }];
    convEncoder(parameterTree().root, [length], { ...options, series: true, layers: long }, refuse);
  };
  expect(() => build(6, 6, "same")).toThrow("0 stride: 6 leaves nothing of a map of 5");
  expect(() => build(11, 2, "same")).toThrow("0 kernel: 11 is more than twice the map of 5");
  expect(() => build(8, 2, 1)).toThrow("0 kernel: 8 does not fit the map of 5, padded to 7");
  expect(() => build(2, 2, 0)).toThrow("0 padding: 0 leaves the last pixels of a map of 5 out");
});

describe.each(["dense", "conv"] as const)("a %s head", (kind) => {
  const decoder = (root: Scope): DecoderNetwork =>
    kind === "dense"
      ? denseDecoder(root, 2, [7, 5], options)
      : convDecoder(root, 2, [7, 5], { layers: layers.slice(0, 1), ...options }, refuse);

  test("starts at its bias, one for each number of each element, in the shape that is asked for", async () => {
    const bias = Float32Array.from({ length: 70 }, (_, i) => i / 2);
    const { root, specs } = parameterTree();
    const network = decoder(root);
    const head = network.head(root.at("both"), { values: 2, bias: { kind: "values", values: bias } });
    const z = input("z", [3, "batch", 2]);
    const y = head(network.apply(reshape(z, ["3*batch", 2])), [3, "batch", 7, 5]);
    expect(y.shape).toEqual([3, "batch", 7, 5, 2]);
    expect(specs.find(({ path }) => path === "both.bias")!.initializer).toEqual({ kind: "values", values: bias });
    const zeros = Object.fromEntries(specs.map(({ path, shape }) => [path, new Float64Array(sizeAt(shape, 1))]));
    const result = await evaluate({ y }, { z: values(6), ...zeros, "both.bias": bias });
    expect(result.y).toEqual([...bias, ...bias, ...bias]);
  });

  test("one number for each element adds no axis, and its bias starts at 0", () => {
    const { root, specs } = parameterTree();
    const network = decoder(root);
    const head = network.head(root.at("mean"));
    expect(head(network.apply(input("z", ["batch", 2])), ["batch", 7, 5]).shape).toEqual(["batch", 7, 5]);
    expect(specs.at(-1)).toMatchObject({ path: "mean.bias", shape: [35], initializer: { kind: "constant", value: 0 } });
  });
});

test("a dense encoder takes the flattened example", () => {
  const { made, shapes } = declared((root) => denseEncoder(root, [2, 3, 4], options));
  expect(shapes["hidden.0.weight"]).toEqual([3, 24]);
  expect(made.apply(input("x", ["batch", 2, 3, 4])).shape).toEqual(["batch", 3]);
});

test("whatever the sizes, a decoder gives exactly the event, from the map at which the encoder ends", () => {
  const side = fc.integer({ min: 1, max: 20 });
  const layer = fc
    .record({
      channels: fc.integer({ min: 1, max: 3 }),
      kernel: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
      stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
      padding: fc.oneof(fc.constant("same" as const), fc.integer({ min: 0, max: 3 })),
    })
    .filter(({ kernel, stride }) => kernel.every((k, axis) => k >= stride[axis]!));
  const channels = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined });
  let built = 0;
  fc.assert(
    fc.property(side, side, channels, fc.array(layer, { minLength: 1, maxLength: 3 }), (height, width, c, found) => {
      const event = c === undefined ? [height, width] : [height, width, c];
      const { root, specs } = parameterTree();
      const resultOf = <T>(build: () => T): T | "refused" => {
        try {
          return build();
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          return "refused";
        }
      };
      const encode = () => {
        const network = convEncoder(root.at("encoder"), event, { ...options, hidden: [], layers: found }, refuse);
        expect(network.apply(input("x", ["batch", ...event])).shape).toEqual(["batch", network.features]);
        return network.features;
      };
      const decode = () => {
        const mirror = { ...options, hidden: [], layers: found.toReversed() };
        const network = convDecoder(root.at("decoder"), 2, event, mirror, refuse);
        const y = network.head(root.at("mean"))(network.apply(input("z", ["batch", 2])), ["batch", ...event]);
        expect(y.shape).toEqual(["batch", ...event]);
        return specs.find(({ path }) => path === "decoder.map.bias")!.shape[0]!;
      };
      const features = resultOf(encode);
      expect(resultOf(decode)).toBe(features);
      if (features !== "refused") built++;
    }),
    { numRuns: 200 },
  );
  expect(built).toBeGreaterThan(20);
});

test("before a gate, glorot counts the outputs that pass, in dense layers as in convolutions", () => {
  const limitsOf = (activation: "relu" | "gate") => {
    const { root, specs } = parameterTree();
    const own = { layers, hidden: [3], activation, initialization: "glorot" } as const;
    convEncoder(root.at("e"), [7, 5], own, refuse);
    convDecoder(root.at("d"), 2, [7, 5], { ...own, layers: layers.toReversed() }, refuse);
    return Object.fromEntries(
      specs.flatMap(({ path, initializer }) => (initializer.kind === "uniform" ? [[path, initializer.limit]] : [])),
    );
  };
  const gated = limitsOf("gate");
  expect(gated).toEqual(limitsOf("relu"));
  expect(gated["e.hidden.0.weight"]).toBe(Math.sqrt(6 / (24 + 3)));
  expect(gated["d.map.weight"]).toBe(Math.sqrt(6 / (3 + 24)));
  expect(Object.keys(gated)).toHaveLength(6);
});
