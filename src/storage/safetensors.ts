import { RunError } from "../errors.ts";
import { parseJsonObject } from "./json.ts";
import { arrays, type Dtype, elements, metadataKey, type NamedArray } from "./safetensors-encode.ts";

/* Reads safetensors files. What writes them stands apart, in safetensors-encode.ts: a training writes them, and reads none. */

export interface SafetensorsFile {
  /** In the order of the header. The arrays may be views of the bytes given. */
  readonly tensors: Map<string, NamedArray>;
  readonly metadata: Record<string, string>;
}

/** Larger headers are refused, as the format's own reader does. */
const longestHeader = 100_000_000;

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

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
