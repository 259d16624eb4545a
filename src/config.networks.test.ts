import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configJsonSchema } from "./config.json-schema.ts";
import {
  activations,
  initializations,
  likelihoods,
  networks,
  normalizations,
  samplings,
} from "./config.parts.descriptions.ts";
import { networkKeys } from "./config.parts.ts";
import { applySet, parseConfig } from "./config.ts";
import { UsageError } from "./errors.ts";

const modelOf = (encoder: object, decoder: object = {}) => parseConfig({ model: { encoder, decoder } }, "c").model;
const refused = (encoder: unknown, decoder: unknown = {}): string => {
  try {
    parseConfig({ model: { encoder, decoder } }, "c");
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error("expected a UsageError");
};

const halving = (channels: number) => ({ channels, kernel: 4, stride: 2, padding: "same" });

test("a decoder mirrors a convolutional encoder where it says nothing itself", () => {
  const { encoder, decoder } = modelOf({
    kind: "conv",
    layers: [{ channels: 32 }, { channels: 64, kernel: [3, 5], stride: [1, 2], padding: [1, 2] }],
    hidden: [256, 128],
    activation: "elu",
  });
  const second = { channels: 64, kernel: [3, 5], stride: [1, 2], padding: [1, 2] };
  expect(encoder).toEqual({
    kind: "conv",
    layers: [halving(32), second],
    hidden: [256, 128],
    gated: false,
    activation: "elu",
    initialization: "he",
  });
  expect(decoder).toEqual({ ...encoder, layers: [second, halving(32)], hidden: [128, 256] });
});

test("a network of another kind mirrors what it has in common; layers are left to the data where none are given", () => {
  expect(modelOf({ kind: "conv" })).toMatchObject({
    encoder: { kind: "conv", layers: null, hidden: [256] },
    decoder: { kind: "conv", layers: null, hidden: [256] },
  });
  const mlp = modelOf({ kind: "conv", layers: [{ channels: 3 }], hidden: [9] }, { kind: "mlp" }).decoder;
  expect(mlp).toEqual({ kind: "mlp", hidden: [9], gated: false, activation: "relu", initialization: "he" });
  expect(modelOf({}, { kind: "conv" }).decoder).toMatchObject({ kind: "conv", layers: null, hidden: [400] });
  expect(modelOf({}, { kind: "conv", layers: [{ channels: 3 }] }).decoder).toMatchObject({ layers: [halving(3)] });
  expect(modelOf({ kind: "conv" }, { layers: null }).decoder).toMatchObject({ layers: null });
  const filled = modelOf({ kind: "conv", layers: [{ channels: 3 }] }, { layers: null }).decoder;
  expect(filled).toMatchObject({ layers: [halving(3)] });
});

test("a decoder mirrors a residual encoder, and one that is gated", () => {
  const residual = {
    kind: "residual",
    channels: [8, 16],
    blocks: [1, 2],
    bottleneck: true,
    normalization: "weight",
    sampling: "pooled",
    hidden: [9, 7],
    activation: "silu",
    initialization: "lecun",
  };
  const { encoder, decoder } = modelOf(residual);
  expect(encoder).toEqual(residual);
  expect(decoder).toEqual({ ...residual, channels: [16, 8], blocks: [2, 1], hidden: [7, 9] });
  expect(modelOf({ kind: "residual" }).decoder).toEqual({
    kind: "residual",
    channels: null,
    blocks: 1,
    bottleneck: false,
    normalization: "group",
    sampling: "strided",
    hidden: [256],
    activation: "relu",
    initialization: "he",
  });
  const own = { channels: [4], blocks: 3, bottleneck: false, normalization: "none", sampling: "strided" };
  expect(modelOf(residual, own).decoder).toEqual({ ...decoder, ...own });
  expect(modelOf(residual, { kind: "mlp" }).decoder).toEqual({
    kind: "mlp",
    hidden: [7, 9],
    gated: false,
    activation: "silu",
    initialization: "lecun",
  });
  const gated = modelOf({ gated: true });
  expect(gated.encoder).toEqual({ kind: "mlp", hidden: [400], gated: true, activation: null, initialization: "he" });
  expect(gated.decoder).toEqual(gated.encoder);
  expect(modelOf({ gated: true }, { gated: false }).decoder).toMatchObject({ gated: false, activation: "relu" });
  expect(modelOf({ gated: true }, { activation: "elu" }).decoder).toMatchObject({ gated: false, activation: "elu" });
  expect(modelOf({ gated: true }, { kind: "conv" }).decoder).toMatchObject({ gated: true, activation: null });
  expect(modelOf({ gated: true }, { kind: "residual" }).decoder).not.toHaveProperty("gated");
  expect(modelOf({ activation: "tanh" }, { gated: true }).decoder).toMatchObject({ gated: true, initialization: "he" });
  expect(modelOf({ activation: null }).encoder).toMatchObject({ gated: false, activation: "relu" });
});

test("layers of images are none of a series'", () => {
  const { encoder, decoder } = modelOf({ kind: "conv1d", layers: [{ channels: 8, kernel: 5 }, { channels: 4 }] });
  const first = { channels: 8, kernel: 5, stride: 2, padding: "same" };
  expect(encoder).toMatchObject({ kind: "conv1d", layers: [first, halving(4)] });
  expect(decoder).toMatchObject({ kind: "conv1d", layers: [halving(4), first] });
  expect(modelOf({ kind: "conv1d", layers: [{ channels: 8 }] }, { kind: "conv" }).decoder).toMatchObject({
    layers: null,
  });
});

test("a resolved config of networks of any kind passes unchanged", () => {
  for (const encoder of [{ gated: true }, { kind: "residual", channels: [4, 8], blocks: [1, 2] }, { kind: "conv1d" }])
    for (const decoder of [{}, { kind: "mlp" }, { kind: "residual", blocks: 2 }, { kind: "conv", gated: true }]) {
      const config = parseConfig({ model: { encoder, decoder } }, "c");
      expect(parseConfig(config, "again")).toEqual(config);
    }
  for (const encoder of [{ kind: "conv" }, { kind: "conv", layers: [{ channels: 8 }], hidden: [] }])
    for (const decoder of [{}, { kind: "mlp" }, { hidden: [7], layers: [{ channels: 2, padding: 0 }] }]) {
      const config = parseConfig({ model: { encoder, decoder } }, "c");
      expect(parseConfig(config, "again")).toEqual(config);
    }
});

test("layers are set as a whole, as JSON", () => {
  const raw = applySet({}, ["model.encoder.kind=conv", 'model.encoder.layers=[{"channels":8}]']);
  expect(parseConfig(raw, "c").model.encoder).toMatchObject({ kind: "conv", layers: [halving(8)] });
  expect(() => applySet({}, ["model.encoder.layers.0.channels=8"])).toThrow(UsageError);
});

test.each<[string, unknown, string]>([
  [
    "kind",
    { kind: "convv" },
    'encoder.kind: expected "mlp", "conv", "conv1d", "residual", got "convv"; did you mean "conv"?',
  ],
  [
    "layers of an mlp",
    { layers: [{ channels: 3 }] },
    'encoder.layers: goes with the kinds "conv", "conv1d", got "mlp"; leave it out, or set model.encoder.kind to one of those',
  ],
  [
    "channels of an mlp",
    { channels: [3] },
    'encoder.channels: goes with the kind "residual", got "mlp"; leave it out, or set model.encoder.kind to "residual"',
  ],
  ["gates of residual blocks", { kind: "residual", gated: true }, 'encoder.gated: goes with the kinds "mlp", "conv"'],
  ["normalization elsewhere", { kind: "conv", normalization: "group" }, "encoder.normalization: goes with the kind"],
  ["a gate and an activation", { gated: true, activation: "tanh" }, "encoder.activation: expected none with gated"],
  [
    "windows of two sides along a series",
    { kind: "conv1d", layers: [{ channels: 3, kernel: [3, 5], padding: [1, 2] }] },
    'encoder.layers.0.kernel: expected one number with the kind "conv1d", got [3,5]',
  ],
  [
    "a window of a series",
    { kind: "conv1d", layers: [{ channels: 3, kernel: 2, stride: 3 }] },
    "encoder.layers.0.stride",
  ],
  [
    "batch normalization",
    { kind: "residual", normalization: "batch" },
    'encoder.normalization: expected "group", "layer", "weight", "none", got "batch": with the statistics of a batch, an example\'s bound would depend on the others',
  ],
  [
    "another normalization",
    { kind: "residual", normalization: "grup" },
    'encoder.normalization: expected "group", "layer", "weight", "none", got "grup"; did you mean "group"?',
  ],
  ["sampling", { kind: "residual", sampling: "max" }, 'encoder.sampling: expected "strided", "pooled", got "max"'],
  ["no levels", { kind: "residual", channels: [] }, "encoder.channels: expected a list of positive integers such as"],
  ["no channels of a level", { kind: "residual", channels: [8, 0] }, "encoder.channels.1: expected a positive integer"],
  ["no blocks", { kind: "residual", blocks: 0 }, "encoder.blocks: expected a positive integer, got 0"],
  [
    "an empty list of blocks",
    { kind: "residual", blocks: [] },
    "encoder.blocks: expected a positive integer, or a list",
  ],
  [
    "blocks of fewer levels",
    { kind: "residual", channels: [8, 8, 8], blocks: [1, 2] },
    "encoder.blocks: expected one number, or 3, as many as channels, got [1,2]",
  ],
  [
    "blocks of levels that are not given",
    { kind: "residual", blocks: [1, 2] },
    "encoder.blocks: expected one number, or as many as channels, got [1,2]; give model.encoder.channels as well",
  ],
  [
    "no layers",
    { kind: "conv", layers: [] },
    'encoder.layers: expected at least one layer such as [{"channels": 32, "kernel": 4, "stride": 2}], got []',
  ],
  ["layers", { kind: "conv", layers: [32] }, "encoder.layers.0: expected an object with any of"],
  [
    "no channels",
    { kind: "conv", layers: [{}] },
    "encoder.layers.0.channels: expected a positive integer, got nothing",
  ],
  [
    "near key",
    { kind: "conv", layers: [{ channels: 3, kernal: 3 }] },
    'encoder.layers.0.kernal: unknown key; did you mean "kernel"?',
  ],
  [
    "kernel 0",
    { kind: "conv", layers: [{ channels: 3, kernel: 0 }] },
    "encoder.layers.0.kernel: expected a positive integer, got 0",
  ],
  [
    "kernel of three",
    { kind: "conv", layers: [{ channels: 3, kernel: [3, 3, 3] }] },
    "encoder.layers.0.kernel: expected a positive integer, or two, [vertical, horizontal], got [3,3,3]",
  ],
  [
    "stride 0 on one axis",
    { kind: "conv", layers: [{ channels: 3, stride: [2, 0] }] },
    "encoder.layers.0.stride.1: expected a positive integer, got 0",
  ],
  [
    "padding",
    { kind: "conv", layers: [{ channels: 3, padding: "valid" }] },
    'encoder.layers.0.padding: expected "same", an integer >= 0, or two, [vertical, horizontal], got "valid"',
  ],
  [
    "stride beyond the kernel",
    { kind: "conv", layers: [{ channels: 3 }, { channels: 3, kernel: [4, 3], stride: 4 }] },
    "encoder.layers.1.stride: expected at most the kernel, [4,3], got 4: the window would pass pixels by",
  ],
  [
    "padding as wide as the kernel",
    { kind: "conv", layers: [{ channels: 3, kernel: 3, padding: [2, 3] }] },
    "encoder.layers.0.padding: expected less than the kernel, 3, got [2,3]: windows would see zeros alone",
  ],
])("%s is refused with its own message", (_, encoder, message) => {
  expect(refused(encoder)).toContain(`c: model.${message}`);
});

test("a decoder's layers are refused by their own keys", () => {
  const bad = [{ channels: 3, kernel: 2, stride: 3 }];
  expect(refused({ kind: "conv" }, { layers: bad })).toContain("c: model.decoder.layers.0.stride: expected at most");
  expect(refused({ kind: "conv" }, { kind: "mlp", layers: bad })).toContain(
    'c: model.decoder.layers: goes with the kinds "conv", "conv1d", got "mlp"',
  );
  expect(refused({ kind: "residual", channels: [4, 8], blocks: [1, 2] }, { channels: [8] })).toBe(
    "c: model.decoder.blocks: expected one number, or 1, as many as channels, got [2,1]",
  );
});

test("the schema and the page of networks name every part, and the schema says what each is", () => {
  const schema = JSON.stringify(configJsonSchema());
  const page = readFileSync(new URL("../docs/networks.md", import.meta.url), "utf8");
  const said = { ...activations, ...initializations, ...likelihoods, ...networks, ...normalizations, ...samplings };
  for (const [name, text] of Object.entries(said)) {
    expect(schema).toContain(JSON.stringify(name));
    expect(schema, name).toContain(JSON.stringify(text).slice(1, -1));
  }
  const tables = [networks, activations, initializations, normalizations, samplings].flatMap((table) =>
    Object.keys(table),
  );
  for (const name of [...tables, ...Object.values(networkKeys).flat()]) expect(page).toContain(`\`${name}\``);
});
