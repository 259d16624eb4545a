import { beforeAll, describe, expect, test } from "vitest";
import { evaluate } from "../../test/numeric.ts";
import type { Conv1dConfig } from "../config.networks.ts";
import { activations as activationNames, initializations as initializationNames } from "../config.parts.ts";
import { type PartialConfig, parseConfig } from "../config.ts";
import { normal } from "../distributions/normal.ts";
import { UsageError } from "../errors.ts";
import { reshape } from "../graph/ops/structure.ts";
import { sizeAt } from "../graph/shape.ts";
import { constant, input } from "../graph/tensor.ts";
import { activations, dense, initializations } from "../nn/dense.ts";
import { completeModel, loadNetworks, networkText } from "./networks.ts";
import { registerLikelihood } from "./registry.ts";
import { buildVae } from "./vae.ts";

beforeAll(() => loadNetworks(["conv"]));

const modelOf = (model: PartialConfig["model"]) => parseConfig({ model }, "test").model;
const halving = (...channels: number[]) => channels.map((c) => ({ channels: c, kernel: 4, stride: 2 }));
const countOf = (model: PartialConfig["model"], event: readonly number[]) =>
  buildVae(modelOf(model), event).parameters.reduce((total, { shape }) => total + sizeAt(shape, 1), 0);

test("the names of the config are the names of the code", () => {
  expect(Object.keys(activations).sort()).toEqual([...activationNames].sort());
  expect(Object.keys(initializations).sort()).toEqual([...initializationNames].sort());
});

test("a convolutional VAE of 28×28: 32 and 64 channels, dense 256, 20 latents, mirrored", () => {
  const both = 4 * 4 * 32 * 64; // the weight between the 32 and the 64 channels, in each network
  const flat = 7 * 7 * 64;
  const encoder = 4 * 4 * 32 + 32 + both + 64 + flat * 256 + 256 + 256 * 40 + 40;
  const decoder = 20 * 256 + 256 + 256 * flat + flat + both + 32 + 4 * 4 * 32 + 784;
  const layers = halving(32, 64);
  expect(countOf({ latent: 20, encoder: { kind: "conv", layers, hidden: [256] } }, [28, 28])).toBe(encoder + decoder);
  // which is also what suits the event
  expect(countOf({ encoder: { kind: "conv" } }, [28, 28])).toBe(encoder + decoder);
});

test("the networks of Burgess et al. (2018): four layers of 32 channels, two dense of 256, 10 latents, mirrored", () => {
  const deep = 4 * 4 * 32 * 32 + 32;
  const encoder = 4 * 4 * 3 * 32 + 32 + 3 * deep + (512 * 256 + 256) + (256 * 256 + 256) + (256 * 20 + 20);
  const decoder = 10 * 256 + 256 + (256 * 256 + 256) + (256 * 512 + 512) + 3 * deep + 4 * 4 * 32 * 3 + 64 * 64 * 3;
  const layers = halving(32, 32, 32, 32);
  const burgess = { kind: "conv" as const, layers, hidden: [256, 256] };
  expect(countOf({ latent: 10, encoder: burgess }, [64, 64, 3])).toBe(encoder + decoder);
});

test.each<[readonly number[], readonly number[]]>([
  [
    [28, 28],
    [32, 64],
  ],
  [
    [64, 64, 3],
    [32, 64, 64, 64],
  ],
  [
    [15, 40],
    [32, 64],
  ],
  [[8, 8, 3], [32]],
  [[5, 4], [32]],
])("a config without layers gets those that suit examples of %j", (event, channels) => {
  const model = modelOf({ encoder: { kind: "conv" } });
  const complete = completeModel(model, event);
  const layers = halving(...channels).map((layer) => ({ ...layer, padding: "same" }));
  expect(complete).toEqual({
    ...model,
    encoder: { ...model.encoder, layers },
    decoder: { ...model.decoder, layers: layers.toReversed() },
  });
  const parameters = (of: typeof model) => buildVae(of, event).parameters.map(({ path, shape }) => [path, shape]);
  expect(parameters(model)).toEqual(parameters(complete));
  expect(completeModel(complete, event)).toEqual(complete);
});

test.each<[readonly number[], readonly number[]]>([
  [
    [28, 28],
    [16, 32, 64],
  ],
  [
    [64, 64, 3],
    [16, 32, 64, 64, 64],
  ],
  [
    [15, 40],
    [16, 32, 64],
  ],
  [[5, 4], [16]],
])("a residual network without channels gets levels that suit examples of %j", (event, channels) => {
  const model = modelOf({ encoder: { kind: "residual" } });
  const complete = completeModel(model, event);
  expect(complete).toEqual({
    ...model,
    encoder: { ...model.encoder, channels },
    decoder: { ...model.decoder, channels: channels.toReversed() },
  });
  const parameters = (of: typeof model) => buildVae(of, event).parameters.map(({ path, shape }) => [path, shape]);
  expect(parameters(model)).toEqual(parameters(complete));
});

