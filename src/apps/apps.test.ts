import fc from "fast-check";
import { expect, test } from "vitest";
import { fakeInference } from "../../test/fake-inference.ts";
import type { Dataset } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { encode } from "./encode.ts";
import { exampleAt, examplesOf } from "./examples.ts";
import { generate } from "./generate.ts";
import { interpolate, slerp } from "./interpolate.ts";
import { reconstruct } from "./reconstruct.ts";
import { orderByKl, traverse } from "./traverse.ts";

function dataset(values: Uint8Array | Float32Array, event: readonly number[] = [2, 2]): Dataset {
  const count = values.length / event.reduce((a, b) => a * b, 1);
  return {
    name: "made",
    split: "test",
    event,
    count,
    values,
    index: Uint32Array.from({ length: count }, (_, i) => i),
    fingerprint: "0",
  };
}

test("a generated image is the same for any count, and another for another seed", async () => {
  const model = fakeInference();
  const { images: few } = await generate(model, { count: 3, seed: 5 });
  const { images: many, event, count } = await generate(model, { count: 300, seed: 5 });
  expect(many.subarray(0, 12)).toEqual(few);
  expect([event, count]).toEqual([[2, 2], 300]);
  expect((await generate(model, { count: 3, seed: 6 })).images).not.toEqual(few);
});

test("generated latents are standard normal", async () => {
  const { images } = await generate(fakeInference(), { count: 4000, seed: 1 });
  const z = images.filter((_, i) => i % 4 < 3); // 12,000 numbers
  const mean = z.reduce((sum, value) => sum + value, 0) / z.length;
  const variance = z.reduce((sum, value) => sum + (value - mean) ** 2, 0) / z.length;
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(z.length));
  expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / z.length));
});

test("reconstructions are decoded codes, beside their inputs", async () => {
  const x = Float32Array.from([1, 2, 3, 9, 4, 5, 6, 9]);
  const result = await reconstruct(fakeInference(), x, 2);
  expect(result.inputs).toEqual(x);
  expect([...result.reconstructions]).toEqual([1, 2, 3, 6, 4, 5, 6, 15]);
  const flowed = await reconstruct(fakeInference(10), x, 2);
  expect([...flowed.reconstructions]).toEqual([11, 12, 13, 36, 14, 15, 16, 45]);
});

test("interpolation goes from one code to the other, ends included", async () => {
  const ends = Float32Array.from([1, 0, 0, 0, 0, 2, 0, 0]);
  const flowed = await interpolate(fakeInference(10), ends, { steps: 2 });
  expect([...flowed.images]).toEqual([11, 10, 10, 31, 10, 12, 10, 32]);
  const linear = await interpolate(fakeInference(), ends, { steps: 3 });
  expect([...linear.images]).toEqual([1, 0, 0, 1, 0.5, 1, 0, 1.5, 0, 2, 0, 2]);
  const round = await interpolate(fakeInference(), ends, { steps: 3, path: "slerp" });
  expect([...round.images.subarray(4, 7)].map((v) => Number(v.toFixed(5)))).toEqual([1.06066, 1.06066, 0]);
  await expect(interpolate(fakeInference(), ends, { steps: 1 })).rejects.toThrow(
    "steps: expected an integer >= 2, got 1",
  );
});

test("slerp keeps its ends, and its length goes evenly from one to the other's", () => {
  const vector = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(vector, vector, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, share) => {
      const [from, to] = [Float32Array.from(a), Float32Array.from(b)];
      for (const [i, value] of slerp(from, to, 0).entries()) expect(value).toBeCloseTo(from[i]!, 4);
      for (const [i, value] of slerp(from, to, 1).entries()) expect(value).toBeCloseTo(to[i]!, 4);
      const [p, q] = [Math.hypot(...from), Math.hypot(...to)];
      const angle = Math.acos(Math.max(-1, Math.min(1, from.reduce((sum, v, i) => sum + v * to[i]!, 0) / (p * q))));
      if (angle > 0.1 && angle < 3) {
        expect(Math.hypot(...slerp(from, to, share))).toBeCloseTo((1 - share) * p + share * q, 3);
      }
    }),
  );
});

