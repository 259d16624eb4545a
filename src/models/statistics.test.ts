import { expect, test } from "vitest";
import type { Dataset } from "../data/dataset.ts";
import { DataError } from "../errors.ts";
import { findLikelihood } from "./likelihood.ts";
import { checkSupport, statisticsOf } from "./statistics.ts";

const dataset = (values: Uint8Array | Float32Array): Dataset => ({
  name: "pairs",
  split: "train",
  event: [2],
  count: values.length / 2,
  values,
  index: Uint32Array.from({ length: values.length / 2 }, (_, i) => 10 + i),
  fingerprint: "0123456789abcdef",
});

test("the mean of each element, and one variance about those means", () => {
  const { mean, variance } = statisticsOf(dataset(Float32Array.of(1, 10, 3, 30)));
  expect([...mean]).toEqual([2, 20]);
  expect(variance).toBeCloseTo((1 + 100) / 2, 6);
});

test("grey levels mean v/255", () => {
  const { mean, variance } = statisticsOf(dataset(Uint8Array.of(0, 255, 255, 255)));
  expect([...mean]).toEqual([0.5, 1]);
  expect(variance).toBeCloseTo(0.125, 6);
});

test("a variance far smaller than the mean is not lost in it", () => {
  const { variance } = statisticsOf(dataset(Float32Array.of(100_001, -100_001, 100_002, -100_002, 100_004, -100_004)));
  expect(variance).toBeCloseTo(14 / 9, 3);
});

const bernoulli = findLikelihood("bernoulli");
const normal = findLikelihood("normal");
const binary = { ...normal, support: "binary" } as const;

test.each([
  {
    part: normal,
    values: [0, Number.NaN],
    binarized: false,
    problem: /^pairs \(train\): example 10, element 1 is NaN; likelihood "mine" needs finite numbers/,
  },
  { part: normal, values: [0, Number.POSITIVE_INFINITY], binarized: false, problem: /is Infinity/ },
  {
    part: bernoulli,
    values: [0, 1, -0.5, 1],
    binarized: false,
    problem: /example 11, element 0 is -0.5; likelihood "mine" needs numbers from 0 to 1/,
  },
  { part: binary, values: [0, 0.5], binarized: false, problem: /element 1 is 0.5; likelihood "mine" needs 0 or 1/ },
  { part: normal, values: [0, 2], binarized: true, problem: /element 1 is 2; binarization needs numbers from 0 to 1/ },
])("refused: $values", ({ part, values, binarized, problem }) => {
  const check = () => checkSupport(dataset(Float32Array.from(values)), part, "mine", binarized);
  expect(check).toThrow(DataError);
  expect(check).toThrow(problem);
});

test("grey levels are refused where 0 or 1 is needed, unless they are binarized", () => {
  const grey = dataset(Uint8Array.of(0, 128));
  expect(() => checkSupport(grey, binary, "mine", false)).toThrow(/set data.binarization to "static" or "dynamic"/);
  checkSupport(grey, binary, "mine", true);
  checkSupport(dataset(Uint8Array.of(0, 255)), binary, "mine", false);
  checkSupport(dataset(Float32Array.of(0, 0.5)), binary, "mine", true);
  checkSupport(dataset(Float32Array.of(-5, 7)), normal, "mine", false);
});
