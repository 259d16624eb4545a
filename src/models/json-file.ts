import type * as z from "zod/mini";
import { issueLines } from "../config.fields.ts";
import { RunError } from "../errors.ts";
import { show } from "../show.ts";

/* The JSON in the files of a run: read by people too, and sometimes edited by them. */

/**
 * The value of a file's text.
 * @param mend what its user can do about a damaged file
 * @throws RunError naming the file
 */
export function readJson(text: string, file: string, mend: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RunError(`${file}: not JSON (${(error as Error).message.slice(0, 120)}); ${mend}`, { cause: error });
  }
}

/**
 * A value of a file, checked against a schema.
 * @throws RunError naming the file and each wrong field with its value: `environment.json: threads: expected a number,
 * got "4"; MEND`
 */
export function checkShape<Value>(value: unknown, schema: z.ZodMiniType<Value>, file: string, mend: string): Value {
  const parsed = schema.safeParse(value, {
    error: (issue) => `expected ${expectation(issue)}, got ${show(issue.input)}`,
  });
  if (parsed.success) return parsed.data;
  throw new RunError(
    `${issueLines(parsed.error)
      .map((line) => `${file}: ${line}`)
      .join("\n")}; ${mend}`,
  );
}

const kinds: Readonly<Record<string, string>> = {
  object: "an object",
  record: "an object",
  array: "a list",
  number: "a number",
  int: "an integer",
  string: "text",
};

function expectation(issue: z.core.$ZodRawIssue): string {
  if (issue.code === "invalid_type") return kinds[issue.expected] ?? issue.expected;
  if (issue.code === "too_small")
    return issue.origin === "array" ? "a list that is not empty" : `at least ${issue.minimum}`;
  if (issue.code === "invalid_value") return issue.values.map((value) => show(value)).join(" or ");
  return issue.code.replaceAll("_", " ");
}