test("convolutions along a series that the config leaves out suit its length", () => {
  const model = modelOf({ encoder: { kind: "conv1d" } });
  for (const event of [[100], [100, 3]]) {
    const { encoder, decoder } = completeModel(model, event) as { encoder: Conv1dConfig; decoder: Conv1dConfig };
    expect(encoder.layers).toEqual(halving(32, 64, 64, 64).map((layer) => ({ ...layer, padding: "same" })));
    expect(decoder.layers).toEqual(encoder.layers?.toReversed());
    const shapes = new Map(buildVae(model, event).parameters.map(({ path, shape }) => [path, shape]));
    expect(shapes.get("encoder.layers.0.weight")).toEqual([1, 4, event[1] ?? 1, 32]);
    expect(shapes.get("encoder.hidden.0.weight")).toEqual([256, 7 * 64]); // 100 → 50 → 25 → 13 → 7
  }
});

test("a residual VAE of 8×8: what its levels are made of", () => {
  const both = (c: number) => 2 * (9 * c * c + c) + 4 * c; // a block with two normalizations
  const up = 9 * 4 * 8 + 8 + (9 * 8 * 8 + 8) + 2 * 4 + 2 * 8 + 4 * 8; // from 4 channels to 8: its own and the skip
  const down = 9 * 8 * 4 + 4 + (9 * 4 * 4 + 4) + 2 * 8 + 2 * 4 + 4 * 8;
  const sampled = 4 * 4 * 4 * 4 + 4;
  const encoder = 9 * 4 + 4 + both(4) + sampled + up + both(8) + 2 * 8 + (4 * 4 * 8 * 5 + 5) + (5 * 4 + 4);
  const decoder = 2 * 5 + 5 + (5 * 128 + 128) + both(8) + down + sampled + both(4) + 2 * 4 + (9 * 4 + 64);
  const residual = { kind: "residual", channels: [4, 8], blocks: [1, 2], hidden: [5] } as const;
  const given = { ...residual, channels: [...residual.channels], blocks: [...residual.blocks], hidden: [5] };
  expect(countOf({ latent: 2, encoder: given }, [8, 8])).toBe(encoder + decoder);
});

test("what the config gives is left as it is", () => {
  const model = modelOf({ encoder: { kind: "conv", layers: halving(3) }, decoder: { kind: "mlp" } });
  expect(completeModel(model, [9, 9])).toEqual(model);
  const mlp = modelOf({});
  expect(completeModel(mlp, [9])).toEqual(mlp);
});

test.each<[string, PartialConfig["model"], readonly number[], string]>([
  [
    "examples that are no images",
    { encoder: { kind: "conv" } },
    [10],
    'model.encoder.kind: "conv" takes images, (height, width) or (height, width, channels); the examples have shape (10,); take "mlp"',
  ],
  [
    "the same in the decoder",
    { decoder: { kind: "conv" } },
    [2, 3, 4, 5],
    'model.decoder.kind: "conv" takes images, (height, width) or (height, width, channels); the examples have shape (2, 3, 4, 5); take "mlp"',
  ],
  [
    "a residual network of a table",
    { encoder: { kind: "residual" } },
    [10],
    'model.encoder.kind: "residual" takes images, (height, width) or (height, width, channels); the examples have shape (10,); take "mlp"',
  ],
  [
    "images as series",
    { encoder: { kind: "conv1d" } },
    [8, 8, 3],
    'model.encoder.kind: "conv1d" takes series, (length) or (length, channels); the examples have shape (8, 8, 3); take "conv" for images, or "mlp"',
  ],
  [
    "more levels than can be halved",
    { decoder: { kind: "residual", channels: [2, 2, 2, 2, 2] } },
    [5, 9],
    "model.decoder.channels: an image of 5×9 can be halved until a side is 1 pixel, which gives 4 levels; take at most as many channels",
  ],
  [
    "windows that a series has no room for",
    { encoder: { kind: "conv1d", layers: [{ channels: 2, kernel: 11 }] } },
    [5],
    "model.encoder.layers.0.kernel: 11 is more than twice the map of 5 and would see mostly zeros; take a smaller kernel or fewer layers",
  ],
  [
    "a stride that leaves nothing",
    { encoder: { kind: "conv", layers: halving(2, 2, 2, 2) } },
    [5, 9],
    "model.encoder.layers.3.stride: 2×2 leaves nothing of a map of 1×2; take a smaller stride or fewer layers",
  ],
  [
    "a kernel larger than the padded map",
    { encoder: { kind: "conv", layers: [{ channels: 2, kernel: [3, 7], stride: 2, padding: [0, 1] }] } },
    [4, 4],
    "model.encoder.layers.0.kernel: 3×7 does not fit the map of 4×4, padded to 4×6; take a smaller kernel or fewer layers",
  ],
  [
    "a kernel that would see zeros for the most part",
    { encoder: { kind: "conv", layers: [{ channels: 2, kernel: 9, stride: 1 }] } },
    [4, 5],
    "model.encoder.layers.0.kernel: 9×9 is more than twice the map of 4×5 and would see mostly zeros; take a smaller kernel or fewer layers",
  ],
  [
    "pixels that no window reaches",
    { encoder: { kind: "conv", layers: [{ channels: 2, kernel: 2, stride: 2, padding: 0 }] } },
    [4, 5],
    'model.encoder.layers.0.padding: 0×0 leaves the last pixels of a map of 4×5 out; take another kernel or stride, or "same"',
  ],
  [
    "a layer of the decoder, by its own number",
    { decoder: { kind: "conv", layers: [{ channels: 2, kernel: 9, stride: 2 }, ...halving(2)] } },
    [6, 6],
    "model.decoder.layers.0.kernel: 9×9 is more than twice the map of 3×3",
  ],
])("%s: refused with the reason and the key", (_, model, event, message) => {
  const build = () => buildVae(modelOf(model), event);
  expect(build).toThrow(UsageError);
  expect(build).toThrow(message);
});

