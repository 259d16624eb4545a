import { expect, test } from "vitest";
import { distinct } from "./distinct.ts";
import { lower } from "./lower.ts";
import { add, mul } from "./ops/arithmetic.ts";
import { exp } from "./ops/functions.ts";
import { scaleGradient } from "./ops/stochastic.ts";
import { reshape, stopGradient } from "./ops/structure.ts";
import { constant, input, labelled } from "./tensor.ts";

const x = input("x", ["batch", 4]);
const names = (outputs: Parameters<typeof distinct>[0]) => distinct(outputs).order.map(({ operator }) => operator.name);

test("equal expressions are one, whatever they are called and whatever their gradient is", () => {
  const again = input("x", ["batch", 4]);
  const held = stopGradient(labelled(exp(again), "held"));
  const scaled = scaleGradient(exp(x), constant(2));
  expect(names([add(exp(x), held), add(exp(again), scaled)])).toEqual(["input", "exp", "add", "constant"]);
  const { order, of } = distinct([exp(x), held]);
  expect(of(held)).toBe(order[1]);
});

test("other attributes, inputs or operators make other expressions", () => {
  expect(names([reshape(x, ["batch", 2, 2]), reshape(x, ["4*batch"]), exp(x), exp(exp(x))])).toEqual([
    "input",
    "reshape",
    "reshape",
    "exp",
    "exp",
  ]);
  const sizes = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, 1].map((value) =>
    mul(x, constant(value)),
  );
  expect(names(sizes).filter((name) => name === "constant")).toHaveLength(4); // x·1 is x
});

test("as many nodes are lowered; large constants are each their own", () => {
  const table = () => constant(new Float64Array(129).fill(3), [129, 1]);
  const row = () => constant([1, 2, 3, 4]);
  const outputs = { a: mul(exp(x), row()), b: exp(mul(exp(x), row())), c: exp(table()), d: exp(exp(table())) };
  const computed = distinct(Object.values(outputs)).order.filter(({ inputs }) => inputs.length > 0);
  expect(computed.map(({ operator }) => operator.name)).toEqual(["exp", "mul", "exp", "exp", "exp", "exp"]);
  expect([...lower(outputs).values.values()].filter(({ inputs }) => inputs.length > 0)).toHaveLength(computed.length);
});
