import { UsageError } from "../errors.ts";

/** Examples of one shape, in memory. */
export interface Dataset {
  /** Such as "mnist" or "sprites". */
  readonly name: string;
  readonly split: "train" | "validation" | "test" | "all";
  /** Shape of one example: [28, 28] is a grey image, [h, w, 3] a colour image (channels last). */
  readonly event: readonly number[];
  readonly count: number;
  /** (count, ...event) row-major. Uint8Array holds grey levels 0..255 and means v/255; Float32Array is as it is. */
  readonly values: Uint8Array | Float32Array;
  /** (count): row number within the source, by which random draws are keyed. */
  readonly index: Uint32Array;
  /** (count): class of each example. */
  readonly labels?: Uint8Array;
  /** What the examples were generated from. classes: (count, names.length), each from 0 to its size - 1. */
  readonly factors?: {
    readonly names: readonly string[];
    readonly sizes: readonly number[];
    readonly classes: Uint8Array;
  };
  /** Numbers that go with the examples, and are not of them: (count, names.length). */
  readonly numbers?: { readonly names: readonly string[]; readonly values: Float32Array };
  /** SHA-256 of values and event, its first 16 hexadecimal digits: equal for equal data, whatever its name. */
  readonly fingerprint: string;
}

export interface Splits {
  readonly train: Dataset;
  readonly validation: Dataset;
  readonly test: Dataset;
}

export interface SplitOptions {
  /** Examples to validate on: a count from 1, or a fraction below 1. */
  readonly validation?: number;
  /** Examples to test on: a count from 1, or a fraction below 1. */
  readonly test?: number;
  /** Of the shuffle, and of the choice of sprites. Default 0. */
  readonly seed?: number;
  /** At most so many training examples; for sprites, how many are drawn in all. */
  readonly examples?: number;
}

export interface LoadOptions extends SplitOptions {
  /** Ends the loading, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** A CSV file of `numbers`: a header, and a row for each example, those of a test file of its own last. */
  readonly conditions?: string | undefined;
}

/** A data set whose fingerprint is not computed yet. */
export type Examples = Omit<Dataset, "fingerprint">;

/** Examples `from` up to but not including `to`, as views of the same memory. */
export function rows(dataset: Examples, from: number, to: number, split = dataset.split): Examples {
  const { name, event } = dataset;
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to < from || to > dataset.count) {
    throw new UsageError(`${name}: rows ${from} to ${to}: expected whole numbers from 0 to ${dataset.count} in order`);
  }
  const part = <Values extends Uint8Array | Float32Array | Uint32Array>(values: Values, width: number): Values =>
    values.subarray(from * width, to * width) as Values;
  return {
    name,
    split,
    event,
    count: to - from,
    values: part(dataset.values, size(event)),
    index: part(dataset.index, 1),
    ...besides(dataset, part),
  };
}

/** The examples at `indices` (rows of this data set), in that order, copied. */
export function take(dataset: Examples, indices: Uint32Array): Examples {
  const { name, event } = dataset;
  const wrong = indices.find((row) => row >= dataset.count);
  if (wrong !== undefined) {
    throw new UsageError(`${name}: row ${wrong}: expected a whole number from 0 to ${dataset.count - 1}`);
  }
  return {
    name,
    split: dataset.split,
    event,
    count: indices.length,
    values: gather(dataset.values, size(event), indices),
    index: gather(dataset.index, 1, indices),
    ...besides(dataset, (values, width) => gather(values, width, indices)),
  };
}

/** What goes with some of the examples. @param part picks their rows, of `width` values each */
function besides(
  { labels, factors, numbers }: Examples,
  part: <Values extends Uint8Array | Float32Array>(values: Values, width: number) => Values,
): Pick<Examples, "labels" | "factors" | "numbers"> {
  return {
    ...(labels ? { labels: part(labels, 1) } : {}),
    ...(factors ? { factors: { ...factors, classes: part(factors.classes, factors.names.length) } } : {}),
    ...(numbers ? { numbers: { ...numbers, values: part(numbers.values, numbers.names.length) } } : {}),
  };
}

/**
 * Train, validation and test examples one after the other, copied. They are numbered anew, since the test examples may
 * come from a file of their own, whose numbers are those of others.
 */
export function joined({ train, validation, test }: Splits): Examples {
  const parts = [train, validation, test];
  const count = parts.reduce((total, part) => total + part.count, 0);
  const { name, event, labels, factors, numbers } = train;
  return {
    name,
    split: "all",
    event,
    count,
    values: concatenated(parts.map(({ values }) => values)),
    index: Uint32Array.from({ length: count }, (_, i) => i),
    ...(labels ? { labels: concatenated(parts.map((part) => part.labels!)) } : {}),
    ...(factors ? { factors: { ...factors, classes: concatenated(parts.map((part) => part.factors!.classes)) } } : {}),
    ...(numbers ? { numbers: { ...numbers, values: concatenated(parts.map((part) => part.numbers!.values)) } } : {}),
  };
}

/**
 * How an example of this shape is drawn; undefined when it is no image.
 * [h, w] is grey, [h, w, 1] too, [h, w, 3] colour.
 */
export function imageShape(
  event: readonly number[],
): { readonly height: number; readonly width: number; readonly channels: 1 | 3 } | undefined {
  const [height, width, channels = 1] = event;
  if (height === undefined || width === undefined || event.length > 3) return undefined;
  return channels === 1 || channels === 3 ? { height, width, channels } : undefined;
}

function size(event: readonly number[]): number {
  return event.reduce((product, dim) => product * dim, 1);
}

function concatenated<Values extends Uint8Array | Float32Array>(parts: readonly Values[]): Values {
  const length = parts.reduce((total, part) => total + part.length, 0);
  const all = new (parts[0]!.constructor as new (length: number) => Values)(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function gather<Values extends Uint8Array | Float32Array | Uint32Array>(
  values: Values,
  width: number,
  indices: Uint32Array,
): Values {
  const gathered = new (values.constructor as new (length: number) => Values)(indices.length * width);
  for (let row = 0; row < indices.length; row++) {
    const from = indices[row]! * width;
    gathered.set(values.subarray(from, from + width), row * width);
  }
  return gathered;
}
