import { expect, test } from "vitest";
import { ShapeError } from "../errors.ts";
import { grad } from "./grad.ts";
import { add, div, mul, neg, sub } from "./ops/arithmetic.ts";
import { asFloat, asInt, equal, greater, less, where } from "./ops/comparison.ts";
import { exp } from "./ops/functions.ts";
import { concat, pad, slice, split } from "./ops/join.ts";
import { linear, matmul } from "./ops/linear.ts";
import { logsumexp, max, mean } from "./ops/reduce.ts";
import { argmax, gather, oneHot } from "./ops/select.ts";
import { expand, expandOperator, reshape, sum, transpose } from "./ops/structure.ts";
import { constant, input, labelled, parameter, type Tensor } from "./tensor.ts";

const x = input("x", ["batch", 3]);
const y = input("y", ["batch", 4]);
const index = input("index", ["batch"], "int");
const truth = greater(x, 0);

/** Its message, which ends with the line of this file that called `build`. */
function refusal(build: () => Tensor | readonly Tensor[]): string {
  try {
    build();
  } catch (error) {
    expect(error).toBeInstanceOf(ShapeError);
    return (error as Error).message;
  }
  throw new Error("nothing was refused");
}

test("a mismatch names the operator, the shapes and the line that built it", () => {
  const lineOf = (error: Error) => Number(/tensor\.test\.ts:(\d+):\d+/.exec(error.stack ?? "")![1]);
  const here = lineOf(new Error());
  const message = refusal(() => add(x, y)); // one line below `here`
  expect(message).toMatch(
    /^add: cannot broadcast \(batch, 3\) with \(batch, 4\); inputs: x \(batch, 3\), y \(batch, 4\); built at /,
  );
  expect(message).toMatch(new RegExp(`tensor\\.test\\.ts:${here + 1}:\\d+$`));
});

test("the line is found where the operator was called within another function's loop", () => {
  expect(refusal(() => [1, 2].map(() => add(x, y)))).toMatch(/tensor\.test\.ts:\d+:\d+$/);
  expect(refusal(() => split(x, 1, [2, 0, 1]))).toMatch(/^slice: .*tensor\.test\.ts:\d+:\d+$/);
});

test("a label stands in the message", () => {
  expect(refusal(() => mul(labelled(exp(x), "scale"), y))).toContain("inputs: scale (batch, 3), y (batch, 4)");
});

