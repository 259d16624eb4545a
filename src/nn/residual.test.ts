import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluate, furthest } from "../../test/numeric.ts";
import { topologicalOrder } from "../graph/grad.ts";
import { relu } from "../graph/ops/activation.ts";
import { add } from "../graph/ops/arithmetic.ts";
import { conv2d, convTranspose2d } from "../graph/ops/convolution.ts";
import { linear } from "../graph/ops/linear.ts";
import { averagePool2d } from "../graph/ops/pooling.ts";
import { upsampleNearest } from "../graph/ops/resize.ts";
import { reshape, reshapeOperator, transpose } from "../graph/ops/structure.ts";
import { sizeAt } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { initializeParameters } from "../train/initialize.ts";
import { layoutOf, viewOf } from "../train/layout.ts";
import { parameterTree, type Scope } from "./parameters.ts";
import { type ResidualOptions, residualDecoder, residualEncoder } from "./residual.ts";

const plain: ResidualOptions = {
  channels: [2, 3],
  blocks: [1, 1],
  bottleneck: false,
  normalization: "none",
  sampling: "strided",
  hidden: [4],
  activation: "relu",
  initialization: "he",
};
const refuse = (most: number) => new RangeError(`at most ${most}`);

function declared<T>(declare: (root: Scope) => T) {
  const { root, specs } = parameterTree();
  const made = declare(root);
  const at = (path: string): Tensor => specs.find((spec) => spec.path === path)!.tensor;
  const numbers = Object.fromEntries(
    specs.map(({ path, shape }) => [path, Float64Array.from({ length: sizeAt(shape, 1) }, (_, i) => Math.sin(i + 1))]),
  );
  return { made, at, numbers, specs };
}
const values = (length: number) => Float64Array.from({ length }, (_, i) => Math.cos(3 * i));

/** A block without normalization, of the parameters at a path. */
function blockOf(x: Tensor, at: (path: string) => Tensor, path: string, changes: boolean): Tensor {
  const convolved = (y: Tensor, name: string) =>
    conv2d(y, at(`${path}.${name}.weight`), { padding: "same", bias: at(`${path}.${name}.bias`) });
  const branch = convolved(relu(convolved(relu(x), "first")), "second");
  return add(changes ? conv2d(x, at(`${path}.skip.weight`)) : x, branch);
}

test.each(["strided", "pooled"] as const)(
  "an encoder is a stem, blocks, and half the size between levels (%s)",
  async (sampling) => {
    const { made, at, numbers } = declared((root) => residualEncoder(root, [7, 5], { ...plain, sampling }, refuse));
    const x = input("x", ["batch", 7, 5]);
    const stem = conv2d(reshape(x, ["batch", 7, 5, 1]), at("stem.weight"), { padding: "same", bias: at("stem.bias") });
    const first = blockOf(stem, at, "levels.0.blocks.0", false);
    const half =
      sampling === "pooled"
        ? averagePool2d(first, 2, { padding: "same" })
        : conv2d(first, at("levels.1.down.weight"), { stride: 2, padding: "same", bias: at("levels.1.down.bias") });
    const second = blockOf(half, at, "levels.1.blocks.0", true); // (batch, 4, 3, 3)
    const flat = reshape(relu(second), ["batch", 36]);
    const expected = relu(linear(flat, transpose(at("hidden.0.weight")), at("hidden.0.bias")));
    const y = made.apply(x);
    expect([made.features, y.shape]).toEqual([4, ["batch", 4]]);
    const result = await evaluate({ y, expected }, { x: values(70), ...numbers });
    expect(furthest(result.y!, result.expected!)).toBeLessThan(1e-12);
  },
);

test("a decoder is the mirror, through the very same sizes", async () => {
  const { made, at, numbers, specs } = declared((root) => {
    const network = residualDecoder(root, 2, [6, 8, 3], { ...plain, channels: [3, 2], sampling: "pooled" }, refuse);
    return { network, head: network.head(root.at("mean")) };
  });
  const z = input("z", ["batch", 2]);
  const h = relu(linear(z, transpose(at("hidden.0.weight")), at("hidden.0.bias")));
  const map = reshape(linear(h, at("map.weight"), at("map.bias")), ["batch", 3, 4, 3]);
  const larger = upsampleNearest(blockOf(map, at, "levels.0.blocks.0", true), 2); // (batch, 6, 8, 2)
  const last = relu(blockOf(larger, at, "levels.1.blocks.0", false));
  const image = conv2d(last, at("mean.weight"), { padding: "same" });
  const expected = add(image, reshape(at("mean.bias"), [6, 8, 3]));
  const y = made.head(made.network.apply(z), ["batch", 6, 8, 3]);
  const result = await evaluate({ y, expected }, { z: values(4), ...numbers });
  expect(furthest(result.y!, result.expected!)).toBeLessThan(1e-12);
  expect(specs.some(({ path }) => path.includes(".up."))).toBe(false);
});

