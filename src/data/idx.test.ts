import fc from "fast-check";
import { expect, test } from "vitest";
import { DataError } from "../errors.ts";
import { describeContent } from "./content.ts";
import { decodeIdx } from "./idx.ts";

/** An IDX file that claims `shape` and holds `values`. */
function idx(shape: readonly number[], values: Uint8Array, type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  bytes.set([0, 0, type, shape.length]);
  for (const [i, size] of shape.entries()) new DataView(bytes.buffer).setUint32(4 + 4 * i, size);
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
}

test("shape and values are read, without a copy, wherever the bytes lie in memory", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }), fc.nat(7), (shape, shift) => {
      const values = Uint8Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i * 37);
      const file = idx(shape, values);
      const memory = new Uint8Array(file.length + shift);
      memory.set(file, shift);
      const decoded = decodeIdx(memory.subarray(shift), "a");
      expect(decoded).toEqual({ shape, data: values });
      expect(decoded.data.buffer).toBe(memory.buffer);
    }),
  );
});

const four = new Uint8Array(4);

test.each<[string, Uint8Array, string]>([
  ["empty", new Uint8Array(), "a: the file is empty"],
  ["only a start", Uint8Array.of(0, 0), "a: cut short: its IDX header takes 4 bytes, the file holds 2"],
  [
    "a header cut short",
    idx([3, 28, 28], new Uint8Array()).subarray(0, 13),
    "a: cut short: its IDX header takes 16 bytes, the file holds 13",
  ],
  [
    "too few values",
    idx([2, 3], four),
    "a: cut short: its header promises 2 x 3 = 6 bytes of values, the file holds 4; download or copy it again",
  ],
  [
    "too many values",
    idx([1, 3], four),
    "a: holds too much: its header promises 1 x 3 = 3 bytes of values, the file holds 4; it is damaged or no IDX file",
  ],
  [
    "2^31 items",
    idx([2 ** 31, 28, 28], four),
    "2147483648 x 28 x 28 = 1683627180032 bytes of values, the file holds 4",
  ],
  ["more than can be counted", idx(Array(255).fill(2 ** 32 - 1), four), "Infinity bytes of values, the file holds 4"],
  ["no examples", idx([0, 28, 28], new Uint8Array()), "a: holds no examples (shape 0 x 28 x 28)"],
  ["no values", idx([4, 0], four), "a: its examples hold no values (shape 4 x 0)"],
  ["no dimensions", idx([], new Uint8Array()), "a: its IDX header names no dimensions"],
  [
    "floats",
    idx([1], four, 0x0d),
    "a: its values are 32-bit floats (type 0x0d), only unsigned bytes (type 0x08) are read; scale them to 0..255",
  ],
  ["an unknown type", idx([4], four, 0x07), "a: expected an IDX file, got bytes 00 00 07 01; this version reads IDX"],
  ["text", new TextEncoder().encode("x,y\n1,2\n"), 'a: expected an IDX file, got text ("x,y"...); this version reads'],
])("%s is refused", (_name, bytes, message) => {
  expect(() => decodeIdx(bytes, "a")).toThrow(message);
  expect(() => decodeIdx(bytes, "a")).toThrow(DataError);
});

test("any bytes are decoded or refused with DataError, and every changed header byte is noticed", () => {
  const refusedOrRight = (bytes: Uint8Array): boolean => {
    try {
      const { shape, data } = decodeIdx(bytes, "a");
      expect(data.length).toBe(shape.reduce((a, b) => a * b));
      return false;
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
      return true;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void refusedOrRight(bytes)));
  const whole = idx([3, 2, 2], new Uint8Array(12));
  fc.assert(
    fc.property(fc.nat(15), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = whole.slice();
      changed[at]! ^= change;
      expect(refusedOrRight(changed), `byte ${at} by ${change}`).toBe(true);
    }),
  );
});

test("contents are told by their first bytes", () => {
  const of = (text: string) => describeContent(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  expect(of("\x89PNG\r\n\x1a\n")).toBe("a PNG image");
  expect(of("PK\x03\x04...")).toBe("a zip archive (.npz, for one)");
  expect(of("\x93NUMPY\x01\x00")).toBe("a NumPy .npy file");
  expect(of("a,b,c\n1,2,3\n")).toBe('text ("a,b,c"...)');
  expect(describeContent(new TextEncoder().encode(`${"x".repeat(63)}é`))).toMatch(/^text/);
  expect(of("\x01\x02\x03\x04\x05")).toBe("bytes 01 02 03 04");
});