describe("a likelihood of the user's own", () => {
  const fixed = constant(0);
  // as before there were other decoders: a dense layer of the features
  registerLikelihood("of features", {
    support: "real",
    measure: "density",
    build({ scope, features, event }) {
      const mean = dense(scope.at("own"), features, sizeAt(event, 1), { initialization: "glorot" });
      return (h, shape) => normal(reshape(mean(h), shape), fixed);
    },
  });
  registerLikelihood("of a head", {
    support: "real",
    measure: "density",
    build({ scope, head, statistics }) {
      const mean = head(scope.at("own"), statistics ? { bias: { kind: "values", values: statistics.mean } } : {});
      return (h, shape) => normal(mean(h, shape), fixed);
    },
  });

  test.each([
    ["of features", "mlp", [12, 35]],
    ["of features", "conv", [4 * 3 * 2, 35]],
    ["of a head", "mlp", [12, 35]],
    ["of a head", "conv", [4, 4, 1, 2]],
  ] as const)("%s goes with a decoder %s", async (likelihood, kind, weight) => {
    const decoder = kind === "conv" ? { kind, layers: halving(2), hidden: [12] } : { kind, hidden: [12] };
    const mean = Float32Array.from({ length: 35 }, (_, i) => i);
    const model = modelOf({ latent: 2, decoder, likelihood: { kind: likelihood } });
    const vae = buildVae(model, [7, 5], { mean, variance: 1 });
    const specs = new Map(vae.parameters.map((spec) => [spec.path, spec]));
    expect(specs.get("decoder.own.weight")!.shape).toEqual(weight);
    const p = vae.decode(input("z", [3, "batch", 2]));
    expect(p.mean.shape).toEqual([3, "batch", 7, 5]);
    const feeds = Object.fromEntries(
      vae.parameters.map(({ path, shape }) => [path, new Float32Array(sizeAt(shape, 1))]),
    );
    if (likelihood === "of a head") feeds["decoder.own.bias"] = mean;
    const result = await evaluate({ mean: p.mean }, { z: [1, 2, 3, 4, 5, 6], ...feeds }, "float32");
    const expected = likelihood === "of a head" ? [...mean] : Array.from(mean, () => 0);
    expect(result.mean).toEqual([...expected, ...expected, ...expected]);
    const start = specs.get("decoder.own.bias")!.initializer;
    expect(start).toEqual(
      likelihood === "of a head" ? { kind: "values", values: mean } : { kind: "constant", value: 0 },
    );
  });
});

test("a network in a few words", () => {
  const text = (encoder: NonNullable<PartialConfig["model"]>["encoder"]) => networkText(modelOf({ encoder }).encoder);
  expect(text({ hidden: [200, 100], activation: "tanh" })).toBe("200-100 tanh");
  expect(text({ hidden: [] })).toBe("linear relu");
  expect(text({ kind: "conv", layers: halving(32, 64) })).toBe("conv 32 4×4/2, 64 4×4/2, dense 256, relu");
  const wide = [{ channels: 8, kernel: [3, 5] as [number, number], stride: [1, 2] as [number, number] }];
  expect(text({ kind: "conv", layers: wide, hidden: [] })).toBe("conv 8 3×5/1×2, relu");
  const residual = { kind: "residual" as const, channels: [16, 32], hidden: [9] };
  expect(text(residual)).toBe("residual 16-32, 1 block a level, group normalization, strided, dense 9, relu");
  expect(text({ ...residual, blocks: [1, 2], bottleneck: true, normalization: "none", sampling: "pooled" })).toBe(
    "residual 16-32, 1-2 blocks a level, bottleneck, pooled, dense 9, relu",
  );
  expect(text({ kind: "conv1d", layers: halving(8), gated: true })).toBe("conv1d 8 4/2, dense 256, gated");
  expect(text({ gated: true })).toBe("400 gated");
});
