import type { ConditionConfig } from "../config.condition.ts";
import type { Examples } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";

/*
 * What a model is conditional on: labels, factors and numbers that go with the examples. The code for them is loaded when a
 * config names some.
 */

/** A condition as the training data had it: all that is needed to give others to the model. It is stored with the model. */
export type ConditionColumn =
  | {
      readonly name: string;
      readonly as: "class";
      /** Those of the training data, in ascending order. */
      readonly classes: readonly number[];
    }
  | { readonly name: string; readonly as: "number"; readonly mean: number; readonly standardDeviation: number };

/** Conditions in the user's units, by name: of all rows together, or of each. Classes are whole numbers. */
export type Given = Readonly<Record<string, number | ArrayLike<number>>>;

/** Writes a row of conditions as the networks take it to the beginning of an array. */
export type WriteCondition = (row: number, into: Float32Array) => void;

/** A model's conditions. */
export interface Conditions {
  readonly columns: readonly ConditionColumn[];
  /** Numbers of a row as the networks take it: 0 or √classes for each class, and each number standardized. */
  readonly width: number;
  /**
   * Those of a data set.
   * @throws DataError where the data lack one, or have one that the model does not know
   */
  of(data: Examples): WriteCondition;
  /** Those of some rows of a data set, in the user's units. @throws DataError where the data lack one */
  given(data: Examples, start: number, rows: number): Given;
  /**
   * Those that a user gives, as the networks take them: (rows, width).
   * @param where what messages call them
   * @throws UsageError naming what is missing, unknown or out of range, and what there is
   */
  encode(given: Given | undefined, rows: number, where: string): Float32Array;
  /**
   * A hash of those of data sets and of what the model knows of them: a resumed run must have the same.
   * @throws DataError as `of`
   */
  fingerprint(...data: readonly Examples[]): Promise<string>;
  /** In words, each: "label (a class, 0 to 9)". */
  readonly texts: readonly string[];
}

type Code = typeof import("./loaded-conditions.ts");
let code: Code | undefined;

/** Loads the code of conditions, where there are some. */
export async function loadConditions(config: ConditionConfig | null): Promise<void> {
  if (config) code ??= await import("./loaded-conditions.ts");
}

function loaded(): Code {
  if (code) return code;
  throw new UsageError("model.condition: its code is not loaded; await loadParts(model) before the model is built");
}

/** The conditions that a config names, as some training data have them. */
export const conditionsOf = (config: ConditionConfig | null, data: Examples): Conditions | undefined =>
  config ? loaded().conditions(loaded().columnsOf(config, data)) : undefined;

/**
 * Those of a model's file, which are to be those that its config names.
 * @throws RunError
 */
export const readConditions = (
  config: ConditionConfig | null,
  stored: unknown,
  file: string,
  mend: string,
): Conditions | undefined =>
  config ? loaded().conditions(loaded().readColumns(config, stored, file, mend)) : undefined;

/** Those that a model was stored with. */
export const storedConditions = (columns: readonly ConditionColumn[] | undefined): Conditions | undefined =>
  columns && loaded().conditions(columns);
