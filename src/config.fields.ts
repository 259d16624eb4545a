import * as z from "zod/mini";
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

/** A union by `kind`, whose messages list the kinds. */
export function kinds<const Options extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]]>(
  example: string,
  names: readonly string[],
  options: Options,
) {
  const list = names.map((name) => `"${name}"`).join(", ");
  return z.discriminatedUnion("kind", options, {
    error: (issue) =>
      isRecord(issue.input)
        ? `expected ${list}, got ${show(issue.input.kind)}`
        : `expected an object such as {"kind": "${example}"}, got ${show(issue.input)}`,
  });
}

/** A line for each key that is given and goes with other kinds than the section's own: it would change nothing. */
export function strayKeys<const Kind extends string>(
  place: string,
  given: Readonly<Record<string, unknown>> & { readonly kind: Kind },
  keys: Readonly<Record<Kind, readonly string[]>>,
): string[] {
  const all = new Set(Object.values<readonly string[]>(keys).flat());
  const stray = [...all].filter((key) => given[key] !== undefined && !keys[given.kind].includes(key));
  return stray.map((key) => {
    const kinds = (Object.keys(keys) as Kind[]).filter((kind) => keys[kind].includes(key));
    const list = kinds.map((kind) => `"${kind}"`).join(", ");
    const [goesWith, mend] =
      kinds.length === 1 ? ["the kind", `set ${place}.kind to ${list}`] : ["the kinds", "take one of those"];
    return `${place}.${key}: goes with ${goesWith} ${list}, got "${given.kind}"; leave it out, or ${mend}`;
  });
}

export function integer(minimum: number, what: string) {
  return z.int(expected(what)).check(z.minimum(minimum, expected(what)));
}

export function above0(what: string) {
  return z.number(expected(what)).check(z.gt(0, expected(what)));
}

export function fraction(what: string) {
  return above0(what).check(z.lt(1, expected(what)));
}

export function atLeast0(what: string) {
  return z.number(expected(what)).check(z.minimum(0, expected(what)));
}

/** From 0 to 1, both included. */
export function share(what: string) {
  return atLeast0(what).check(z.maximum(1, expected(what)));
}

export function text(what: string) {
  return z.string(expected(what)).check(z.minLength(1, expected(what)));
}

/* Keys of the config. What each means, for editors, stands in the files ending .descriptions.ts. */

/** May be null, for not set, which is the default. */
export function orNull<Schema extends z.ZodMiniType>(schema: Schema) {
  return z._default(z.nullable(schema), null);
}

/** A section that may be left out: each of its keys then has its default. */
export function part<const Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const keys = section(shape);
  return z.prefault(keys, {} as z.input<typeof keys>);
}

/* Options that several functions take. */

const threadCount = "an integer from 1 to 1024";

export const options = {
  threads: z.optional(integer(1, threadCount).check(z.maximum(1024, expected(threadCount)))),
  seed: integer(0, "an integer >= 0"),
  signal: z.optional(
    z.custom((value) => isRecord(value) && typeof value.aborted === "boolean", expected("an AbortSignal")),
  ),
  onProgress: z.optional(z.custom((value) => typeof value === "function", expected("a function"))),
} as const;

/** One line for each defect, `model.latent: expected a positive integer, got 0`, without repetitions. */
export function issueLines(error: z.core.$ZodError): string[] {
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
export function checkOptions(call: string, schema: z.ZodMiniType, options: unknown): void {
  const parsed = schema.safeParse(options);
  if (!parsed.success)
    throw new UsageError(
      issueLines(parsed.error)
        .map((line) => `${call}: ${line}`)
        .join("\n"),
    );
}
