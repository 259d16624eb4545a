import * as z from "zod";
import { UsageError } from "./errors.ts";
import { suggest } from "./nearest.ts";
import { isRecord, show } from "./show.ts";

/*
 * Fields of zod schemas whose messages are ours, for the config and for the options of functions.
 *
 * An issue's message is relative to its path. For unknown keys it holds one line a key, each beginning with the key.
 */

type RawIssue = { readonly code?: string | undefined; readonly input?: unknown; readonly keys?: unknown };

/** Own message of a schema: `expected a positive integer, got 0`. */
export function expected(what: string): { error: (issue: RawIssue) => string } {
  return { error: (issue) => `expected ${what}, got ${show(issue.input)}` };
}

export function section<const Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => `${key}: unknown key; ${suggest(key, known)}`).join("\n")
        : `expected an object with any of ${known.map((key) => `"${key}"`).join(", ")}, got ${show(issue.input)}`,
  });
}

export function choice<const Names extends readonly string[]>(names: Names) {
  const list = names.map((name) => `"${name}"`).join(", ");
  return z.enum(names, {
    error: (issue) => {
      const near = typeof issue.input === "string" ? suggest(issue.input, names) : "";
      return `expected ${list}, got ${show(issue.input)}${near.startsWith("did") ? `; ${near}` : ""}`;
    },
  });
}

/** A literal `kind` of which there is one so far. */
export function onlyKind<const Name extends string>(name: Name) {
  return z.literal(name, expected(`"${name}"`));
}

export function integer(minimum: number, what: string) {
  return z.int(expected(what)).min(minimum, expected(what));
}

export function above0(what: string) {
  return z.number(expected(what)).gt(0, expected(what));
}

export function fraction(what: string) {
  return above0(what).lt(1, expected(what));
}

export function text(what: string) {
  return z.string(expected(what)).min(1, expected(what));
}

/* Options that several functions take. */

export const options = {
  threads: integer(1, "an integer from 1 to 1024").max(1024, expected("an integer from 1 to 1024")).optional(),
  seed: integer(0, "an integer >= 0"),
  signal: z
    .custom((value) => isRecord(value) && typeof value.aborted === "boolean", expected("an AbortSignal"))
    .optional(),
  onProgress: z.custom((value) => typeof value === "function", expected("a function")).optional(),
} as const;

/** One line for each defect, `model.latent: expected a positive integer, got 0`, without repetitions. */
export function issueLines(error: z.ZodError): string[] {
  return [...new Set(error.issues.flatMap((issue) => flatten(issue, [])))];
}

function flatten(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): string[] {
  const path = [...above, ...issue.path];
  if (issue.code === "invalid_union") {
    // The option that was meant is the one whose `kind` fits.
    const meant = issue.errors.find((issues) =>
      issues.every(
        (inner) => (inner.path.length > 0 && inner.path[0] !== "kind") || inner.code === "unrecognized_keys",
      ),
    );
    if (meant) return meant.flatMap((inner) => flatten(inner, path));
  }
  const place = path.map(String).join(".");
  if (issue.code === "unrecognized_keys")
    return issue.message.split("\n").map((line) => (place ? `${place}.${line}` : line));
  return [place ? `${place}: ${issue.message}` : issue.message];
}

/**
 * Refuses options that a caller without a compiler may give: of a wrong type, or unknown.
 * @param call the function, which the message names
 * @throws UsageError with a line for each: `train: epochs: expected a positive integer, got "3"`
 */
export function checkOptions(call: string, schema: z.ZodType, options: unknown): void {
  const parsed = schema.safeParse(options);
  if (!parsed.success)
    throw new UsageError(
      issueLines(parsed.error)
        .map((line) => `${call}: ${line}`)
        .join("\n"),
    );
}
