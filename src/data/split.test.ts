import fc from "fast-check";
import { expect, test } from "vitest";
import { DataError, UsageError } from "../errors.ts";
import type { Examples, SplitOptions, Splits } from "./dataset.ts";
import { splitInGivenOrder, splitInOrder, splitShuffled } from "./split.ts";

/** Examples of one value each, which is the row number. */
function examples(count: number, name = "rows"): Examples {
  const index = Uint32Array.from({ length: count }, (_, i) => i);
  return { name, split: "all", event: [1], count, values: Float32Array.from(index), index };
}

const counts = ({ train, validation, test: testing }: Splits) => [train.count, validation.count, testing.count];
const contents = ({ train, validation, test: testing }: Splits) =>
  [train, validation, testing].map(({ index }) => [...index]);

test("a shuffled split is a partition, the same for the same seed", async () => {
  const options = fc.record(
    { validation: fc.constantFrom(1, 5, 0.01, 0.3), test: fc.constantFrom(1, 7, 0.1, 0.5), seed: fc.nat() },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 40, max: 120 }), options, async (count, given) => {
      const splits = await splitShuffled(examples(count), given as SplitOptions);
      expect(
        contents(splits)
          .flat()
          .sort((a, b) => a - b),
      ).toEqual([...examples(count).index]);
      for (const { values, index } of Object.values(splits)) expect([...values]).toEqual([...index]);
      expect(Object.values(splits).map(({ split }) => split)).toEqual(["train", "validation", "test"]);
      expect(contents(await splitShuffled(examples(count), given as SplitOptions))).toEqual(contents(splits));
    }),
    { numRuns: 30 },
  );
});

test("every option of a shuffled split changes something", async () => {
  const base = await splitShuffled(examples(100), {});
  expect(counts(base)).toEqual([80, 10, 10]);
  expect(counts(await splitShuffled(examples(100), { validation: 20 }))).toEqual([70, 20, 10]);
  expect(counts(await splitShuffled(examples(100), { test: 0.25 }))).toEqual([65, 10, 25]);
  expect(contents(await splitShuffled(examples(100), { seed: 1 }))).not.toEqual(contents(base));
  const capped = contents(await splitShuffled(examples(100), { examples: 30 }));
  expect(capped).toEqual([contents(base)[0]!.slice(0, 30), contents(base)[1], contents(base)[2]]);
  expect(counts(await splitShuffled(examples(100), { examples: 1000 }))).toEqual([80, 10, 10]);
});

test("a split with a test file of its own keeps the order of the files", async () => {
  const splits = await splitInOrder(examples(60), examples(20), {});
  expect(contents(splits)).toEqual([[...Array(54).keys()], [54, 55, 56, 57, 58, 59], [...Array(20).keys()]]);
  expect(counts(await splitInOrder(examples(60_000), examples(3), {}))).toEqual([55_000, 5_000, 3]);
  expect(counts(await splitInOrder(examples(5), examples(3), {}))).toEqual([4, 1, 3]);
  const chosen = await splitInOrder(examples(60), examples(20), { validation: 0.5, test: 5, examples: 10, seed: 9 });
  expect(contents(chosen)).toEqual([[...Array(10).keys()], [...Array(60).keys()].slice(30), [0, 1, 2, 3, 4]]);
});

test("examples in random order are cut as they come", async () => {
  const splits = await splitInGivenOrder(examples(10), { validation: 0.2 });
  expect(contents(splits)).toEqual([[0, 1, 2, 3, 4, 5, 6], [7, 8], [9]]);
});

test("splits that leave nothing are refused", async () => {
  const cases: [SplitOptions, string][] = [
    [{ validation: 101 }, "data.validation: expected at most the 100 examples that rows holds, got 101"],
    [{ test: 101 }, "data.test: expected at most the 100 examples that rows holds, got 101"],
    [
      { validation: 50, test: 0.5 },
      "data.validation and data.test take 50 + 50 of the 100 examples of rows and leave none to train on; lower them",
    ],
    [{ validation: 0 }, "data.validation: expected a count from 1 or a fraction between 0 and 1, got 0"],
    [{ validation: 1.5 }, "got 1.5"],
    [{ test: -0.1 }, "got -0.1"],
    [{ test: Number.NaN }, "got NaN"],
    [{ examples: 0 }, "data.examples: expected a whole number from 1, got 0"],
    [{ examples: 2.5 }, "got 2.5"],
    [{ seed: -1 }, "seed: expected a whole number"],
  ];
  for (const [options, message] of cases) {
    const refused = splitShuffled(examples(100), options);
    await expect(refused, JSON.stringify(options)).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(UsageError);
  }
  await expect(splitInOrder(examples(60), examples(20), { validation: 60 })).rejects.toThrow("leave none to train on");
  await expect(splitInOrder(examples(60), examples(20), { test: 21 })).rejects.toThrow("at most the 20 examples");
  await expect(splitShuffled(examples(2), {})).rejects.toThrow(DataError);
  await expect(splitInOrder(examples(1), examples(1), {})).rejects.toThrow(DataError);
});
