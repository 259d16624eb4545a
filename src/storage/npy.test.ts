import fc from "fast-check";
import { expect, test } from "vitest";
import { RunError } from "../errors.ts";
import { decodeNpy, encodeNpy } from "./npy.ts";

const kinds = [Float32Array, Int32Array, Uint8Array, Float64Array, BigInt64Array] as const;

test("what is encoded is decoded to the bit, and the values begin at a multiple of 64", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(4), { maxLength: 4 }),
      fc.constantFrom(...kinds),
      fc.infiniteStream(fc.nat(255)),
      fc.nat(9),
      (shape, kind, stream, shift) => {
        const count = shape.reduce((product, size) => product * size, 1);
        const bytes = Uint8Array.from({ length: count * kind.BYTES_PER_ELEMENT }, () => stream.next().value as number);
        const encoded = encodeNpy(shape, new kind(bytes.buffer));
        expect((encoded.length - bytes.length) % 64).toBe(0);
        const memory = Buffer.alloc(encoded.length + shift);
        memory.set(encoded, shift);
        const decoded = decodeNpy(memory.subarray(shift), "a");
        expect(decoded.shape).toEqual(shape);
        expect(decoded.data).toBeInstanceOf(kind);
        expect(new Uint8Array(decoded.data.buffer)).toEqual(bytes);
      },
    ),
  );
});

/** A file as NumPy writes it. */
function npy(header: string, values: readonly number[], version: readonly [number, number] = [1, 0]): Uint8Array {
  const length =
    version[0] === 1 ? [header.length & 255, header.length >> 8] : [header.length & 255, header.length >> 8, 0, 0];
  return Uint8Array.of(0x93, ...Buffer.from("NUMPY"), ...version, ...length, ...Buffer.from(header), ...values);
}

const header = (descr: string, order: string, shape: string) =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

test("the bytes are those that numpy.save writes", () => {
  // np.save(f, np.array([[1, 2], [3, 4]], "<i4"))
  const numpy = `${header("<i4", "False", "(2, 2)").trimEnd().padEnd(117)}\n`;
  const values = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0];
  expect([...encodeNpy([2, 2], Int32Array.of(1, 2, 3, 4))]).toEqual([...npy(numpy, values)]);
  expect(Buffer.from(encodeNpy([3], new Uint8Array(3))).toString("latin1")).toContain(
    "'descr': '|u1', 'fortran_order': False, 'shape': (3,), }",
  );
  expect(Buffer.from(encodeNpy([], new Uint8Array(1))).toString("latin1")).toContain("'shape': (), }");
});

test("booleans, later versions and numbers without dimensions are read", () => {
  expect(decodeNpy(npy(header("|b1", "False", "(3,)"), [1, 0, 1]), "a")).toEqual({
    shape: [3],
    data: Uint8Array.of(1, 0, 1),
  });
  expect(decodeNpy(npy(header("|u1", "False", "()"), [7], [2, 0]), "a")).toEqual({ shape: [], data: Uint8Array.of(7) });
});

test.each<[string, Uint8Array, string]>([
  ["nothing", new Uint8Array(), "a: not a .npy file"],
  ["text", Buffer.from("1,2,3,4,5,6,7,8"), "a: not a .npy file"],
  ["version 4", npy("", [], [4, 0]), "a: version 4.0 of the .npy format is not read, 1.0 to 3.0 are"],
  [
    "no length",
    npy("", [], [2, 0]).subarray(0, 11),
    "a: cut short: its header would begin at byte 12, the file has 11",
  ],
  ["a header cut short", npy(header("|u1", "False", "(3,)"), []).subarray(0, 40), "a: cut short: its header of 5"],
  [
    "Fortran order",
    npy(header("<f4", "True", "(1,)"), [0, 0, 0, 0]),
    "save it as np.save(file, np.ascontiguousarray(array))",
  ],
  [
    "big-endian numbers",
    npy(header(">f4", "False", "(1,)"), [0, 0, 0, 0]),
    "type >f4: expected one of <f4, <f8, <i4, <i8, |u1, |b1; convert",
  ],
  ["half floats", npy(header("<f2", "False", "(1,)"), [0, 0]), "type <f2: expected one of"],
  ["pickled objects", npy(header("|O", "False", "(1,)"), [0, 0]), "type |O: expected one of"],
  [
    "records",
    npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }", []),
    "its header gives no plain type",
  ],
  ["no order", npy("{'descr': '<f4', 'shape': (1,), }", []), "its header gives no order"],
  ["a negative size", npy(header("|u1", "False", "(-1,)"), []), "its header gives no shape"],
  [
    "too few values",
    npy(header("<i4", "False", "(2,)"), [0, 0, 0, 0]),
    "a: cut short: shape (2) takes 8 bytes, the file holds 4",
  ],
  [
    "too many values",
    npy(header("|u1", "False", "(2,)"), [0, 0, 0, 0]),
    "a: 2 bytes follow the array: shape (2) takes 2 bytes",
  ],
  [
    "a product over 2^53",
    npy(header("|u1", "False", `(${2 ** 40}, ${2 ** 40})`), [0]),
    "takes Infinity bytes, the file holds 1",
  ],
])("%s is refused", (_name, bytes, message) => {
  expect(() => decodeNpy(bytes, "a")).toThrow(message);
  expect(() => decodeNpy(bytes, "a")).toThrow(RunError);
});

test("a shape that does not fit is refused", () => {
  expect(() => encodeNpy([2, 2], new Float32Array(5))).toThrow("npy: shape (2,2) does not fit 5 values");
});

test("a file with any bytes changed is decoded or refused with RunError, never anything else", () => {
  const whole = encodeNpy([2, 3], new Float32Array(6));
  fc.assert(
    fc.property(fc.array(fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) }), { maxLength: 4 }), (changes) => {
      const bytes = whole.slice();
      for (const { at, to } of changes) bytes[at] = to;
      try {
        const { shape, data } = decodeNpy(bytes, "a");
        expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
      } catch (error) {
        expect(error).toBeInstanceOf(RunError);
      }
    }),
    { numRuns: 2000 },
  );
});
