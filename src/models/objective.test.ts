import { expect, test } from "vitest";
import { evaluate } from "../../test/numeric.ts";
import { ShapeError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { input } from "../graph/tensor.ts";
import { capacityObjective, weightedMean } from "./objective.ts";

test("the mean over the batch takes one number and one weight for each example, and nothing that broadcasts", () => {
  const weight = input("weight", ["batch"]);
  expect(weightedMean(input("nats", ["batch"]), weight).shape).toEqual([]);
  for (const shape of [["batch", 1], [3, "batch"], [1], []] as const) {
    expect(() => weightedMean(input("nats", shape), weight)).toThrow(ShapeError);
    expect(() => weightedMean(input("nats", shape), weight)).toThrow(/^weightedMean: .*nats \(.*weight \(batch,?\)/);
  }
});

test("the capacity objective, by hand: the mean rate is drawn to C from either side, examples are not", async () => {
  const rates = input("rates", ["batch"]);
  const [gamma, capacityNats] = [input("gamma", []), input("capacityNats", [])];
  const weight = input("weight", ["batch"]);
  const means = {
    distortionNats: weightedMean(input("distortions", ["batch"]), weight),
    rateNats: weightedMean(rates, weight),
  };
  const minimize = capacityObjective(means, gamma, capacityNats);
  const [slope] = grad(minimize, [rates]);
  const at = (capacity: number) =>
    evaluate(
      { minimize, slope: slope! },
      // the last example pads the batch
      { distortions: [80, 90, 1e6], rates: [1, 9, 1e6], weight: [3, 1, 0], gamma: 10, capacityNats: capacity },
    );
  // distortion (3·80 + 90)/4 = 82.5, rate (3·1 + 9)/4 = 3
  expect(await at(5)).toEqual({ minimize: [82.5 + 10 * 2], slope: [-7.5, -2.5, -0] }); // too little is coded
  expect(await at(2.5)).toEqual({ minimize: [82.5 + 10 * 0.5], slope: [7.5, 2.5, 0] }); // too much
  expect(await at(3)).toEqual({ minimize: [82.5], slope: [0, 0, 0] }); // though no example is at C
  expect(() => capacityObjective({ ...means, rateNats: rates }, gamma, capacityNats)).toThrow(ShapeError);
});
