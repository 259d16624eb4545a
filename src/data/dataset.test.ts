import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { type Dataset, type Examples, imageShape, joined, rows, take } from "./dataset.ts";
import { fingerprinted } from "./fingerprint.ts";

function examples(): Examples {
  return {
    name: "small",
    split: "all",
    event: [2, 2],
    count: 4,
    values: Uint8Array.from({ length: 16 }, (_, i) => i),
    index: Uint32Array.of(7, 8, 9, 10),
    labels: Uint8Array.of(0, 1, 2, 3),
    factors: { names: ["a", "b"], sizes: [4, 8], classes: Uint8Array.of(0, 7, 1, 6, 2, 5, 3, 4) },
    numbers: { names: ["age"], values: Float32Array.of(0.5, 1.5, 2.5, 3.5) },
  };
}

function bare(): Examples {
  const { labels: _labels, factors: _factors, numbers: _numbers, ...all } = examples();
  return all;
}

test("rows are views with everything that belongs to them", () => {
  const all = examples();
  const part = rows(all, 1, 3, "test");
  expect(part).toEqual({
    ...all,
    split: "test",
    count: 2,
    values: Uint8Array.from({ length: 8 }, (_, i) => i + 4),
    index: Uint32Array.of(8, 9),
    labels: Uint8Array.of(1, 2),
    factors: { names: ["a", "b"], sizes: [4, 8], classes: Uint8Array.of(1, 6, 2, 5) },
    numbers: { names: ["age"], values: Float32Array.of(1.5, 2.5) },
  });
  expect(part.values.buffer).toBe(all.values.buffer);
  for (const [from, to] of [
    [-1, 2],
    [3, 2],
    [0, 5],
    [0.5, 2],
  ] as const) {
    expect(() => rows(all, from, to)).toThrow(`small: rows ${from} to ${to}: expected whole numbers from 0 to 4`);
  }
});

test("taken examples are copies in the order asked for", () => {
  const all = examples();
  const taken = take(all, Uint32Array.of(3, 0));
  expect(taken).toEqual({
    ...all,
    count: 2,
    values: Uint8Array.of(12, 13, 14, 15, 0, 1, 2, 3),
    index: Uint32Array.of(10, 7),
    labels: Uint8Array.of(3, 0),
    factors: { names: ["a", "b"], sizes: [4, 8], classes: Uint8Array.of(3, 4, 0, 7) },
    numbers: { names: ["age"], values: Float32Array.of(3.5, 0.5) },
  });
  expect(() => take(all, Uint32Array.of(1, 4))).toThrow("small: row 4: expected a whole number from 0 to 3");
});

test("splits joined are train, validation and test in this order, each example with a number of its own", () => {
  const all = examples();
  const part = (from: number, to: number): Dataset => ({ ...rows(all, from, to), fingerprint: "" });
  const splits = { train: part(0, 2), validation: part(3, 4), test: { ...part(0, 2), index: Uint32Array.of(7, 8) } };
  expect(joined(splits)).toEqual({
    ...take(all, Uint32Array.of(0, 1, 3, 0, 1)),
    split: "all",
    index: Uint32Array.of(0, 1, 2, 3, 4),
  });
});

test("a fingerprint follows from the values, their type and the event, and from nothing else", async () => {
  const of = async (change: Partial<Examples>) => (await fingerprinted({ ...bare(), ...change })).fingerprint;
  const same = await of({});
  expect(same).toMatch(/^[0-9a-f]{16}$/);
  const sha256 = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");
  expect(same).toBe(sha256(`uint8 2x2\n${sha256(examples().values as Uint8Array)}`).slice(0, 16));
  expect(await of({ name: "other", split: "test", index: new Uint32Array(4), labels: new Uint8Array(4) })).toBe(same);
  const others = await Promise.all([
    of({ event: [4] }),
    of({ values: examples().values.map((value) => value ^ 1) as Uint8Array }),
    of({ values: new Float32Array(examples().values) }),
    of({ values: examples().values.subarray(0, 12) as Uint8Array, count: 3, index: new Uint32Array(3) }),
  ]);
  expect(new Set([same, ...others]).size).toBe(5);
});

test("a fingerprint sees every part of large data", async () => {
  const values = new Uint8Array(2 ** 22 + 5);
  const index = new Uint32Array(values.length);
  const of = async () =>
    (await fingerprinted({ ...bare(), event: [1], values, count: values.length, index })).fingerprint;
  const before = await of();
  values[values.length - 1] = 1;
  const after = await of();
  expect(after).not.toBe(before);
  values[values.length - 1] = 0;
  values[0] = 1;
  expect(new Set([before, after, await of()]).size).toBe(3);
});

test("images are told from other examples", () => {
  expect(imageShape([28, 20])).toEqual({ height: 28, width: 20, channels: 1 });
  expect(imageShape([28, 20, 1])).toEqual({ height: 28, width: 20, channels: 1 });
  expect(imageShape([32, 32, 3])).toEqual({ height: 32, width: 32, channels: 3 });
  for (const event of [[], [784], [28, 28, 2], [2, 28, 28, 3]]) expect(imageShape(event)).toBeUndefined();
});
