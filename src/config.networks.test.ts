import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { activations, initializations, likelihoods, networks } from "./config.parts.ts";
import { applySet, configJsonSchema, parseConfig } from "./config.ts";
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
  expect(mlp).toEqual({ kind: "mlp", hidden: [9], activation: "relu", initialization: "he" });
  expect(modelOf({}, { kind: "conv" }).decoder).toMatchObject({ kind: "conv", layers: null, hidden: [400] });
  expect(modelOf({}, { kind: "conv", layers: [{ channels: 3 }] }).decoder).toMatchObject({ layers: [halving(3)] });
  expect(modelOf({ kind: "conv" }, { layers: null }).decoder).toMatchObject({ layers: null });
  const filled = modelOf({ kind: "conv", layers: [{ channels: 3 }] }, { layers: null }).decoder;
  expect(filled).toMatchObject({ layers: [halving(3)] });
});

test("a resolved config of convolutional networks passes unchanged", () => {
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
  ["kind", { kind: "convv" }, 'encoder.kind: expected "mlp", "conv", got "convv"; did you mean "conv"?'],
  [
    "layers of an mlp",
    { layers: [{ channels: 3 }] },
    'encoder.layers: goes with the kind "conv", got "mlp"; leave it out, or set model.encoder.kind to "conv"',
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
    'c: model.decoder.layers: goes with the kind "conv", got "mlp"',
  );
});

test("the schema and the page of networks name every part, and the schema says what each is", () => {
  const schema = JSON.stringify(configJsonSchema());
  const page = readFileSync(new URL("../docs/networks.md", import.meta.url), "utf8");
  const said = Object.entries({
    ...activations,
    ...initializations,
    ...likelihoods,
    mlp: networks.mlp.summary,
    conv: networks.conv.summary,
  });
  for (const [name, text] of said) {
    expect(schema).toContain(JSON.stringify(name));
    expect(schema, name).toContain(JSON.stringify(text).slice(1, -1));
  }
  for (const name of [...Object.keys(networks), ...Object.keys(activations), ...Object.keys(initializations)])
    expect(page).toContain(`\`${name}\``);
});
