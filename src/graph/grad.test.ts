import { beforeAll, expect, test } from "vitest";
import type { Backend, Data } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { compile } from "../runtime/program.ts";
import { grad, topologicalOrder } from "./grad.ts";
import { lower } from "./lower.ts";
import { add, mul, neg, square } from "./ops/arithmetic.ts";
import { exp, tanh } from "./ops/functions.ts";
import { pad, slice, split } from "./ops/join.ts";
import { linear } from "./ops/linear.ts";
import { expand, reshape, stopGradient, sum, transpose } from "./ops/structure.ts";
import { constant, input, labelled, parameter, type Tensor } from "./tensor.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await cpuBackend(1);
});

async function values(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: Readonly<Record<string, Data | number>>,
): Promise<Record<string, number[]>> {
  const program = await compile(backend, outputs, { precision: "float64" });
  const results = await program.run(feeds);
  await program.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data as Float64Array)]),
  );
}

const x = input("x", ["batch", 2]);
const w = parameter("w", [2, 2]);
const b = parameter("b", [2]);
const feeds = { x: Float64Array.of(1, 2, 3, 4), w: Float64Array.of(1, -1, 0.5, 2), b: Float64Array.of(0, 1) };

test("with respect to a parameter, an input, and a tensor between", async () => {
  const h = linear(x, w, b); // [[2, 4], [5, 6]]
  const loss = sum(square(h));
  const [dw, db, dx, dh] = grad(loss, [w, b, x, h]);
  expect(await values({ dw: dw!, db: db!, dx: dx!, dh: dh! }, feeds)).toEqual({
    dh: [4, 8, 10, 12], // 2h
    db: [14, 20], // Σ over the rows
    dx: [-4, 18, -2, 29], // dh·Wᵀ
    dw: [34, 44, 48, 64], // xᵀ·dh
  });
});

test("a tensor between keeps its whole gradient when it is reshaped and negated again", async () => {
  const z = reshape(square(x), ["2*batch"]);
  const back = reshape(z, ["batch", 2]);
  const n = neg(z);
  const [dz, dn] = grad(add(sum(exp(mul(back, 0))), add(sum(mul(back, x)), sum(z))), [z, n]);
  expect(await values({ dz: dz!, dn: dn! }, feeds)).toEqual({ dz: [2, 3, 4, 5], dn: [0, 0, 0, 0] });
  expect(await values({ dn: grad(sum(square(neg(n))), [n])[0]! }, feeds)).toEqual({ dn: [-2, -8, -18, -32] });
});

test("what the loss does not depend on has zeros, in its shape", async () => {
  const unused = parameter("unused", [2, 3]);
  const loss = add(sum(stopGradient(square(x))), sum(mul(w, 0)));
  const [none, blocked, zero] = grad(loss, [unused, x, w]);
  const program = await compile(backend, { none: none!, blocked: blocked!, zero: zero! }, { precision: "float64" });
  expect(program.inputs.map(({ name }) => name)).toEqual(["x"]); // neither `unused` nor w is needed
  const results = await program.run({ x: feeds.x });
  await program.release();
  expect(results.none).toEqual({ shape: [2, 3], data: new Float64Array(6) });
  expect(results.blocked).toEqual({ shape: [2, 2], data: new Float64Array(4) });
  expect(results.zero).toEqual({ shape: [2, 2], data: new Float64Array(4) });
});

test("the loss by itself is 1, and a tensor asked for twice is given twice", async () => {
  const loss = sum(square(b));
  const [itself, first, again] = grad(loss, [loss, b, b]);
  expect(await values({ itself: itself!, first: first!, again: again! }, feeds)).toEqual({
    itself: [1],
    first: [0, 2],
    again: [0, 2],
  });
});

test("leaves of one name are one variable", async () => {
  const loss = sum(mul(parameter("b", [2]), square(parameter("b", [2]))));
  expect(await values({ db: grad(loss, [b])[0]! }, { b: Float64Array.of(2, 3) })).toEqual({ db: [12, 27] });
});

