import type { Dataset } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import type { ConditionColumn, Conditions, Given } from "../models/conditions.ts";
import type { Inference } from "../models/inference.ts";

/* What the command line is given for a conditional model. */

/** A value of each condition, by name. */
export type GivenValues = Readonly<Record<string, number>>;

/**
 * Refuses what does not fit the model: a condition that is missing, unknown or out of range, or one for a model that takes
 * none.
 * @param rows where one condition may take every class in its turn: which, if any
 * @throws UsageError naming the option, and what there is
 */
export function checkGiven(
  { conditions }: Inference,
  given: GivenValues | undefined,
  rows?: { readonly each: string | undefined },
): void {
  const each = rows?.each;
  if (!conditions) {
    const option = each === undefined ? given && "--given" : "--each";
    if (option) throw new UsageError(`${option}: the model is not conditional, and takes no conditions; leave it out`);
    return;
  }
  if (each !== undefined) checkEach(conditions.columns, conditions.texts, each, given);
  const chosen: Record<string, number> = { ...given };
  if (Object.keys(chosen).some((name) => !conditions.columns.some((column) => column.name === name)))
    conditions.encode(chosen, 1, "--given"); // says so, and what there is
  const missing = conditions.columns.flatMap((column, i) => {
    if (column.name in chosen) return [];
    chosen[column.name] = exampleOf(column);
    return column.name === each ? [] : [{ column, text: conditions.texts[i]! }];
  });
  if (missing.length > 0) {
    const values = missing.map(({ column }) => `--given ${column.name}=${exampleOf(column)}`).join(" ");
    const aClass = missing.find(({ column }) => column.as === "class");
    const orEach =
      rows && each === undefined && aClass
        ? `; or make a row of images for each class by --each ${aClass.column.name}`
        : "";
    throw new UsageError(
      `--given: the model is conditional, and needs a value of ${missing.map(({ text }) => text).join(", ")}, such as ${values}${orEach}`,
    );
  }
  conditions.encode(chosen, 1, "--given");
}

const exampleOf = (column: ConditionColumn): number =>
  column.as === "class" ? column.classes[0]! : Number(column.mean.toPrecision(3));

function checkEach(
  columns: readonly ConditionColumn[],
  texts: readonly string[],
  each: string,
  given: GivenValues | undefined,
): void {
  const column = columns.find(({ name }) => name === each);
  if (column?.as !== "class")
    throw new UsageError(
      `--each: expected a condition that is a class, got "${each}"; the model has: ${texts.join(", ")}`,
    );
  if (given && each in given)
    throw new UsageError(
      `--each ${each}: is given a value as well, --given ${each}=${given[each]}; leave one of them out`,
    );
}

/** What is given for each class of a condition, in their order. */
export function classesOf({ conditions }: Inference, each: string, given: GivenValues | undefined): readonly Given[] {
  const column = conditions!.columns.find(({ name }) => name === each);
  return column?.as === "class" ? column.classes.map((value) => ({ ...given, [each]: value })) : [];
}

/** The conditions of one example, as those of many images. */
export const valuesOf = (given: Given): GivenValues =>
  Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, typeof value === "number" ? value : value[0]!]),
  );

/** Conditions of two examples. */
export function givenEnds(conditions: Conditions, data: Dataset, from: number, to: number): Given {
  const [first, last] = [from, to].map((row) => valuesOf(conditions.given(data, row, 1)));
  return Object.fromEntries(Object.keys(first!).map((name) => [name, [first![name]!, last![name]!]]));
}
