import { staticSize } from "../../src/graph/shape.ts";
import {
  base,
  binary,
  bits,
  colour,
  flat,
  grey,
  optionOnly,
  type PartialNetwork,
  type Row,
  reals,
  small,
  withConv,
  withEncoder,
  withModel,
} from "./row.ts";

/* Rows of the table of models: networks. */

const halving = [
  { channels: 2, kernel: 4, stride: 2 },
  { channels: 3, kernel: 4, stride: 2 },
];

const dense: readonly Row[] = [
  ...(["relu", "elu", "silu", "softplus"] as const).map((activation) => ({
    name: activation,
    config: withEncoder({ activation }),
    data: binary,
  })),
  ...(["lecun", "he"] as const).map((initialization) => ({
    name: initialization,
    config: withEncoder({ initialization }),
    data: binary,
  })),
  { name: "other hidden layers", config: withEncoder({ hidden: [5] }), data: binary },
  { name: "no hidden layer", config: withEncoder({ hidden: [] }), data: binary },
  {
    name: "another decoder",
    config: withModel({ decoder: { hidden: [7], activation: "elu", initialization: "he" } }),
    data: binary,
  },
];

const convolutional: readonly Row[] = [
  { name: "conv, grey", config: withConv(halving), data: bits(35), event: grey },
  {
    name: "conv, colour, learned variance",
    config: withConv([{ channels: 2, kernel: 3, stride: [2, 1], padding: 1 }], {
      likelihood: { kind: "normal", variance: "learned" },
    }),
    data: reals(45),
    event: colour,
  },
  {
    name: "conv, without dense layers",
    config: withConv([{ channels: 2, kernel: [3, 2], stride: [3, 2], padding: 1 }], {
      encoder: { kind: "conv", activation: "silu", layers: [{ channels: 3, kernel: 3, stride: 2 }], hidden: [] },
      decoder: { layers: [{ channels: 2, kernel: [3, 2], stride: [3, 2], padding: 1 }] },
      likelihood: { kind: "normal", variance: "fixed", standardDeviation: 0.6 },
    }),
    data: reals(35),
    event: grey,
  },
  {
    name: "conv to mlp",
    config: withConv([{ channels: 3, kernel: 4, stride: 2 }], { decoder: { kind: "mlp", hidden: [6] } }),
    data: bits(45),
    event: colour,
  },
  {
    name: "mlp to conv",
    config: withModel({ decoder: { kind: "conv", layers: [{ channels: 2, kernel: 2, stride: 2 }] } }),
    data: bits(35),
    event: grey,
  },
];

const networkRow = (
  name: string,
  event: readonly number[],
  encoder: PartialNetwork,
  learningRate: number = base.optimizer.learningRate,
): Row => ({
  name,
  config: {
    ...withModel({ encoder: { ...base.model.encoder, hidden: [3], ...encoder } }),
    optimizer: { learningRate },
  },
  data: bits(staticSize(event)),
  event,
});

/** Deep networks learn at a lower rate. SiLU is smooth, as the gradient check wants it. */
const residual = (name: string, options: PartialNetwork, event: readonly number[] = small): Row =>
  networkRow(
    `residual${name}`,
    event,
    { kind: "residual", channels: [2, 3], activation: "silu", initialization: "he", ...options },
    0.005,
  );
const inGroups = { channels: [2, 8], bottleneck: true }; // 8 channels are two groups

/** On the smallest examples that show what they do: each number of theirs is moved for the gradient check. */
const smallest: readonly Row[] = [
  residual("", {}),
  residual(", colour, pooled", { sampling: "pooled" }, colour),
  residual(", weight normalization", { normalization: "weight" }),
  residual(", bottleneck, groups", inGroups),
  networkRow("conv1d", [7], { kind: "conv1d", layers: [{ channels: 2 }, { channels: 3, kernel: 3 }] }),
  networkRow("conv1d, several channels", [5, 2], {
    kind: "conv1d",
    layers: [{ channels: 2, kernel: 3, padding: 1 }],
  }),
  networkRow("gated mlp", flat, { gated: true, activation: null }),
  networkRow("gated conv", small, { kind: "conv", gated: true, activation: null, layers: halving }),
];

const options: readonly Row[] = [
  residual(", pooled", { sampling: "pooled" }),
  residual(", more blocks", { blocks: 2 }),
  residual(", more blocks in one level", { blocks: [1, 2] }),
  residual(", no normalization", { normalization: "none" }),
  residual(", bottleneck, whole maps", { ...inGroups, normalization: "layer" }),
  residual(", no bottleneck", { ...inGroups, bottleneck: false }),
  residual(", another activation", { activation: "elu" }),
  residual(", other weights", { initialization: "lecun" }),
].map(optionOnly);

export const networks: readonly Row[] = [...dense, ...convolutional, ...smallest, ...options];
