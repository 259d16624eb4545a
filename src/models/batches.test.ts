import { expect, test } from "vitest";
import { floats } from "../../test/models.ts";
import type { Binarization } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { createKernels } from "../runtime/kernels.ts";
import { batchBytes, batchFiller } from "./batches.ts";

/** One batch of a data set, without noise. */
function batchOf(data: Examples, capacity: number, binarization: Binarization, rows: readonly number[], epoch = 0) {
  const size = data.event.reduce((a, b) => a * b, 1);
  const kernels = createKernels(4 * capacity * (size + 1) + batchBytes(capacity, size) + 1024);
  const arrays = {
    kernels,
    x: kernels.float32(capacity * size),
    weight: kernels.float32(capacity),
    example: kernels.uint32(capacity),
    pixels: kernels.uint8(capacity * size),
    noiseWidth: 2,
    samples: 1,
  };
  batchFiller(data, arrays, { binarization, seed: 1, purpose: "test" })(Uint32Array.from(rows), { epoch, step: 0 });
  return { ...arrays, row: (i: number) => [...arrays.x.subarray(i * size, (i + 1) * size)] };
}

test("probabilities that are no grey levels are drawn as they are: 0.001 comes out 1 once in a thousand", () => {
  const size = 50_000;
  for (const p of [0, 0.001, 0.3, 0.9985, 1]) {
    const { x } = batchOf(floats(new Array(2 * size).fill(p), [size]), 2, "static", [0, 1]);
    const ones = x.reduce((sum, value) => sum + value, 0);
    expect(x.every((value) => value === 0 || value === 1)).toBe(true);
    expect(Math.abs(ones / (2 * size) - p)).toBeLessThanOrEqual(5 * Math.sqrt((p * (1 - p)) / (2 * size)));
  }
});

test("the draw belongs to the example and, when dynamic, to the epoch; padding repeats a row with weight 0", () => {
  const data = floats(
    Array.from({ length: 300 }, (_, i) => (i % 10) / 10),
    [100],
  );
  const three = batchOf(data, 4, "dynamic", [0, 1, 2]);
  const one = batchOf(data, 4, "dynamic", [2]);
  expect(one.row(0)).toEqual(three.row(2));
  expect(one.row(3)).toEqual(one.row(0));
  expect([[...three.weight], [...one.weight]]).toEqual([
    [1, 1, 1, 0],
    [1, 0, 0, 0],
  ]);
  expect(batchOf(data, 4, "dynamic", [2], 1).row(0)).not.toEqual(one.row(0));
  expect(batchOf(data, 4, "static", [2], 1).row(0)).toEqual(batchOf(data, 4, "static", [2], 0).row(0));
});
