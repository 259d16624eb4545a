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

test("further inputs are drawn anew at each step, and permutations leave padding where it is", () => {
  const data = floats([0.1, 0.2, 0.3, 0.4, 0.5], [1]);
  const capacity = 5;
  const kernels = createKernels(4 * capacity * 9 + batchBytes(capacity, 1) + 1024);
  const permutation = { name: "permutation", kind: "permutations", columns: 3, samples: 1 } as const;
  const prior = { name: "prior", kind: "normals", columns: 2, samples: 2 } as const;
  const [order, normals] = [kernels.float32(3 * capacity), kernels.float32(4 * capacity)];
  const arrays = {
    ...{ kernels, x: kernels.float32(capacity), weight: kernels.float32(capacity) },
    ...{ example: kernels.uint32(capacity), pixels: kernels.uint8(capacity), noiseWidth: 2, samples: 1 },
    drawn: [
      { ...permutation, out: order },
      { ...prior, out: normals },
    ],
  };
  const fillWith = (seed: number, purpose: string, count: number, step: number) => {
    const fill = batchFiller(data, arrays, { binarization: "none", seed, purpose });
    fill(
      Uint32Array.from({ length: count }, (_, i) => i),
      { epoch: 0, step },
    );
    return { columns: [0, 1, 2].map((j) => order.filter((_, i) => i % 3 === j)), normals: [...normals] };
  };
  const first = fillWith(1, "train", 4, 7);
  for (const column of first.columns) {
    expect(column[4]).toBe(4);
    expect([...column.subarray(0, 4)].sort()).toEqual([0, 1, 2, 3]);
  }
  expect(new Set(first.columns.map(String)).size).toBe(3);
  expect(new Set(first.normals.slice(0, 8)).size).toBe(8); // then the padding, which repeats a row
  expect(first.normals.slice(8, 10)).toEqual(first.normals.slice(0, 2));
  expect(fillWith(1, "train", 4, 7)).toEqual(first);
  for (const other of [fillWith(1, "train", 4, 8), fillWith(1, "test", 4, 7), fillWith(2, "train", 4, 7)]) {
    expect(other.columns).not.toEqual(first.columns);
    expect(other.normals).not.toEqual(first.normals);
  }
});
