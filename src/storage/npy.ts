import { RunError } from "../errors.ts";
import type { NamedArray } from "./safetensors-encode.ts";

// NumPy's format, version 1.0 (numpy.lib.format): "\x93NUMPY", two bytes of version, the length of the header (2 bytes
// little-endian), the header as a Python literal, the values.

const arrays = {
  "<f4": Float32Array,
  "<f8": Float64Array,
  "<i4": Int32Array,
  "<i8": BigInt64Array,
  "|u1": Uint8Array,
} as const;

type Descr = keyof typeof arrays;

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const; // "\x93NUMPY"
const fixed = magic.length + 4;

/**
 * An array as the bytes of a .npy file, C order.
 * @throws RunError when the shape does not fit the data
 */
export function encodeNpy(shape: readonly number[], data: NamedArray["data"]): Uint8Array {
  if (elements(shape) !== data.length) throw new RunError(`npy: shape (${shape}) does not fit ${data.length} values`);
  const descr = Object.entries(arrays).find(([, array]) => data instanceof array)?.[0];
  if (!descr) throw new RunError(`npy: expected an array of one of ${Object.keys(arrays).join(", ")}`);
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((fixed + text.length + 1) / 64) * 64 - fixed; // NumPy aligns the values to 64 bytes
  const bytes = new Uint8Array(fixed + length + data.byteLength);
  bytes.set([...magic, 1, 0, length & 0xff, length >> 8]);
  bytes.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), fixed);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), fixed + length);
  return bytes;
}

/**
 * The array in a .npy file, its declared shape checked against its bytes. Booleans are read as 0 and 1.
 * @throws RunError naming the file and what is wrong with it
 */
export function decodeNpy(bytes: Uint8Array, file: string): NamedArray {
  const fail = (what: string): never => {
    throw new RunError(`${file}: ${what}`);
  };
  if (bytes.length < fixed || magic.some((byte, i) => bytes[i] !== byte)) fail("not a .npy file");
  const [major, minor] = [bytes[6]!, bytes[7]!];
  if (major < 1 || major > 3) fail(`version ${major}.${minor} of the .npy format is not read, 1.0 to 3.0 are`);
  const start = major === 1 ? fixed : fixed + 2;
  if (bytes.length < start) fail(`cut short: its header would begin at byte ${start}, the file has ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > bytes.length) fail(`cut short: its header of ${length} bytes goes beyond the end of the file`);
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));

  const descr = /'descr': *'([^']*)'/.exec(header)?.[1] ?? fail(`its header gives no plain type: ${header.trim()}`);
  const order =
    /'fortran_order': *(True|False)/.exec(header)?.[1] ?? fail(`its header gives no order: ${header.trim()}`);
  const tuple = /'shape': *\(([\d, ]*)\)/.exec(header)?.[1] ?? fail(`its header gives no shape: ${header.trim()}`);
  if (order === "True") fail("in Fortran order; save it as np.save(file, np.ascontiguousarray(array))");
  const descrRead = descr === "|b1" ? "|u1" : descr;
  if (!Object.hasOwn(arrays, descrRead)) {
    fail(
      `type ${descr}: expected one of ${[...Object.keys(arrays), "|b1"].join(", ")}; convert it with array.astype(...)`,
    );
  }
  const array = arrays[descrRead as Descr];
  const shape = tuple
    .split(",")
    .filter((size) => size.trim() !== "")
    .map(Number);
  const expected = elements(shape) * array.BYTES_PER_ELEMENT;
  const held = bytes.length - start - length;
  if (held < expected) fail(`cut short: shape (${shape}) takes ${expected} bytes, the file holds ${held}`);
  if (held > expected) fail(`${held - expected} bytes follow the array: shape (${shape}) takes ${expected} bytes`);
  const copy = new Uint8Array(bytes.subarray(start + length)); // a view must begin at a multiple of its elements' size
  return { shape, data: new array(copy.buffer, 0, elements(shape)) };
}

/** Infinity where a product leaves the whole numbers that can be told apart. */
function elements(shape: readonly number[]): number {
  const product = shape.reduce((total, size) => total * size, 1);
  return Number.isSafeInteger(product) ? product : Number.POSITIVE_INFINITY;
}
