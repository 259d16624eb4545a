import fc from "fast-check";
import { expect, test } from "vitest";
import { RunError } from "../errors.ts";
import { decodeSafetensors } from "./safetensors.ts";
import { encodeSafetensors, type NamedArray } from "./safetensors-encode.ts";

const kinds = [Float32Array, Int32Array, Uint8Array, Float64Array, BigInt64Array] as const;

/** Any tensor: every bit pattern, NaN included. */
const tensor: fc.Arbitrary<NamedArray> = fc
  .tuple(fc.array(fc.nat(4), { maxLength: 4 }), fc.constantFrom(...kinds), fc.infiniteStream(fc.nat(255)))
  .map(([shape, kind, stream]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const bytes = Uint8Array.from({ length: count * kind.BYTES_PER_ELEMENT }, () => stream.next().value as number);
    return { shape, data: new kind(bytes.buffer) };
  });

const name = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "10", "2", ""),
);

const file = fc.record({
  tensors: fc.array(fc.tuple(name, tensor), { maxLength: 6 }).map((entries) => new Map(entries)),
  metadata: fc.dictionary(name, fc.string(), { noNullPrototype: true }),
  shift: fc.nat(9),
});

/** Equal to the bit; NaN is equal to itself. */
function bits({ shape, data }: NamedArray): unknown {
  return [data.constructor.name, shape, [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]];
}

test("what is encoded is decoded to the bit, in order, wherever the bytes lie in memory", () => {
  fc.assert(
    fc.property(file, ({ tensors, metadata, shift }) => {
      const encoded = encodeSafetensors(tensors, metadata);
      const headerLength = new DataView(encoded.buffer).getUint32(0, true);
      expect(headerLength % 8).toBe(0);
      const memory = Buffer.alloc(encoded.length + shift); // of which slice() would be no copy
      memory.set(encoded, shift);
      const decoded = decodeSafetensors(memory.subarray(shift), "a");
      expect([...decoded.tensors].map(([key, value]) => [key, bits(value)])).toEqual(
        [...tensors].map(([key, value]) => [key, bits(value)]),
      );
      expect(Object.entries(decoded.metadata).sort()).toEqual(Object.entries(metadata).sort());
    }),
    { numRuns: 300 },
  );
});

test("aligned data is not copied", () => {
  const encoded = encodeSafetensors(new Map([["a", { shape: [3], data: Float64Array.of(1, 2, 3) }]]));
  expect(decodeSafetensors(encoded, "a").tensors.get("a")!.data.buffer).toBe(encoded.buffer);
});

test("tensors that cannot be encoded are refused", () => {
  const encode = (key: string, shape: number[]) => () =>
    encodeSafetensors(new Map([[key, { shape, data: new Float32Array(6) }]]));
  expect(encode("w", [2, 2])).toThrow('tensor "w": shape (2,2) does not fit its 6 values');
  expect(encode("__metadata__", [6])).toThrow('tensor "__metadata__": this name is reserved by the format');
});

/** A file of this header, given as text, and so many bytes of data. */
function fileOf(header: string, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: unknown, shape: unknown, offsets: unknown) =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });
const one = (dtype: unknown, shape: unknown, offsets: unknown) => `{"w":${entry(dtype, shape, offsets)}}`;
const two = (first: [number, number], second: [number, number]) =>
  `{"v":${entry("U8", [first[1] - first[0]], first)},"w":${entry("U8", [second[1] - second[0]], second)}}`;

const long = new Uint8Array(16);
new DataView(long.buffer).setUint32(0, 100_000_001, true);
const huge = new Uint8Array(16).fill(0xff);

