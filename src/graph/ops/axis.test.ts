import { expect, test } from "vitest";
import { cpuBackend } from "../../runtime/ort.node.ts";
import { compile } from "../../runtime/program.ts";
import { grad } from "../grad.ts";
import { input } from "../tensor.ts";
import { logSoftmax, softmax } from "./axis.ts";
import { sum } from "./structure.ts";

test("softmax neither overflows nor makes NaN of −∞", async () => {
  const x = input("x", ["batch", 2]);
  const outputs = {
    y: softmax(x, 1),
    log: logSoftmax(x, 1),
    dy: grad(sum(softmax(x, 1)), [x])[0]!,
    dlog: grad(sum(logSoftmax(x, 1)), [x])[0]!,
  };
  const program = await compile(await cpuBackend(1), outputs);
  const rows = [1e4, 1e4, -1e4, 1e4, -Infinity, 3, 1e-30, 0];
  const values = await program.run({ x: Float32Array.from(rows) });
  await program.release();
  const half = Math.fround(-Math.LN2);
  expect([...(values.y!.data as Float32Array)]).toEqual([0.5, 0.5, 0, 1, 0, 1, 0.5, 0.5]);
  expect([...(values.log!.data as Float32Array)]).toEqual([half, half, -2e4, 0, -Infinity, 0, half, half]);
  expect([...(values.dy!.data as Float32Array)].map((v) => v + 0)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  expect([...(values.dlog!.data as Float32Array)].map((v) => v + 0)).toEqual([0, 0, 1, -1, 1, -1, 0, 0]);
});
