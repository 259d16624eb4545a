import type { Config, PartialConfig } from "../../src/config.ts";
import type { Dataset, Splits } from "../../src/data/dataset.ts";
import { staticSize } from "../../src/graph/shape.ts";

/* For the table of models: what a row is, the few examples that it learns, and the config that rows start from. */

/** A model that must keep the laws of src/models/conformance.test.ts. */
export interface Row {
  readonly name: string;
  readonly config: PartialConfig;
  /** The examples, `rows` of them. */
  readonly data: Float32Array;
  /** Shape of one example. Default: (3, 2). */
  readonly event?: readonly number[];
  /** The row shows that an option changes the loss, and no other law: rows like it show those. */
  readonly optionOnly?: true;
}

export const eventOf = ({ event = flat }: Row): readonly number[] => event;

export const optionOnly = (row: Row): Row => ({ ...row, optionOnly: true });

/** So many examples there are. */
export const rows = 16;
const latent = 2;

/** Six bits each. */
const codes = [1, 3, 7, 11, 21, 35, 47, 5, 62, 60, 56, 52, 42, 28, 16, 58];
/** Different examples of zeros and ones, each of `size` bits. */
export const bits = (size: number): Float32Array =>
  Float32Array.from({ length: rows * size }, (_, i) => (codes[Math.floor(i / size)]! >> ((i % size) % 6)) & 1);
/** Different examples of real numbers. */
export const reals = (size: number): Float32Array => bits(size).map((bit, i) => 1.5 * bit - 1 + Math.sin(3 * i) / 4);
/** Different examples of numbers between 0 and 1. */
export const units = (size: number): Float32Array => bits(size).map((bit, i) => 0.15 + 0.6 * bit + Math.sin(3 * i) / 8);
/** Different examples of whole numbers from 0 to 8. */
export const counts = (size: number): Float32Array => bits(size).map((bit, i) => 6 * bit + ((5 * i) % 3));

/** The shape of most examples, the smallest image, and images of odd sizes, which no stride divides: grey and in colour. */
export const flat = [3, 2] as const;
export const small = [5, 3] as const;
export const grey = [7, 5] as const;
export const colour = [5, 3, 3] as const;
const flatSize = staticSize(flat);
/** Examples of the shape (3, 2). */
export const [binary, real, unit, count] = [bits(flatSize), reals(flatSize), units(flatSize), counts(flatSize)];

/** The row with a longer training, validated at its end alone. */
export const longer = (row: Row, steps: number): Row => ({
  ...row,
  config: { ...row.config, train: { ...row.config.train, steps, validateEvery: steps } },
});

/** Classes of the examples. */
const classes = 3;

/** The examples as a training takes them. It is validated on the same ones. */
export function splitsOf(row: Row): Splits {
  const split = (name: Dataset["split"]): Dataset => ({
    name: "sixteen",
    split: name,
    event: eventOf(row),
    count: rows,
    values: row.data,
    index: Uint32Array.from({ length: rows }, (_, i) => i),
    labels: Uint8Array.from({ length: rows }, (_, i) => i % classes),
    numbers: { names: ["dose"], values: Float32Array.from({ length: rows }, (_, i) => (i * i) % 7) },
    fingerprint: "0123456789abcdef",
  });
  return { train: split("train"), validation: split("validation"), test: split("test") };
}

export type PartialModel = NonNullable<PartialConfig["model"]>;
export type PartialNetwork = NonNullable<PartialModel["encoder"]>;
type Layers = NonNullable<PartialNetwork["layers"]>;

export const base = {
  data: { binarization: "none" },
  model: { latent, encoder: { hidden: [4, 3], activation: "tanh", initialization: "glorot" } },
  optimizer: { learningRate: 0.02 },
  train: { batchSize: rows, steps: 6 },
} as const satisfies PartialConfig;

/** The base with another part of the model. */
export const withModel = (model: PartialModel): PartialConfig => ({ ...base, model: { ...base.model, ...model } });

/** The base with other options of the encoder's network. */
export const withEncoder = (encoder: Partial<Config["model"]["encoder"]>): PartialConfig =>
  withModel({ encoder: { ...base.model.encoder, hidden: [...base.model.encoder.hidden], ...encoder } as never });

/** The base with convolutions in the encoder. */
export const withConv = (layers: Layers, model: PartialModel = {}): PartialConfig =>
  withModel({ encoder: { ...base.model.encoder, kind: "conv", layers, hidden: [4] }, ...model });