test.each<[string, Uint8Array, string]>([
  ["nothing", new Uint8Array(), "expected at least 8 bytes, got 0"],
  ["less than a length", new Uint8Array(7), "expected at least 8 bytes, got 7"],
  ["a header over the end", fileOf("{}", 0).subarray(0, 9), "its header is 2 bytes long, but only 1 follow"],
  ["a header too long", long, "its header would be 100000001 bytes long, at most 100000000 are allowed"],
  ["an endless header", huge, "its header would be 18446744073709552000 bytes long"],
  ["no header", fileOf("", 0), "its header is not JSON ("],
  ["a header that is no JSON", fileOf("{w}", 0), "its header is not JSON ("],
  ["a header that is no text", fileOf("{}", 0).fill(0xff, 8), "its header is not UTF-8 text"],
  ["a byte order mark", fileOf("\ufeff{}", 0), "its header is not JSON ("],
  ["a header that is no object", fileOf("[]", 0), "its header is not a JSON object"],
  [
    "a tensor twice",
    fileOf(`{"w":${entry("U8", [1], [0, 1])},"w":${entry("U8", [1], [0, 1])}}`, 1),
    'its header holds "w" twice',
  ],
  ["metadata twice", fileOf('{"__metadata__":{},"__metadata__":{}}', 0), 'its header holds "__metadata__" twice'],
  ["a key of metadata twice", fileOf('{"__metadata__":{"a":"1","a":"2"}}', 0), 'its header holds "a" twice'],
  ["metadata that is a list", fileOf('{"__metadata__":[]}', 0), "__metadata__: expected an object, got []"],
  ["metadata that is null", fileOf('{"__metadata__":null}', 0), "__metadata__: expected an object, got null"],
  ["metadata of numbers", fileOf('{"__metadata__":{"a":1}}', 0), '__metadata__: "a": expected a string, got 1'],
  ["an entry that is null", fileOf('{"w":null}', 0), 'tensor "w": expected an object, got null'],
  [
    "half floats",
    fileOf(one("F16", [1], [0, 2]), 2),
    'tensor "w": dtype: expected one of F32, I32, U8, F64, I64, got "F16"',
  ],
  ["brain floats", fileOf(one("BF16", [1], [0, 2]), 2), 'got "BF16"'],
  ["a dtype of every object", fileOf(one("constructor", [1], [0, 4]), 4), 'tensor "w": dtype: expected one of F32'],
  ["no dtype", fileOf('{"w":{}}', 0), "got nothing"],
  ["a negative size", fileOf(one("U8", [-1], [0, 1]), 1), 'tensor "w": shape: expected whole numbers from 0, got [-1]'],
  ["a broken size", fileOf(one("U8", [1.5], [0, 1]), 1), "shape: expected whole numbers from 0, got [1.5]"],
  [
    "a size over 2^53",
    fileOf('{"w":{"dtype":"U8","shape":[1e16],"data_offsets":[0,1]}}', 1),
    "shape: expected whole numbers",
  ],
  ["a shape that is text", fileOf(one("U8", "1", [0, 1]), 1), 'shape: expected whole numbers from 0, got "1"'],
  [
    "a product over 2^53",
    fileOf(one("U8", [2 ** 40, 2 ** 40], [0, 1]), 1),
    "takes Infinity bytes, but its data_offsets hold 1",
  ],
  [
    "three offsets",
    fileOf(one("U8", [1], [0, 1, 2]), 1),
    "data_offsets: expected two whole numbers from 0, got [0,1,2]",
  ],
  [
    "a negative offset",
    fileOf(one("U8", [1], [-1, 0]), 1),
    "data_offsets: expected two whole numbers from 0, got [-1,0]",
  ],
  ["an end before its begin", fileOf(one("U8", [1], [1, 0]), 1), "data_offsets: begins at 1, after its end at 0"],
  [
    "an end beyond the data",
    fileOf(one("U8", [4], [0, 4]), 3),
    "data_offsets: ends at byte 4, but there are only 3 bytes",
  ],
  [
    "a shape too large",
    fileOf(one("F32", [2], [0, 4]), 4),
    "its shape (2) of F32 takes 8 bytes, but its data_offsets hold 4",
  ],
  [
    "a shape too small",
    fileOf(one("F32", [], [0, 8]), 8),
    "its shape () of F32 takes 4 bytes, but its data_offsets hold 8",
  ],
  ["an overlap", fileOf(two([0, 3], [2, 4]), 4), 'tensor "w": overlaps tensor "v" by 1 bytes'],
  ["the same bytes twice", fileOf(two([0, 4], [0, 4]), 4), "overlaps tensor"],
  [
    "a gap between tensors",
    fileOf(two([0, 1], [3, 4]), 4),
    'tensor "w": there is a gap of 2 bytes between it and tensor "v"',
  ],
  ["a gap before the first", fileOf(one("U8", [1], [1, 2]), 2), "a gap of 1 bytes between it and the header"],
  ["bytes at the end", fileOf(one("U8", [1], [0, 1]), 3), '2 bytes follow the end of tensor "w"'],
  ["bytes after no tensors", fileOf("{}", 3), "3 bytes follow the end of the header"],
])("%s is refused", (_what, bytes, message) => {
  expect(() => decodeSafetensors(bytes, "run/a.safetensors")).toThrow(message);
  expect(() => decodeSafetensors(bytes, "run/a.safetensors")).toThrow(
    /^run\/a\.safetensors: .* the file is damaged or no/,
  );
  expect(() => decodeSafetensors(bytes, "a")).toThrow(RunError);
});

test("entries may stand in the header in another order than in the data", () => {
  const { tensors } = decodeSafetensors(fileOf(two([2, 4], [0, 2]), 4), "a");
  expect([...tensors.keys()]).toEqual(["v", "w"]);
});

test("a file with any bytes changed, cut or added is decoded or refused with RunError, never anything else", () => {
  const whole = encodeSafetensors(
    new Map<string, NamedArray>([
      ["weights", { shape: [2, 3], data: new Float32Array(6) }],
      ["bytes", { shape: [3], data: new Uint8Array(3) }],
      ["counts", { shape: [2], data: new BigInt64Array(2) }],
    ]),
    { state: "{}" },
  );
  const change = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) });
  const outcomes = { decoded: 0, refused: 0 };
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), fc.integer({ min: -40, max: 10 }), (changes, longer) => {
      const bytes = new Uint8Array(whole.length + Math.max(longer, -whole.length));
      bytes.set(whole.subarray(0, bytes.length));
      for (const { at, to } of changes) if (at < bytes.length) bytes[at] = to;
      try {
        for (const { shape, data } of decodeSafetensors(bytes, "a").tensors.values()) {
          expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
        }
        outcomes.decoded++;
      } catch (error) {
        expect(error).toBeInstanceOf(RunError);
        outcomes.refused++;
      }
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(outcomes.decoded, outcomes.refused)).toBeGreaterThan(10); // the test meets both
});