test("slerp of vectors without an angle between them is linear", () => {
  const zero = new Float32Array(2);
  const one = Float32Array.from([1, 1]);
  expect([...slerp(zero, one, 0.25)]).toEqual([0.25, 0.25]);
  expect([...slerp(one, one, 0.5)]).toEqual([1, 1]);
});

test("a traversal varies one dimension in even steps and leaves the others at the start", async () => {
  const start = Float32Array.from([0.5, 0.25, 0]);
  const options = { dimensions: [2, 0], steps: 3, range: 2 };
  const { images, count } = await traverse(fakeInference(), { ...options, start });
  const z = (row: number) => [...images.subarray(row * 4, row * 4 + 3)];
  expect(count).toBe(6);
  expect([0, 1, 2].map(z)).toEqual([-2, 0, 2].map((v) => [0.5, 0.25, v]));
  expect([3, 4, 5].map(z)).toEqual([-2, 0, 2].map((v) => [v, 0.25, 0]));
  const { images: fromPrior } = await traverse(fakeInference(), options);
  expect([...fromPrior.subarray(0, 3)]).toEqual([0, 0, -2]);
});

test("with a normal p(z|c) a traversal goes about its mean, in its standard deviations", async () => {
  const fake = fakeInference();
  const condition = { on: ["label"], encoder: true, prior: true };
  const config = { ...fake.config, model: { ...fake.config.model, condition } };
  const prior = { ...fake.prior, draw: async (normal: Float32Array) => normal.map((value) => 2 * value + 1) };
  const options = { dimensions: [2], steps: 3, range: 2 };
  const { images } = await traverse({ ...fake, config, prior }, options);
  expect([0, 1, 2].map((row) => [...images.subarray(row * 4, row * 4 + 3)])).toEqual([-3, 1, 5].map((v) => [1, 1, v]));
  const start = Float32Array.of(0, 0, 0);
  expect((await traverse({ ...fake, config, prior }, { ...options, start })).images[2]).toBe(-2);
});

test("a dimension that the model does not have, or a start of another length, is refused with what is allowed", async () => {
  const refused = (options: { dimensions?: number[]; start?: Float32Array }) =>
    expect(traverse(fakeInference(), { dimensions: [0], steps: 3, range: 2, ...options })).rejects;
  for (const wrong of [3, -1, 0.5, Number.NaN]) {
    await refused({ dimensions: [1, wrong] }).toThrow(UsageError);
    await refused({ dimensions: [1, wrong] }).toThrow(
      `dimensions: expected latent dimensions from 0 to 2, got ${wrong}`,
    );
  }
  for (const length of [2, 6])
    await refused({ start: new Float32Array(length) }).toThrow(
      `start: expected 3 values, one for each latent dimension, got ${length}`,
    );
});

test("dimensions are ordered by KL, equal ones as they come", () => {
  expect(orderByKl([0, 1, 2])).toEqual([2, 1, 0]);
  expect(orderByKl([0, 0.5, 0])).toEqual([1, 0, 2]);
});

test("encode gives every example its posterior, grey levels as v/255, over chunk borders", async () => {
  const values = Uint8Array.from({ length: 5000 * 4 }, (_, i) => (i * 7) % 256);
  const { mean, logvar } = await encode(fakeInference(), dataset(values));
  expect(mean.length).toBe(15_000);
  for (const row of [0, 127, 128, 4095, 4096, 4999]) {
    expect([...mean.subarray(row * 3, row * 3 + 3)]).toEqual(
      [0, 1, 2].map((j) => Math.fround(values[row * 4 + j]! / 255)),
    );
    expect(logvar[row * 3 + 1]).toBe(Math.fround(values[row * 4 + 3]! / 255));
  }
});

test("what a model cannot take is refused by name", () => {
  const data = dataset(Float32Array.from([0, 0, 0, 0, 1, Number.NaN, 1, 1]));
  expect(() => examplesOf(data, 0, 2)).toThrow("made: row 1, value 1: expected a finite number, got NaN");
  expect(() => exampleAt(data, 2, "--from")).toThrow(
    "--from: expected a row from 0 to 1 of the test split of made, got 2",
  );
});
