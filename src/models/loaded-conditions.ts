import * as z from "zod/mini";
import { type ConditionConfig, conditionName } from "../config.condition.ts";
import type { ConditionKind } from "../config.parts.ts";
import type { Examples } from "../data/dataset.ts";
import { sha256 } from "../data/fingerprint.ts";
import { DataError, RunError, UsageError, type VaekitError } from "../errors.ts";
import { isRecord, show } from "../show.ts";
import type { ConditionColumn, Conditions, Given, WriteCondition } from "./conditions.ts";
import { checkShape } from "./json-file.ts";

/* Of conditional models alone, and loaded for them: see conditions.ts. */

type Asked = { readonly name: string; readonly as?: ConditionKind };

/**
 * The conditions that a config names, as the training data have them: which classes there are, and where numbers lie.
 * @throws DataError where the data have none of a name, or no two values of it; naming the example that is no class or
 * number
 */
export function columnsOf({ on }: ConditionConfig, data: Examples): readonly ConditionColumn[] {
  return on.map((one) => columnOf(typeof one === "string" ? { name: one } : one, data));
}

function columnOf(asked: Asked, data: Examples): ConditionColumn {
  const { name } = asked;
  const as = asked.as ?? (data.numbers?.names.includes(name) ? "number" : "class");
  const values = valuesOf({ name, as }, data);
  const example = (row: number) =>
    `${data.name} (${data.split}): example ${data.index[row]} has "${name}" ${values[row]}`;
  if (as === "class") {
    const wrong = values.findIndex((value) => !(Number.isInteger(value) && value >= 0 && value < endOfClasses));
    if (wrong >= 0)
      throw new DataError(
        `${example(wrong)}; classes are whole numbers from 0 to ${endOfClasses - 1}; take it as "number" in model.condition.on`,
      );
    const classes = [...new Set(values)].sort((a, b) => a - b);
    if (classes.length < 2) throw constant(name, data, values[0]);
    if (classes.length > mostClasses)
      throw new DataError(
        `${data.name}: "${name}" has ${classes.length} classes; a condition can have ${mostClasses} at most. Take it as "number" in model.condition.on`,
      );
    return { name, as, classes };
  }
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) throw new DataError(`${example(wrong)}; expected finite numbers`);
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
  if (values.every((value) => value === values[0])) throw constant(name, data, values[0]);
  return { name, as, mean, standardDeviation: Math.sqrt(squares / values.length) };
}

const mostClasses = 4096;
/** From here on 32-bit floats, as numbers are held, take some whole numbers for one another. */
const endOfClasses = 2 ** 24;

const schema: z.ZodMiniType<readonly ConditionColumn[]> = z.array(
  z.discriminatedUnion("as", [
    z.object({
      name: z.string(),
      as: z.literal("class"),
      classes: z.array(z.int().check(z.minimum(0), z.lt(endOfClasses))).check(
        z.minLength(1),
        z.refine(
          (classes) => classes.length <= mostClasses && classes.every((value, i) => i === 0 || value > classes[i - 1]!),
          `expected ${mostClasses} classes at most, in ascending order`,
        ),
      ),
    }),
    z.object({
      name: z.string(),
      as: z.literal("number"),
      mean: z.number(),
      standardDeviation: z.number().check(z.gt(0)),
    }),
  ]),
);

/** As they are stored. @throws RunError where they are none, or not those that the config names */
export function readColumns(
  { on }: ConditionConfig,
  stored: unknown,
  file: string,
  mend: string,
): readonly ConditionColumn[] {
  const where = `${file}: conditions`;
  const columns = checkShape(stored, schema, where, mend);
  const [named, there] = [on.map(conditionName).join(", "), columns.map(({ name }) => name).join(", ")];
  if (named !== there)
    throw new RunError(`${where}: expected those of model.condition.on (${named}), got ${there}; ${mend}`);
  for (const [i, one] of on.entries()) {
    const [as, { name, as: found }] = [typeof one === "string" ? undefined : one.as, columns[i]!];
    if (as !== undefined && as !== found)
      throw new RunError(`${where}: expected "${name}" as a ${as}, as in model.condition.on, got a ${found}; ${mend}`);
  }
  return columns;
}

const constant = (name: string, data: Examples, value: number | undefined): VaekitError =>
  new DataError(
    `${data.name}: "${name}" is ${value} in every training example, and says nothing; leave it out of model.condition.on`,
  );

/**
 * Of each example: the class; the number; or, of a factor as a number, its class divided by the greatest there is.
 * @throws DataError where there is none of the name
 */
function valuesOf({ name, as }: { readonly name: string; readonly as: ConditionKind }, data: Examples): Float64Array {
  const { labels, numbers, factors, count } = data;
  if (name === "label" && labels) return Float64Array.from(labels);
  const picked = (values: ArrayLike<number>, { length: width }: readonly string[], column: number, scale = 1) =>
    Float64Array.from({ length: count }, (_, row) => values[row * width + column]! / scale);
  const number = numbers?.names.indexOf(name) ?? -1;
  if (numbers && number >= 0) return picked(numbers.values, numbers.names, number);
  const factor = factors?.names.indexOf(name) ?? -1;
  if (factors && factor >= 0) {
    const greatest = Math.max(factors.sizes[factor]! - 1, 1);
    return picked(factors.classes, factors.names, factor, as === "number" ? greatest : 1);
  }
  const known = [...(labels ? ["label"] : []), ...(factors?.names ?? []), ...(numbers?.names ?? [])];
  const there = known.length > 0 ? `there are: ${known.join(", ")}` : "they have no labels, factors or numbers";
  const mend = name === "label" ? "put a file of labels beside the images" : "name a CSV file by data.conditions";
  throw new DataError(
    `${data.name} (${data.split}): the data have no condition "${name}" (model.condition.on); ${there}. In memory, hand it over as ${name === "label" ? "labels" : "numbers"}; else ${mend}`,
  );
}

