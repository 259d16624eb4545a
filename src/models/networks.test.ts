import { describe, expect, test } from "vitest";
import { evaluate } from "../../test/numeric.ts";
import { activations as activationNames, initializations as initializationNames } from "../config.parts.ts";
import { type PartialConfig, parseConfig } from "../config.ts";
import { normal } from "../distributions/normal.ts";
import { UsageError } from "../errors.ts";
import { reshape } from "../graph/ops/structure.ts";
import { sizeAt } from "../graph/shape.ts";
import { constant, input } from "../graph/tensor.ts";
import { activations, dense, initializations } from "../nn/dense.ts";
import { completeModel, networkText } from "./networks.ts";
import { registerLikelihood } from "./registry.ts";
import { buildVae } from "./vae.ts";

const modelOf = (model: PartialConfig["model"]) => parseConfig({ model }, "test").model;
const halving = (...channels: number[]) => channels.map((c) => ({ channels: c, kernel: 4, stride: 2 }));
const countOf = (model: PartialConfig["model"], event: readonly number[]) =>
  buildVae(modelOf(model), event).parameters.reduce((total, { shape }) => total + sizeAt(shape, 1), 0);

test("the names of the config are the names of the code", () => {
  expect(Object.keys(activations).sort()).toEqual(Object.keys(activationNames).sort());
  expect(Object.keys(initializations).sort()).toEqual(Object.keys(initializationNames).sort());
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
});
