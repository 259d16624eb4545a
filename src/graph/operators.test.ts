import { beforeAll, expect, test } from "vitest";
import { checkCase, generator } from "../../test/gradient-check.ts";
import { cases, composed } from "../../test/operator-cases.ts";
import type { Backend } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { compile } from "../runtime/program.ts";
import { grad } from "./grad.ts";
import { operators } from "./operators.ts";
import { elu, relu, silu, softplus } from "./ops/activation.ts";
import { add, div, maximum, minimum, mul, sub } from "./ops/arithmetic.ts";
import { less, where } from "./ops/comparison.ts";
import { sigmoid, tanh } from "./ops/functions.ts";
import { logsumexp, max, min } from "./ops/reduce.ts";
import { sum } from "./ops/structure.ts";
import { input, type Tensor } from "./tensor.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await cpuBackend(1);
});

test("every operator has cases, and a gradient or a reason for none", () => {
  expect(Object.keys(cases).sort()).toEqual([...operators.keys()].sort());
  for (const [name, { gradient }] of operators) {
    const { none: without, cases: own } = cases[name]!;
    expect(typeof gradient === "function", `${name} is differentiable`).toBe(!without);
    if (typeof gradient !== "function") expect(gradient.none, name).not.toBe("");
    else expect(own.length, `${name} has gradient cases`).toBeGreaterThan(0);
  }
});

for (const [name, { cases: own, none: without }] of Object.entries(cases))
  test(`${name}: values, ${without ? "" : "gradients, "}float32`, async () => {
    const random = generator(7);
    for (const item of own) await checkCase(backend, item, random, !without);
  });

test.each(Object.entries(composed))("%s: values, gradients, float32", async (_name, own) => {
  const random = generator(8);
  for (const item of own) await checkCase(backend, item, random, true);
});

test("whole numbers: arithmetic and choice are exact beyond 2^53, sums below", async () => {
  const [a, b] = [input("a", [2], "int"), input("b", [2], "int")];
  const program = await compile(backend, {
    add: add(a, b),
    sub: sub(a, b),
    mul: mul(a, b),
    div: div(a, b),
    maximum: maximum(a, b),
    sum: sum(b),
    max: max(b),
    where: where(less(a, b), a, b),
  });
  const big = 2n ** 53n + 1n;
  const values = await program.run({ a: BigInt64Array.of(big, -7n), b: BigInt64Array.of(2n, 2n) });
  await program.release();
  expect(
    Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, [...(data as BigInt64Array)]])),
  ).toEqual({
    add: [big + 2n, -5n],
    sub: [big - 2n, -9n],
    mul: [big * 2n, -14n],
    div: [2n ** 52n, -3n],
    maximum: [big, 2n],
    sum: [4n],
    max: [2n],
    where: [2n, -7n],
  });
});

test("far from 0, at infinity and at NaN", async () => {
  const x = input("x", ["batch"]);
  const outputs = {
    softplus: softplus(x),
    sigmoid: sigmoid(x),
    tanh: tanh(x),
    elu: elu(x),
    relu: relu(x),
    "d softplus": grad(sum(softplus(x)), [x])[0]!,
    "d sigmoid": grad(sum(sigmoid(x)), [x])[0]!,
    "d elu": grad(sum(elu(x)), [x])[0]!,
    "d silu": grad(sum(silu(x)), [x])[0]!,
  };
  const points = [1e4, -1e4, Infinity, -Infinity, NaN];
  for (const precision of ["float32", "float64"] as const) {
    const program = await compile(backend, outputs, { precision });
    const values = await program.run({
      x: precision === "float32" ? Float32Array.from(points) : Float64Array.from(points),
    });
    await program.release();
    const rounded = Object.fromEntries(
      Object.entries(values).map(([name, { data }]) => [
        name,
        Array.from(data as Float64Array, (v) => Math.round(v * 1e6) / 1e6 + 0),
      ]),
    );
    expect(rounded, precision).toEqual({
      softplus: [1e4, 0, Infinity, 0, NaN],
      sigmoid: [1, 0, 1, 0, NaN],
      tanh: [1, -1, 1, -1, NaN],
      elu: [1e4, -1, Infinity, -1, NaN],
      relu: [1e4, 0, Infinity, 0, NaN],
      "d softplus": [1, 0, 1, 0, NaN],
      "d sigmoid": [0, 0, 0, 0, NaN],
      "d elu": [1, 0, 1, 0, NaN],
      "d silu": [1, 0, NaN, NaN, NaN], // x·σ(x) at ±∞ is ∞·0
    });
  }
});

test("logsumexp neither overflows nor makes NaN of −∞", async () => {
  const x = input("x", ["batch", 2]);
  const program = await compile(backend, { y: logsumexp(x, [1]), dx: grad(sum(logsumexp(x, [-1])), [x])[0]! });
  const rows = [1e4, 1e4, -1e4, -1e4, -Infinity, -Infinity, -Infinity, 3, Infinity, 0];
  const { y, dx } = await program.run({ x: Float32Array.from(rows) });
  await program.release();
  expect([...(y!.data as Float32Array)]).toEqual(
    [1e4 + Math.LN2, -1e4 + Math.LN2, -Infinity, 3, Infinity].map(Math.fround),
  );
  expect([...(dx!.data as Float32Array)].slice(0, 4)).toEqual([0.5, 0.5, 0.5, 0.5]);
  expect([...(dx!.data as Float32Array)].slice(6, 8)).toEqual([0, 1]);
});

test("where operands are equal, their gradients add up to that of the result", async () => {
  const [a, b, x] = [input("a", [1]), input("b", [1]), input("x", [4])];
  const gradients = (y: Tensor) => grad(sum(y), [a, b]);
  const [da, db] = gradients(maximum(a, b));
  const [ea, eb] = gradients(minimum(a, b));
  const [dmax, dmin] = [grad(sum(max(x)), [x])[0]!, grad(sum(min(x)), [x])[0]!];
  const program = await compile(backend, { da: da!, db: db!, ea: ea!, eb: eb!, dmax, dmin });
  const values = await program.run({ a: Float32Array.of(2), b: Float32Array.of(2), x: Float32Array.of(3, 1, 3, 1) });
  await program.release();
  expect(
    Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, [...(data as Float32Array)]])),
  ).toEqual({
    da: [1],
    db: [0],
    ea: [1],
    eb: [0],
    dmax: [0.5, 0, 0.5, 0],
    dmin: [0, 0.5, 0, 0.5],
  });
});