/** How a column is written: numbers of it, what it takes in words, and the writer, undefined for what it does not take. */
interface Writer {
  readonly width: number;
  readonly text: string;
  /** How a value of it is called. */
  readonly takes: string;
  fits(value: number): boolean;
  /** @param into zeros, of the column's width */
  write(value: number, into: Float32Array): void;
}

function writerOf(column: ConditionColumn): Writer {
  const { name } = column;
  if (column.as === "class") {
    const places = new Map(column.classes.map((value, i) => [value, i]));
    const list = classList(column.classes);
    // Of mean square 1, as every latent has: with 1 in its place z says the class sooner than the condition is heard.
    const one = Math.sqrt(column.classes.length);
    return {
      width: column.classes.length,
      text: `${name} (a class, ${list})`,
      takes: `one of the classes that the model was trained with, ${list}`,
      fits: (value) => places.has(value),
      write(value, into) {
        into[places.get(value)!] = one;
      },
    };
  }
  const { mean, standardDeviation } = column;
  const short = (value: number) => Number(value.toPrecision(3));
  return {
    width: 1,
    text: `${name} (a number, ${short(mean)} ± ${short(standardDeviation)} in training)`,
    takes: "a finite number",
    fits: Number.isFinite,
    write(value, into) {
      into[0] = (value - mean) / standardDeviation;
    },
  };
}

/** "0 to 9", or "1, 4 and 7". */
function classList(classes: readonly number[]): string {
  const [first, last] = [classes[0]!, classes.at(-1)!];
  if (last - first === classes.length - 1 && classes.length > 2) return `${first} to ${last}`;
  const shown = classes.slice(0, 12);
  const rest = classes.length - shown.length;
  return `${shown.slice(0, rest > 0 ? undefined : -1).join(", ")} and ${rest > 0 ? `${rest} more` : shown.at(-1)}`;
}

/** The conditions that some columns describe. */
export function conditions(columns: readonly ConditionColumn[]): Conditions {
  const writers = columns.map(writerOf);
  const width = writers.reduce((total, own) => total + own.width, 0);
  const texts = writers.map(({ text }) => text);
  /** @param values of each column, row by row, all of which fit */
  const writing =
    (values: readonly ArrayLike<number>[]): WriteCondition =>
    (row, into) => {
      into.fill(0, 0, width);
      let from = 0;
      for (const [i, writer] of writers.entries()) {
        writer.write(values[i]![row]!, into.subarray(from, from + writer.width));
        from += writer.width;
      }
    };
  return {
    ...{ columns, width, texts },
    of(data) {
      const values = columns.map((column) => valuesOf(column, data));
      for (const [i, writer] of writers.entries()) {
        const wrong = values[i]!.findIndex((value) => !writer.fits(value));
        if (wrong >= 0)
          throw new DataError(
            `${data.name} (${data.split}): example ${data.index[wrong]} has "${columns[i]!.name}" ${values[i]![wrong]}; expected ${writer.takes}`,
          );
      }
      return writing(values);
    },
    given: (data, start, rows) =>
      Object.fromEntries(columns.map((column) => [column.name, valuesOf(column, data).subarray(start, start + rows)])),
    async fingerprint(...data) {
      const values = data.map((one) => columns.flatMap((column) => [...valuesOf(column, one)]));
      return (await sha256(new TextEncoder().encode(JSON.stringify([columns, values])))).slice(0, 16);
    },
    encode(given = {}, rows, where) {
      if (!isRecord(given))
        throw new UsageError(
          `${where}: expected conditions by name such as { ${columns[0]!.name}: 0 }, got ${show(given)}`,
        );
      checkNames(given, columns, texts, where);
      const values = columns.map(({ name }, i) => {
        const value = given[name]!;
        const each = typeof value === "number" ? new Float64Array(rows).fill(value) : value;
        checkValues(each, rows, writers[i]!, `${where}: ${name}`);
        return each;
      });
      const encoded = new Float32Array(rows * width);
      const write = writing(values);
      for (let row = 0; row < rows; row++) write(row, encoded.subarray(row * width, (row + 1) * width));
      return encoded;
    },
  };
}

function checkNames(given: Given, columns: readonly ConditionColumn[], texts: readonly string[], where: string): void {
  const stranger = Object.keys(given).find((key) => !columns.some(({ name }) => name === key));
  if (stranger !== undefined)
    throw new UsageError(`${where}: the model has no condition "${stranger}"; it has: ${texts.join(", ")}`);
  const missing = columns.flatMap(({ name }, i) => (given[name] === undefined ? [texts[i]!] : []));
  if (missing.length > 0)
    throw new UsageError(`${where}: the model is conditional, and needs a value of each of: ${missing.join(", ")}`);
}

function checkValues(values: ArrayLike<number>, rows: number, { takes, fits }: Writer, where: string): void {
  if (typeof values !== "object" || values === null || values.length !== rows)
    throw new UsageError(`${where}: expected ${takes}, or ${rows} of them, one for each row; got ${show(values)}`);
  for (let row = 0; row < rows; row++)
    if (!fits(values[row]!))
      throw new UsageError(`${where}: expected ${takes}, got ${show(values[row])}${rows > 1 ? ` in row ${row}` : ""}`);
}