test.each<[string, () => Tensor | readonly Tensor[], RegExp]>([
  ["binary of unlike types", () => add(x, index), /^add: cannot broadcast|^add: expected two of one number type/],
  ["unary of whole numbers", () => exp(index), /^exp: expected floats, got int/],
  ["sum of truth values", () => sum(truth), /^sum: expected numbers, got bool/],
  ["order of truth values", () => less(truth, truth), /^less: truth values have no order/],
  [
    "comparison of unlike types",
    () => equal(sum(index), sum(x)),
    /^equal: expected two of one type, got int and float/,
  ],
  ["choice by a number", () => where(x, x, x), /^where: expected a bool condition, got float/],
  ["choice of unlike shapes", () => where(truth, x, y), /^where: the condition and the two branches do not broadcast/],
  ["choice of unlike types", () => where(truth, asInt(x), x), /^where: expected two branches of one type/],
  [
    "reshape of another size",
    () => reshape(x, ["batch", 4]),
    /^reshape: cannot hold the elements of \(batch, 3\) in \(batch, 4\)/,
  ],
  ["reshape that loses the batch", () => reshape(x, [6]), /^reshape: cannot hold/],
  ["reshape of a constant", () => reshape(constant(1), [2]), /^reshape: cannot hold the elements of \(\) in \(2,\)/],
  [
    "transpose with an axis twice",
    () => transpose(x, [0, 0]),
    /^transpose: expected a permutation of the 2 axes, got \[0,0\]/,
  ],
  ["transpose of a vector", () => transpose(index), /^transpose: expected a permutation of the 1 axes/],
  ["expand to less", () => expand(x, index), /^expand: cannot broadcast \(batch, 3\) to \(batch,\)/],
  ["sum over no axis", () => sum(x, [2]), /^sum: axes \[2\] do not exist in \(batch, 3\)/],
  ["max over an axis twice", () => max(x, [1, -1]), /^max: axes \[1,-1\] do not exist/],
  ["mean over the batch", () => mean(x, [0]), /^mean: the batch has no static size/],
  ["mean over no axis", () => mean(x, [5]), /^sum: axes \[5\] do not exist/],
  ["logsumexp over no axis", () => logsumexp(x, [5]), /^max: axes \[5\] do not exist/],
  ["matmul of unlike inner sizes", () => matmul(x, y), /^matmul: inner dimensions differ: 3 and batch/],
  ["matmul of a vector", () => matmul(x, constant([1, 2, 3])), /^matmul: expected two operands of rank 2 or more/],
  [
    "matmul of unlike batches",
    () => matmul(input("a", [2, 3, 3]), input("b", [3, 3, 3])),
    /^matmul: leading dimensions \(2,\) and \(3,\) do not broadcast/,
  ],
  ["matmul of whole numbers", () => matmul(asInt(x), asInt(x), { transposeB: true }), /^matmul: expected floats/],
  [
    "linear of another width",
    () => linear(y, parameter("w", [3, 2]), parameter("b", [2])),
    /^linear: x has 4 columns, the weight takes 3/,
  ],
  [
    "linear with another bias",
    () => linear(x, parameter("w", [3, 2]), parameter("b", [3])),
    /^linear: expected a bias of shape \(2,\)/,
  ],
  ["concat along the batch", () => concat([x, x], 0), /^concat: cannot join along the symbolic axis 0/],
  ["concat of unlike parts", () => concat([x, index], 1), /^concat: parts may differ along axis 1 alone/],
  ["concat of nothing", () => concat([], 1), /^concat: expected at least one part; inputs: none/],
  ["slice of the batch", () => slice(x, 0, 0, 1), /^slice: cannot cut the symbolic axis 0/],
  ["slice out of range", () => slice(x, 1, 2, 4), /^slice: range 2\.\.4 does not lie in 0\.\.3/],
  ["slice at a fraction", () => slice(x, 1, 0.5, 2), /^slice: range/],
  ["split into too little", () => split(x, 1, [1, 1]), /^split: sizes \[1,1\] do not add up to the 3 of axis 1/],
  ["pad of the batch", () => pad(x, 0, 1, 0), /^pad: axis 0 of \(batch, 3\) cannot be padded/],
  ["pad by less than nothing", () => pad(x, 1, 1, -1), /^pad: cannot pad by 1 and -1/],
  ["argmax over no axis", () => argmax(x, 2), /^argmax: axis 2 does not exist/],
  ["oneHot of floats", () => oneHot(x, 3), /^oneHot: expected whole numbers, got float/],
  ["gather by floats", () => gather(parameter("t", [3, 2]), x), /^gather: expected whole-number indices, got float/],
  [
    "gradient of what was gathered from a batch",
    () => grad(sum(gather(x, index)), [x]),
    /^gather: no gradient along the symbolic axis 0/,
  ],
  ["constant of another size", () => constant([1, 2, 3], [2, 2]), /^constant: 3 values do not fill the shape \(2, 2\)/],
  ["grad of what is no scalar", () => grad(x, [x]), /^grad: expected a scalar loss, got \(batch, 3\)/],
  [
    "grad by an expansion",
    () => grad(sum(x), [expand(constant(1), x)]),
    /^grad: expressions see through what is expanded/,
  ],
])("%s is refused", (_what, build, message) => {
  const refused = refusal(build);
  expect(refused).toMatch(message);
  expect(refused).toMatch(/built at .*tensor\.test\.ts:\d+:\d+$/);
});

test("what changes nothing is left out", () => {
  for (const same of [
    add(x, 0),
    add(0, x),
    sub(x, 0),
    mul(1, x),
    mul(x, constant([1], [1, 1])),
    div(x, 1),
    reshape(x, ["batch", 3]),
    sum(x, []),
    max(x, []),
    slice(x, 1, 0, 3),
    pad(x, 1, 0, 0),
    concat([x], 1),
    expand(x, x),
    asFloat(x),
    asInt(index),
  ]) // prettier-ignore
    expect(same).toBe(x === same ? x : index);
  expect(mul(x, expand(constant(1), x))).toBe(x);
});

test("a number that adds an axis is not left out", () => {
  expect(add(x, constant([0], [1, 1, 1])).shape).toEqual([1, "batch", 3]);
  expect(mul(constant([1], [1, 1, 1]), x).shape).toEqual([1, "batch", 3]);
  expect(div(sum(x), constant([2], [1, 1])).shape).toEqual([1, 1]);
  expect(sub(constant(2), constant([2], [1, 1])).shape).toEqual([1, 1]);
});

test("elementwise operators come before an expansion, which computes less", () => {
  const wide = expand(parameter("logvar", [1]), x);
  for (const made of [exp(wide), neg(wide), mul(wide, -0.5), sub(1, wide), exp(mul(add(wide, 3), 0.5))]) {
    expect(made.operator).toBe(expandOperator);
    expect(made.shape).toEqual(["batch", 3]);
    expect(made.inputs[0]!.shape).toEqual([1]);
  }
  expect(add(x, wide).inputs[1]).toBe(wide.inputs[0]);
});

test("a leaf keeps its name under a label", () => {
  expect(labelled(x, "logits")).toBe(x);
  const y = exp(x);
  expect(labelled(y, "scale")).toEqual({ ...y, label: "scale" });
});
