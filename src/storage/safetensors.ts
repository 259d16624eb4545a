import { RunError } from "../errors.ts";
import { parseJsonObject } from "./json.ts";

// The format of huggingface/safetensors: 8 bytes little-endian length of the header, the header as JSON, the data.

/** Values in row-major order with their shape. */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array | Float64Array | BigInt64Array;
}

export interface SafetensorsFile {
  /** In the order of the header. The arrays may be views of the bytes given. */
  readonly tensors: Map<string, NamedArray>;
  readonly metadata: Record<string, string>;
}

const arrays = {
  F32: Float32Array,
  I32: Int32Array,
  U8: Uint8Array,
  F64: Float64Array,
  I64: BigInt64Array,
} as const;

type Dtype = keyof typeof arrays;

const metadataKey = "__metadata__";

/** Larger headers are refused, as the format's own reader does. */
const longestHeader = 100_000_000;

/**
 * One file of named tensors, in the order given. The data begins at a multiple of 8 bytes.
 * @throws RunError when a tensor's shape does not fit its data
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, NamedArray>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = Object.keys(metadata).length > 0 ? [`"${metadataKey}":${JSON.stringify(metadata)}`] : [];
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    if (name === metadataKey)
      throw new RunError(`tensor "${name}": this name is reserved by the format; choose another`);
    if (elements(shape) !== data.length) {
      throw new RunError(`tensor "${name}": shape (${shape}) does not fit its ${data.length} values`);
    }
    const entry = { dtype: dtypeOf(data), shape, data_offsets: [end, end + data.byteLength] };
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    end += data.byteLength;
  }
  const text = new TextEncoder().encode(`{${entries.join(",")}}`);
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + end);
  new DataView(bytes.buffer).setUint32(0, length, true); // the upper 4 bytes stay 0
  bytes.fill(0x20, 8, 8 + length);
  bytes.set(text, 8);
  let at = 8 + length;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * The tensors of a file, every declared size checked against its bytes.
 * @throws RunError naming the file, the tensor and what is wrong with it
 */
export function decodeSafetensors(bytes: Uint8Array, file: string): SafetensorsFile {
  const fail = (what: string): never => {
    throw new RunError(`${file}: ${what}; the file is damaged or no safetensors file`);
  };
  if (bytes.length < 8) fail(`expected at least 8 bytes, got ${bytes.length}`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > longestHeader) fail(`its header would be ${length} bytes long, at most ${longestHeader} are allowed`);
  if (8 + length > bytes.length) fail(`its header is ${length} bytes long, but only ${bytes.length - 8} follow`);
  const header = parseHeader(bytes.subarray(8, 8 + length), fail);
  const data = bytes.subarray(8 + length);

  const entries = [...header].filter(([name]) => name !== metadataKey);
  const ranges = entries.map(([name, entry]) => readEntry(name, entry, data.length, fail));
  checkCover(ranges, data.length, fail);
  const tensors = new Map(ranges.map((range) => [range.name, { shape: range.shape, data: readArray(data, range) }]));
  return { tensors, metadata: readMetadata(header.get(metadataKey), fail) };
}

interface Range {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

type Fail = (what: string) => never;

function parseHeader(bytes: Uint8Array, fail: Fail): Map<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail("its header is not UTF-8 text");
  }
  return parseJsonObject(text, (what) => fail(`its header ${what}`));
}

function readMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fail(`${metadataKey}: expected an object, got ${brief(value)}`);
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") fail(`${metadataKey}: ${brief(key)}: expected a string, got ${brief(text)}`);
  }
  return value as Record<string, string>;
}

function readEntry(name: string, entry: unknown, available: number, failFile: Fail): Range {
  const fail: Fail = (what) => failFile(`tensor ${brief(name)}: ${what}`);
  if (typeof entry !== "object" || entry === null) return fail(`expected an object, got ${brief(entry)}`);
  const { dtype, shape, data_offsets: offsets } = entry as Readonly<Record<string, unknown>>;
  if (typeof dtype !== "string" || !Object.hasOwn(arrays, dtype)) {
    return fail(`dtype: expected one of ${Object.keys(arrays).join(", ")}, got ${brief(dtype)}`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    return fail(`shape: expected whole numbers from 0, got ${brief(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    return fail(`data_offsets: expected two whole numbers from 0, got ${brief(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) fail(`data_offsets: begins at ${begin}, after its end at ${end}`);
  if (end > available) fail(`data_offsets: ends at byte ${end}, but there are only ${available} bytes of data`);
  const expected = elements(shape) * arrays[dtype as Dtype].BYTES_PER_ELEMENT;
  if (expected !== end - begin) {
    fail(`its shape (${shape}) of ${dtype} takes ${expected} bytes, but its data_offsets hold ${end - begin}`);
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

/** The ranges must fill the data from its first byte to its last, each byte once. */
function checkCover(ranges: readonly Range[], available: number, fail: Fail): void {
  const ordered = [...ranges].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  let before = "the header";
  for (const { name, begin, end } of ordered) {
    if (begin < at) fail(`tensor ${brief(name)}: overlaps ${before} by ${at - begin} bytes`);
    if (begin > at) fail(`tensor ${brief(name)}: there is a gap of ${begin - at} bytes between it and ${before}`);
    at = end;
    before = `tensor ${brief(name)}`;
  }
  if (at < available) fail(`${available - at} bytes follow the end of ${before}`);
}

function readArray(data: Uint8Array, { dtype, begin, end }: Range): NamedArray["data"] {
  const array = arrays[dtype];
  const size = array.BYTES_PER_ELEMENT;
  const count = (end - begin) / size;
  const start = data.byteOffset + begin;
  if (start % size === 0) return new array(data.buffer as ArrayBuffer, start, count);
  const copy = new Uint8Array(data.subarray(begin, end)); // a view must begin at a multiple of its elements' size
  return new array(copy.buffer, 0, count);
}

function dtypeOf(data: NamedArray["data"]): Dtype {
  const dtype = (Object.keys(arrays) as Dtype[]).find((key) => data instanceof arrays[key]);
  if (!dtype) throw new RunError(`expected an array of one of ${Object.keys(arrays).join(", ")}`);
  return dtype;
}

/** Infinity where a product leaves the whole numbers that can be told apart. */
function elements(shape: readonly number[]): number {
  const product = shape.reduce((total, size) => total * size, 1);
  return Number.isSafeInteger(product) ? product : Number.POSITIVE_INFINITY;
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
