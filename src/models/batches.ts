import type { Binarization } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { type Drawing, perform } from "../runtime/drawing.ts";
import type { Kernels, Place } from "../runtime/kernels.ts";
import { type Key, siteKey } from "../runtime/philox.ts";
import { randomOrder } from "../runtime/shuffle.ts";
import type { Conditions } from "./conditions.ts";
import type { DrawnInput } from "./drawn-inputs.ts";

/** The arrays that a batch is written to, all in the kernels' memory. */
export interface BatchArrays {
  readonly kernels: Kernels;
  /** (rows, ...event) */
  readonly x: Float32Array;
  /** (samples, rows, noiseWidth); absent where none is wanted. */
  readonly noise?: Float32Array;
  /** (rows): 1 for an example, 0 for padding. */
  readonly weight: Float32Array;
  /** (rows): what the draws of each row are keyed by. */
  readonly example: Uint32Array;
  /** (rows, ...event): grey levels on their way to x. */
  readonly pixels: Uint8Array;
  /** (rows, its width): what a conditional model is given; absent where it is given none. */
  readonly condition?: ConditionArray | undefined;
  readonly noiseWidth: number;
  readonly samples: number;
  /** What the objective has drawn beside the noise. */
  readonly drawn?: readonly DrawnArray[];
}

/** The array of conditions, and what they are. */
export interface ConditionArray {
  readonly values: Float32Array;
  readonly conditions: Conditions;
}

/** A further input of an objective, and its array. */
export interface DrawnArray extends DrawnInput {
  readonly out: Float32Array;
}

/** Bytes of the kernels' memory that `example` and `pixels` take. */
export function batchBytes(rows: number, eventSize: number): number {
  return rows * 4 + rows * eventSize + 128;
}

export interface BatchOptions {
  readonly binarization: Binarization;
  readonly seed: number;
  /** Seed of static binarization, which belongs to the data. Default: `seed`. */
  readonly dataSeed?: number;
  /** "train", "validation" or "test": draws at different purposes are independent. */
  readonly purpose: string;
}

/** Fetches the rows of a batch, and says what is still to be drawn for them. */
export type FetchBatch = (
  rows: Uint32Array,
  draw: { readonly epoch: number; readonly step: number },
) => readonly Drawing[];

/** Writes one batch into its arrays. */
export type FillBatch = (...batch: Parameters<FetchBatch>) => void;

/** A function that fetches rows of a data set, binarizes or scales them, and draws their noise: see `batchFetcher`. */
export function batchFiller(data: Examples, arrays: BatchArrays, options: BatchOptions): FillBatch {
  const fetch = batchFetcher(data, arrays, options);
  return (rows, draw) => {
    for (const drawing of fetch(rows, draw)) perform(arrays.kernels, drawing, 0, arrays.weight.length);
  };
}

/**
 * A function that fetches rows of a data set.
 *
 * Dynamic binarization is drawn anew each epoch, static once; noise is drawn anew each step. All draws are keyed by the
 * example's own index, so they do not depend on the batch that it is in. Rows beyond those given get weight 0.
 */
export function batchFetcher(
  data: Examples,
  arrays: BatchArrays,
  { binarization, seed, dataSeed = seed, purpose }: BatchOptions,
): FetchBatch {
  const { kernels, x, noise, weight, example, pixels, noiseWidth, samples, drawn: further = [] } = arrays;
  const capacity = weight.length;
  const size = x.length / capacity;
  const noiseKey = siteKey(seed, `noise/${purpose}`);
  const pixelKey = siteKey(binarization === "static" ? dataSeed : seed, `binarize/${purpose}`);
  const write = arrays.condition?.conditions.of(data);
  const furtherKeys = further.map(({ name }) => siteKey(seed, `${name}/${purpose}`));
  const chosen = new Uint32Array(capacity);
  const conditionOf = (i: number) => {
    const { values, conditions } = arrays.condition!;
    return values.subarray(i * conditions.width, (i + 1) * conditions.width);
  };
  const exampleAt = (row: number) => data.values.subarray(row * size, (row + 1) * size);
  return (rows, { epoch, step }) => {
    for (let i = 0; i < capacity; i++) {
      const row = rows[i] ?? rows[0]!; // padding repeats a row, so that its values are ordinary ones
      weight[i] = i < rows.length ? 1 : 0;
      example[i] = data.index[row]!;
      write?.(row, conditionOf(i));
      chosen[i] = row;
      const source = exampleAt(row);
      if (source instanceof Uint8Array) pixels.set(source, i * size);
      else x.set(source, i * size);
    }
    const drawn = binarization === "dynamic" ? epoch : 0;
    const drawings: Drawing[] = [];
    if (data.values instanceof Uint8Array) {
      const grey = { out: placeOf(x), pixels: placeOf(pixels), columns: size };
      if (binarization === "none") drawings.push({ kind: "unitInterval", ...grey });
      else drawings.push({ kind: "binarize", ...grey, key: pixelKey, step: drawn, example: placeOf(example) });
    } else if (binarization !== "none") {
      kernels.uniforms(x, pixelKey, drawn, example, size);
      for (let i = 0; i < capacity; i++) onesBelow(x.subarray(i * size, (i + 1) * size), exampleAt(chosen[i]!));
    }
    if (noise)
      drawings.push({
        ...{ kind: "normals", out: placeOf(noise), key: noiseKey, step },
        ...{ example: placeOf(example), columns: noiseWidth, samples },
      });
    for (const [i, { kind, out, columns, samples }] of further.entries()) {
      const key = furtherKeys[i]!;
      if (kind === "permutations") permutations(out, key, step, columns, rows.length);
      else drawings.push({ kind, out: placeOf(out), key, step, example: placeOf(example), columns, samples });
    }
    return drawings;
  };
}

/** Of each column the numbers of `count` rows in an order of its own; rows of padding keep their own number. */
function permutations(out: Float32Array, key: Key, step: number, columns: number, count: number): void {
  for (let j = 0; j < columns; j++) {
    const order = randomOrder(count, key, step, j);
    for (let i = 0; i * columns < out.length; i++) out[i * columns + j] = order[i] ?? i;
  }
}

const placeOf = ({ byteOffset, length }: Float32Array | Uint32Array | Uint8Array): Place => ({ byteOffset, length });

/** Turns uniform draws into 1 with the given probabilities, else 0: a probability of 0 is never 1, one of 1 always. */
function onesBelow(draws: Float32Array, probabilities: ArrayLike<number>): void {
  for (let i = 0; i < draws.length; i++) draws[i] = draws[i]! < probabilities[i]! ? 1 : 0;
}
