import { expect, test } from "vitest";
import { add } from "../graph/ops/arithmetic.ts";
import { expand, sum } from "../graph/ops/structure.ts";
import { input } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { openRows, rowNetwork } from "./rows.ts";

const cpu = { device: "cpu" };

test("rows that were not given are zeros, also after a call that had more", async () => {
  const x = input("x", ["batch", 2]);
  const network = rowNetwork(x, { y: add(x, expand(sum(x, [0]), x)) }, {}, cpu);
  const runner = await openRows(await cpuBackend(1), network);
  const y = new Float32Array(network.rowsAtOnce * 2);
  await runner.apply(new Float32Array(y.length).fill(1), network.rowsAtOnce, { y });
  expect(y.at(-1)).toBe(1 + network.rowsAtOnce);
  for (const values of [Float32Array.of(1, 0), Uint8Array.of(255, 0)]) {
    await runner.apply(values, 1, { y });
    expect([...y.subarray(0, 3)]).toEqual([2, 0, 1 + network.rowsAtOnce]);
  }
  await runner.release();
});

test.each([
  [[10], 128],
  [[8192], 128],
  [[8193], 64],
  [[200, 300], 16], // 4 MiB hold 17
  [[1000, 1000], 8],
])("rows of shape %j: as many at once as stay in the cache, but not too few: %i", (shape, rows) => {
  const x = input("x", ["batch", ...shape]);
  expect(rowNetwork(x, { y: add(x, 1) }, {}, cpu).rowsAtOnce).toBe(rows);
});

test("rows that take too much memory together are fewer", () => {
  const x = input("x", ["batch", 4000, 4000]); // 64 MB, of which one is between input and output
  const y = add(add(x, 1), x);
  expect(rowNetwork(x, { y }, {}, cpu).rowsAtOnce).toBe(4);
});

test("a network that cannot be tied to its arrays is released", async () => {
  const x = input("x", ["batch", 2]);
  const backend = await cpuBackend(1);
  let released = 0;
  const failing: Backend = {
    ...backend,
    async compile(...given) {
      const executable = await backend.compile(...given);
      return {
        ...executable,
        bind() {
          throw new Error("no more memory");
        },
        async release() {
          released++;
          await executable.release();
        },
      };
    },
  };
  await expect(openRows(failing, rowNetwork(x, { y: add(x, 1) }, {}, cpu))).rejects.toThrow("no more memory");
  expect(released).toBe(1);
});
