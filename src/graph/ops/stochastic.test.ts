import { expect, test } from "vitest";
import { cpuBackend } from "../../runtime/ort.node.ts";
import { compile } from "../../runtime/program.ts";
import { grad } from "../grad.ts";
import { input } from "../tensor.ts";
import { sign } from "./arithmetic.ts";
import { tanh } from "./functions.ts";
import { straightThrough } from "./stochastic.ts";
import { sum } from "./structure.ts";

test("straightThrough has the value of one and the gradient of the other", async () => {
  const x = input("x", ["batch"]);
  const y = straightThrough(sign(x), tanh(x));
  const program = await compile(await cpuBackend(1), { y, dx: grad(sum(y), [x])[0]! }, { precision: "float64" });
  const { y: value, dx } = await program.run({ x: Float64Array.of(0.5, -2) });
  await program.release();
  expect([...(value!.data as Float64Array)]).toEqual([1, -1]);
  for (const [i, at] of [0.5, -2].entries())
    expect((dx!.data as Float64Array)[i]).toBeCloseTo(1 - Math.tanh(at) ** 2, 12);
});
