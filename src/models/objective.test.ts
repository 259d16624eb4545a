import { expect, test } from "vitest";
import { ShapeError } from "../errors.ts";
import { input } from "../graph/tensor.ts";
import { weightedMean } from "./objective.ts";

test("the mean over the batch takes one number and one weight for each example, and nothing that broadcasts", () => {
  const weight = input("weight", ["batch"]);
  expect(weightedMean(input("nats", ["batch"]), weight).shape).toEqual([]);
  for (const shape of [["batch", 1], [3, "batch"], [1], []] as const) {
    expect(() => weightedMean(input("nats", shape), weight)).toThrow(ShapeError);
    expect(() => weightedMean(input("nats", shape), weight)).toThrow(/^weightedMean: .*nats \(.*weight \(batch,?\)/);
  }
});
