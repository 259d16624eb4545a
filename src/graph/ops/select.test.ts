import { expect, test } from "vitest";
import { generator } from "../../../test/gradient-check.ts";
import { cpuBackend } from "../../runtime/ort.node.ts";
import { compile } from "../../runtime/program.ts";
import { grad } from "../grad.ts";
import { input } from "../tensor.ts";
import { mul } from "./arithmetic.ts";
import { gather } from "./select.ts";
import { sum } from "./structure.ts";

test.each([1, 2])("gather's gradient adds up duplicates in the order of the index, on %d threads", async (threads) => {
  const [rows, width, chosen] = [7, 64, 20_000];
  const [table, index, dy] = [
    input("table", [rows, width]),
    input("index", ["batch"], "int"),
    input("dy", ["batch", width]),
  ];
  const [gradient] = grad(sum(mul(gather(table, index), dy)), [table]);
  const program = await compile(await cpuBackend(threads), { gradient: gradient! }, { threads });
  const random = generator(1);
  const feeds = {
    index: BigInt64Array.from({ length: chosen }, () => BigInt(Math.floor(random() ** 3 * rows))),
    // of all magnitudes, so that another order would round to other bits
    dy: Float32Array.from({ length: chosen * width }, () => (random() - 0.5) * 10 ** (6 * random())),
  };
  const inOrder = new Float32Array(rows * width);
  for (const [i, row] of feeds.index.entries())
    for (let j = 0; j < width; j++) inOrder[Number(row) * width + j]! += feeds.dy[i * width + j]!;
  const backwards = new Float32Array(rows * width);
  for (let i = chosen - 1; i >= 0; i--)
    for (let j = 0; j < width; j++) backwards[Number(feeds.index[i]) * width + j]! += feeds.dy[i * width + j]!;
  expect(backwards).not.toEqual(inOrder);
  for (let run = 0; run < 50; run++) {
    const { data } = (await program.run(feeds)).gradient!;
    expect(
      Buffer.compare(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), new Uint8Array(inOrder.buffer)),
      `run ${run}`,
    ).toBe(0);
  }
  await program.release();
});
