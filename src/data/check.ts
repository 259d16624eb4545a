import { DataError, UsageError } from "../errors.ts";
import { isRecord, show } from "../show.ts";
import type { Dataset, Examples, SplitOptions, Splits } from "./dataset.ts";

/**
 * Refuses what is no data set: data given in memory may come from a program without a compiler, or be put together
 * wrongly. The values themselves are not looked at; `checkSupport` does that.
 * @param where what messages call it, such as "data.train"
 * @throws DataError naming the field, what was expected and what was given
 */
export function checkDataset(data: unknown, where: string): asserts data is Dataset {
  checkExamples(data, where);
  const { fingerprint } = data as Partial<Dataset>;
  if (typeof fingerprint !== "string" || fingerprint === "")
    throw new DataError(`${where}.fingerprint: expected a hash of the data, got ${show(fingerprint)}; ${mends.hash}`);
}

const mends = {
  hash: "take the data set that fingerprinted(...) makes of it, or splits of splitShuffled(...)",
  values:
    "a Uint8Array for grey levels from 0 to 255, which mean v/255, or a Float32Array for numbers as they are, in row-major order",
  index: "Uint32Array.from({ length: count }, (_, i) => i) numbers the examples in their order",
};

const splitNames = ["train", "validation", "test", "all"];

/** As checkDataset, for data whose fingerprint is not computed yet. */
export function checkExamples(data: unknown, where: string): asserts data is Examples {
  if (!isRecord(data))
    throw new DataError(
      `${where}: expected a data set, { name, split, event, count, values, index, fingerprint }, got ${show(data)}`,
    );
  const { name, split, event, count, values, index, labels, factors, numbers } = data;
  const refuse = (field: string, expected: string, given: unknown, mend = "") => {
    throw new DataError(`${where}.${field}: expected ${expected}, got ${show(given)}${mend && `; ${mend}`}`);
  };
  if (typeof name !== "string" || name === "") refuse("name", "a name", name);
  if (!splitNames.includes(split as string)) refuse("split", splitNames.map((known) => `"${known}"`).join(", "), split);
  if (!isEvent(event)) refuse("event", "the shape of one example, positive integers such as [28, 28] or [12]", event);
  if (!Number.isSafeInteger(count) || (count as number) < 0) refuse("count", "an integer >= 0", count);
  if (!(values instanceof Uint8Array || values instanceof Float32Array)) refuse("values", mends.values, values);

  const examples = `${count} examples`;
  const length = (field: string, array: unknown, width: number, of: string, mend?: string) => {
    const needed = (count as number) * width;
    const given = (array as Uint8Array).length;
    if (given !== needed) refuse(field, `${needed} values, ${of}`, array, mend);
  };
  const size = (event as number[]).reduce((product, dim) => product * dim, 1);
  length("values", values, size, `${examples} of shape [${(event as number[]).join(", ")}]`);
  if (!(index instanceof Uint32Array)) refuse("index", "a Uint32Array, each example's number", index, mends.index);
  length("index", index, 1, "one for each example", mends.index);
  if (labels !== undefined) {
    if (!(labels instanceof Uint8Array)) refuse("labels", "a Uint8Array of classes from 0 to 255, or none", labels);
    length("labels", labels, 1, "one for each example");
  }
  const namesOf = (field: string, names: unknown): number => {
    if (!Array.isArray(names) || !names.every((own) => typeof own === "string"))
      refuse(field, "a list of names", names);
    return (names as string[]).length;
  };
  if (numbers !== undefined) {
    if (!isRecord(numbers)) return refuse("numbers", "{ names, values }, or none", numbers);
    const width = namesOf("numbers.names", numbers.names);
    // A condition is found by its name alone.
    const others = isRecord(factors) && Array.isArray(factors.names) ? factors.names : [];
    const names = ["label", ...others, ...(numbers.names as string[])];
    if (new Set(names).size < names.length)
      refuse("numbers.names", `names unlike each other and ${["label", ...others].join(", ")}`, numbers.names);
    if (!(numbers.values instanceof Float32Array)) refuse("numbers.values", "a Float32Array", numbers.values);
    length("numbers.values", numbers.values, width, `${examples} of ${width} numbers`);
  }
  if (factors === undefined) return;
  if (!isRecord(factors)) return refuse("factors", "{ names, sizes, classes }, or none", factors);
  const { names, sizes, classes } = factors;
  const width = namesOf("factors.names", names);
  if (!Array.isArray(sizes) || sizes.length !== width || !sizes.every((of) => Number.isSafeInteger(of) && of > 0))
    refuse("factors.sizes", `${width} positive integers, one for each name`, sizes);
  if (!(classes instanceof Uint8Array)) refuse("factors.classes", "a Uint8Array", classes);
  length("factors.classes", classes, width, `${examples} of ${width} factors`);
}

function isEvent(event: unknown): boolean {
  return Array.isArray(event) && event.length > 0 && event.every((dim) => Number.isSafeInteger(dim) && dim > 0);
}

/**
 * Refuses what are no splits to train on: each a data set, of one event, with examples to train and to validate on.
 * @throws DataError naming the field, what was expected and what was given
 */
export function checkSplits(splits: unknown, where: string): asserts splits is Splits {
  if (!isRecord(splits))
    throw new DataError(`${where}: expected splits of data, { train, validation, test }, got ${show(splits)}`);
  const { train, validation, test } = splits;
  checkDataset(train, `${where}.train`);
  checkDataset(validation, `${where}.validation`);
  checkDataset(test, `${where}.test`);
  for (const [name, { event }] of Object.entries({ validation, test }))
    if (event.join() !== train.event.join())
      throw new DataError(
        `${where}.${name}.event: expected the shape of the training examples, [${train.event.join(", ")}], got [${event.join(", ")}]`,
      );
  for (const [name, { count }] of Object.entries({ train, validation }))
    if (count === 0)
      throw new DataError(
        `${where}.${name}: has no examples; training needs at least one to ${name === "train" ? "train" : "validate"} on`,
      );
}

const splitKeys = ["validation", "test", "seed", "examples"] as const satisfies readonly (keyof SplitOptions)[];

/** @throws UsageError for what are no options, or unknown ones; the values are checked where they are used */
export function checkSplitOptions(options: unknown): void {
  const known = `{ ${splitKeys.join(", ")} }`;
  if (!isRecord(options)) throw new UsageError(`options: expected ${known}, got ${show(options)}`);
  const stranger = Object.keys(options).find((key) => !splitKeys.some((name) => name === key));
  if (stranger !== undefined) throw new UsageError(`options: ${stranger}: unknown key; expected ${known}`);
}