test("a tensor with a label is differentiated as any other", async () => {
  const z = labelled(square(b), "z");
  const [dz, db] = grad(sum(exp(mul(z, 0))), [z, b]);
  expect(await values({ dz: dz!, db: db! }, feeds)).toEqual({ dz: [0, 0], db: [0, 0] });
  expect(await values({ dz: grad(sum(square(z)), [z])[0]! }, feeds)).toEqual({ dz: [0, 2] });
});

test("the gradient penalty of a network is differentiable", async () => {
  // d/dw of Σ(d loss/dx)² with loss = Σ w·x², so that Σ(2wx)²: 8·w·x²
  const [v, scale] = [input("v", [2]), parameter("scale", [2])];
  const [dv] = grad(sum(mul(scale, square(v))), [v]);
  const [penalty] = grad(sum(square(dv!)), [scale]);
  expect(await values({ penalty: penalty! }, { v: Float64Array.of(1, 3), scale: Float64Array.of(2, 5) })).toEqual({
    penalty: [16, 360],
  });
});

test("inputs come before what uses them, each once", () => {
  const shared = exp(x);
  const order = topologicalOrder([mul(shared, add(shared, x)), shared]);
  expect(order.map(({ operator }) => operator.name)).toEqual(["input", "exp", "add", "mul"]);
});

test("a graph of 5,000 operators in a row is differentiated twice, and lowered", () => {
  let deep = x;
  for (let i = 0; i < 5000; i++) deep = i % 2 === 0 ? tanh(deep) : add(deep, b);
  const [first] = grad(sum(deep), [x]);
  const [second] = grad(sum(first!), [b]);
  expect(lower({ first: first!, second: second! }).inputs.map(({ name }) => name)).toEqual(["x", "b"]);
});

test("an expansion's gradient is summed back", async () => {
  const wide = expand(mul(constant(3), b), x);
  expect(await values({ db: grad(sum(mul(wide, x)), [b])[0]! }, feeds)).toEqual({ db: [12, 18] });
});

test("the gradients of parts that make up a tensor are joined, not padded and added", async () => {
  const y = input("y", [1, 5]);
  const weighted = (parts: readonly Tensor[]) =>
    parts.map((part, i) => sum(mul(part, i + 2))).reduce((total, part) => add(total, part));
  for (const [parts, expected] of [
    [split(y, 1, [2, 3]), [2, 2, 3, 3, 3]],
    [split(y, 1, [2, 3]).reverse(), [3, 3, 2, 2, 2]],
    [
      [slice(y, 1, 0, 2), slice(y, 1, 1, 5)],
      [2, 5, 3, 3, 3],
    ], // these overlap
    [
      [slice(y, 1, 0, 2), slice(y, 1, 4, 5)],
      [2, 2, 0, 0, 3],
    ], // these leave a gap
    [split(y, 1, [1, 2, 2]), [2, 3, 3, 4, 4]],
  ] as const) {
    const [dy] = grad(weighted(parts), [y]);
    expect((await values({ dy: dy! }, {})).dy).toEqual(expected);
  }
  const [dy] = grad(weighted(split(y, 1, [2, 3])), [y]);
  expect(topologicalOrder([dy!]).map(({ operator }) => operator.name)).not.toContain("pad");
});

test("a pad between two transposes, which ONNX Runtime moves across each other", async () => {
  const y = input("y", [2, 3]);
  const padded = transpose(pad(transpose(y, [1, 0]), 0, 1, 0), [1, 0]);
  const program = await compile(backend, { padded });
  const results = await program.run({ y: Float32Array.of(1, 2, 3, 4, 5, 6) });
  await program.release();
  expect([...(results.padded!.data as Float32Array)]).toEqual([0, 1, 2, 3, 0, 4, 5, 6]);
});
