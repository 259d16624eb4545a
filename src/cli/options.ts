import { type Command, Option } from "commander";
import { UsageError } from "../errors.ts";

/*
 * Options that several commands share, and the readers of their values. A reader throws a UsageError such as
 * `--samples: expected a positive integer, got "abc"`.
 */

type Reader = (text: string) => number;

function integerReader(flag: string, least: 0 | 1, most = Number.MAX_SAFE_INTEGER): Reader {
  const range = most < Number.MAX_SAFE_INTEGER ? ` of at most ${most}` : "";
  const what = (least === 1 ? "a positive integer" : "an integer >= 0") + range;
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new UsageError(`${flag}: expected ${what}, got ${JSON.stringify(text)}`);
  };
}

/** An option `--name <n>` whose value is a positive integer. `flags` as commander takes them, e.g. "-n, --count <n>". */
export function positiveInteger(flags: string, description: string, most?: number): Option {
  return new Option(flags, description).argParser(integerReader(longFlag(flags), 1, most));
}

/** As positiveInteger, for an integer of at least 0: an index or a seed. */
export function naturalNumber(flags: string, description: string): Option {
  return new Option(flags, description).argParser(integerReader(longFlag(flags), 0));
}

export function positiveNumber(flags: string, description: string, most = Number.MAX_VALUE): Option {
  const range = most < Number.MAX_VALUE ? ` and at most ${most}` : "";
  return new Option(flags, description).argParser((text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value > 0 && value <= most) return value;
    throw new UsageError(`${longFlag(flags)}: expected a number > 0${range}, got ${JSON.stringify(text)}`);
  });
}

/** --given NAME=VALUE, any number of times: {"label": 7}. */
export function givenOption(): Option {
  const refuse = (problem: string) => new UsageError(`--given: ${problem}`);
  return new Option(
    "--given <name=value>",
    "of a conditional model: a value of a condition, e.g. label=7; once for each",
  ).argParser<Readonly<Record<string, number>>>((text, before = {}) => {
    const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
    const number = value?.trim() ? Number(value) : Number.NaN;
    if (name === undefined || !Number.isFinite(number))
      throw refuse(`expected NAME=VALUE with a number, such as label=7, got ${JSON.stringify(text)}`);
    if (Object.hasOwn(before, name)) throw refuse(`"${name}" is given twice, ${before[name]} and ${number}`);
    return { ...before, [name]: number };
  });
}

function longFlag(flags: string): string {
  return /--[\w-]+/.exec(flags)?.[0] ?? flags;
}

export function jsonOption(): Option {
  return new Option("--json", "print one JSON object on standard output, all else on standard error");
}

/** As many as the largest machines have cores; a mistyped number shall not start threads until the system gives in. */
const MOST_THREADS = 1024;

export function threadsOption(): Option {
  return positiveInteger("--threads <n>", "threads that compute (default: as many as there are cores)", MOST_THREADS);
}

export function splitOption(allowed: readonly string[], otherwise: string): Option {
  return new Option("--split <name>", "which part of the data").choices(allowed).default(otherwise);
}

export const SPLITS = ["train", "validation", "test"] as const;
export type SplitName = (typeof SPLITS)[number];

export function dataOption(): Option {
  return new Option("--data <data>", "the data (default: what the run was trained on)");
}

/** A command's examples, below its options. */
export function addExamples(command: Command, ...examples: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${examples.map((example) => `  ${example}`).join("\n")}`);
}

/** The given options without those that are undefined, as functions with optional keys take them. */
export function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