test("a strided decoder undoes the encoder's windows: its `up` is the transpose of the encoder's `down`", async () => {
  const options = { ...plain, channels: [2, 2], hidden: [] };
  const { made, at, numbers } = declared((root) => ({
    encoder: residualEncoder(root.at("e"), [7, 5], options, refuse),
    decoder: residualDecoder(root.at("d"), 2, [7, 5], options, refuse),
  }));
  // With branches and the first convolution out of the way, what is left is the map through `up`.
  const silent = Object.fromEntries(
    Object.entries(numbers).map(([path, x]) => [path, /blocks|map\.bias|up\.bias/.test(path) ? x.map(() => 0) : x]),
  );
  const z = input("z", ["batch", 2]);
  const map = reshape(linear(z, at("d.map.weight"), at("d.map.bias")), ["batch", 4, 3, 2]);
  const x = input("image", ["batch", 7, 5, 2]);
  const seen = conv2d(x, at("d.levels.0.up.weight"), { stride: 2, padding: "same" }); // as `down` sees an image
  const up = convTranspose2d(map, at("d.levels.0.up.weight"), {
    stride: 2,
    padding: [
      [1, 2],
      [1, 2],
    ],
  });
  const feeds = { z: values(2), image: values(70), ...silent };
  const result = await evaluate(
    { y: made.decoder.apply(z), up: reshape(relu(up), ["batch", 70]), map, seen, lifted: up },
    feeds,
  );
  expect(furthest(result.y!, result.up!)).toBeLessThan(1e-12);
  const product = (a: readonly number[], b: ArrayLike<number>) => a.reduce((sum, n, i) => sum + n * b[i]!, 0);
  expect(product(result.lifted!, feeds.image)).toBeCloseTo(product(result.seen!, result.map!), 9); // ⟨Aᵀm, x⟩ = ⟨m, Ax⟩
});

const options = fc.record({
  bottleneck: fc.boolean(),
  normalization: fc.constantFrom("group", "layer", "weight", "none"),
  sampling: fc.constantFrom("strided", "pooled"),
  levels: fc.array(fc.record({ channels: fc.integer({ min: 1, max: 9 }), blocks: fc.integer({ min: 1, max: 2 }) }), {
    minLength: 1,
    maxLength: 4,
  }),
} as const);

test("whatever the sizes, a decoder gives exactly the event, from the map at which the encoder ends", () => {
  const side = fc.integer({ min: 1, max: 21 });
  let built = 0;
  fc.assert(
    fc.property(side, side, fc.constantFrom(undefined, 1, 3), options, (height, width, c, { levels, ...rest }) => {
      const event = c === undefined ? [height, width] : [height, width, c];
      const [channels, blocks] = [levels.map((level) => level.channels), levels.map((level) => level.blocks)];
      const { root, specs } = parameterTree();
      const build = () => {
        const given = { ...plain, ...rest, hidden: [] };
        const encoder = residualEncoder(root.at("encoder"), event, { ...given, channels, blocks }, refuse);
        expect(encoder.apply(input("x", ["batch", ...event])).shape).toEqual(["batch", encoder.features]);
        const mirror = { ...given, channels: channels.toReversed(), blocks: blocks.toReversed() };
        const decoder = residualDecoder(root.at("decoder"), 2, event, mirror, refuse);
        const y = decoder.head(root.at("mean"))(decoder.apply(input("z", ["3*batch", 2])), [3, "batch", ...event]);
        expect(y.shape).toEqual([3, "batch", ...event]);
        expect(specs.find(({ path }) => path === "decoder.map.bias")!.shape).toEqual([encoder.features]);
      };
      const possible = 1 + Math.ceil(Math.log2(Math.min(height, width))); // until a side is 1
      if (levels.length > possible) {
        expect(build).toThrow(new RangeError(`at most ${possible}`));
        return;
      }
      build();
      built++;
    }),
    { numRuns: 60 },
  );
  expect(built).toBeGreaterThan(20);
});

test("blocks start near the identity, whatever normalizes them and however many there are", async () => {
  for (const normalization of ["group", "layer", "weight", "none"] as const)
    for (const bottleneck of [false, true]) {
      const { root, specs } = parameterTree();
      const given = { ...plain, normalization, bottleneck, channels: [16], blocks: [8], hidden: [] };
      const network = residualEncoder(root, [6, 6, 3], given, refuse);
      const layout = layoutOf(specs);
      const buffer = new Float32Array(layout.total);
      initializeParameters(buffer, layout, specs, 0);
      const feeds = Object.fromEntries(layout.slots.map((slot) => [slot.path, viewOf(buffer, slot)]));
      const silent = Object.fromEntries(
        Object.entries(feeds).map(([path, x]) => [
          path,
          /second\.weight(\.length)?$/.test(path) ? Float64Array.from(x, () => 0) : x,
        ]),
      );
      const y = network.apply(input("x", ["batch", 6, 6, 3]));
      const x = values(2 * 108);
      const [own, identity] = [await evaluate({ y }, { x, ...feeds }), await evaluate({ y }, { x, ...silent })];
      const size = (values: readonly number[]) => Math.hypot(...values);
      const apart = size(own.y!.map((value, i) => value - identity.y![i]!)) / size(identity.y!);
      expect(apart, `${normalization} ${bottleneck}`).toBeGreaterThan(0.02);
      expect(apart, `${normalization} ${bottleneck}`).toBeLessThan(0.6);
    }
});

test("groups are of 4 channels or more, and divide them", () => {
  const normalized = (channels: number, normalization: "group" | "layer") => {
    const given = { ...plain, channels: [channels], blocks: [1], normalization };
    return residualEncoder(parameterTree().root, [4, 4], given, refuse).apply(input("x", ["batch", 4, 4]));
  };
  // The graph says how many: a group's mean is taken of (batch, groups, own channels).
  const groupsIn = (y: Tensor): number[] =>
    topologicalOrder([y])
      .filter(
        ({ operator, inputs, shape }) =>
          operator === reshapeOperator && shape.length === 3 && shape[0] === "batch" && inputs[0]!.shape.length === 2,
      )
      .map(({ shape }) => shape[1] as number);
  for (const [channels, groups] of [
    [3, 1],
    [6, 1],
    [8, 2],
    [12, 3],
    [20, 5],
    [64, 16],
  ] as const) {
    expect(new Set(groupsIn(normalized(channels, "group"))), `${channels}`).toEqual(new Set([groups]));
    expect(new Set(groupsIn(normalized(channels, "layer"))), `${channels}`).toEqual(new Set([1]));
  }
});
