import { expect, test } from "vitest";
import { input } from "../tensor.ts";
import { softmax } from "./axis.ts";
import { splitEvenly } from "./join.ts";
import { scatterAdd } from "./select.ts";
import { dropout } from "./stochastic.ts";
import { tril, trilVector } from "./triangle.ts";

test("what does not fit is refused", () => {
  const x = input("x", ["batch", 4]);
  expect(() => softmax(x, 2)).toThrow("softmax: axis 2 does not exist in (batch, 4)");
  expect(() => dropout(x, x, 1)).toThrow("dropout: expected a rate in [0, 1), got 1");
  expect(dropout(x, x, 0)).toBe(x);
  expect(() => tril(x)).toThrow("tril: expected floats (…, d(d + 1)/2), got (batch, 4) of float");
  expect(() => trilVector(x)).toThrow("trilVector: expected floats (…, d, d), got (batch, 4) of float");
  expect(() => splitEvenly(x, 1, 3)).toThrow("splitEvenly: cannot cut the 4 of axis 1 into 3 equal parts");
  expect(() => scatterAdd(input("i", [3], "int"), x, 5, 1)).toThrow("scatterAdd: expected indices of shape (4,)");
});
