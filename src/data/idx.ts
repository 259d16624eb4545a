import { DataError } from "../errors.ts";
import { describeContent } from "./content.ts";

// The format of MNIST's files: two zero bytes, a byte for the type, a byte for the number of dimensions, the size of
// each dimension (4 bytes big-endian), the values.

export interface IdxHeader {
  readonly shape: readonly number[];
  /** Where the values begin, in bytes. */
  readonly offset: number;
  /** Bytes of the values. */
  readonly size: number;
}

/** A file of unsigned bytes: shape, and the values as a view of the bytes given. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** The longest header: 255 dimensions. */
export const longestIdxHeader = 4 + 4 * 255;

const otherTypes: Readonly<Record<number, string>> = {
  9: "signed bytes",
  11: "16-bit integers",
  12: "32-bit integers",
  13: "32-bit floats",
  14: "64-bit floats",
};

/**
 * The array of an IDX file, the sizes in its header checked against its bytes.
 * @throws DataError naming the file and what is wrong with it
 */
export function decodeIdx(bytes: Uint8Array, file: string): IdxArray {
  const { shape, offset, size } = decodeIdxHeader(bytes, file);
  checkIdxSize(file, shape, size, bytes.length - offset);
  return { shape, data: bytes.subarray(offset) };
}

/**
 * What an IDX file's first bytes promise. Nothing is allocated by it.
 * @throws DataError when they are no header of unsigned bytes, or promise no examples
 */
export function decodeIdxHeader(bytes: Uint8Array, file: string): IdxHeader {
  if (bytes.length === 0) throw new DataError(`${file}: the file is empty`);
  const [zero, zeroToo, type = 0, dimensions = 0] = bytes;
  if (zero !== 0 || zeroToo !== 0 || (bytes.length >= 4 && type !== 0x08 && !(type in otherTypes))) {
    throw new DataError(`${file}: expected an IDX file, got ${describeContent(bytes)}; ${formatsRead}`);
  }
  if (type in otherTypes) {
    throw new DataError(
      `${file}: its values are ${otherTypes[type]} (type 0x${type.toString(16).padStart(2, "0")}), ` +
        "only unsigned bytes (type 0x08) are read; scale them to 0..255 and save them as such",
    );
  }
  const offset = 4 + 4 * dimensions;
  if (bytes.length < offset || bytes.length < 4) {
    throw new DataError(`${file}: cut short: its IDX header takes ${offset} bytes, the file holds ${bytes.length}`);
  }
  if (dimensions === 0) throw new DataError(`${file}: its IDX header names no dimensions; expected at least 1`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  if (shape[0] === 0) throw new DataError(`${file}: holds no examples (shape ${describeShape(shape)})`);
  if (shape.includes(0)) throw new DataError(`${file}: its examples hold no values (shape ${describeShape(shape)})`);
  return { shape, offset, size: shape.reduce((product, dim) => product * dim, 1) };
}

/**
 * Compares the bytes that the header promises with those that follow it.
 * @throws DataError when they are not the same number
 */
export function checkIdxSize(
  file: string,
  shape: readonly number[],
  promised: number,
  held: number,
  more = false,
): void {
  if (held === promised) return;
  const header = `its header promises ${describeShape(shape)} = ${promised} bytes of values`;
  if (held < promised) {
    throw new DataError(`${file}: cut short: ${header}, the file holds ${held}; download or copy it again`);
  }
  const got = `${more ? "more than " : ""}${held}`;
  throw new DataError(`${file}: holds too much: ${header}, the file holds ${got}; it is damaged or no IDX file`);
}

/** For messages about other formats. */
export const formatsRead =
  'this version reads IDX files of unsigned bytes (MNIST\'s format, .gz or not), folders of them, and "sprites"';

export function describeShape(shape: readonly number[]): string {
  return shape.join(" x ");
}
