import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { runCommandLine } from "../src/cli/program.ts";
import { choices } from "../src/config.choices.ts";
import { configJsonSchema } from "../src/config.json-schema.ts";
import { parseConfig } from "../src/config.ts";
import { table } from "./models/table.ts";

/* What a config may name is in one registry, config.choices.ts; the schema, --help, the docs and the tests go by it. */

const entries = Object.entries(choices).map(([key, { heading, parts }]) => ({
  key,
  heading,
  parts: Object.entries<string>(parts),
}));

/** What stands at a key such as "model.prior.kind". */
const at = (value: unknown, key: string): unknown =>
  key.split(".").reduce((inner, name) => (inner as Record<string, unknown> | null)?.[name], value as unknown);

interface Schema {
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** The names that a JSON Schema allows at a path. */
function allowed(schema: Schema, path: readonly string[]): string[] {
  const [key, ...rest] = path;
  const within = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  if (key === undefined) return within.flatMap((one) => one.enum ?? one.const ?? []);
  return [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
    .flatMap((one) => allowed(one, path))
    .concat(schema.properties?.[key] ? allowed(schema.properties[key], rest) : []);
}

test.each(entries)("$key: the schema allows what the registry has, and nothing else", ({ key, parts }) => {
  const names = parts.map(([name]) => name);
  expect([...new Set(allowed(configJsonSchema() as Schema, key.split(".")))].sort()).toEqual(names.sort());
});

test.each(entries)("$key: every part has a row in the table of models", ({ key, parts }) => {
  const used = new Set(table.map(({ config }) => at(parseConfig(config, "test"), key)));
  for (const [name] of parts) expect(used, "test/models has no row of it").toContain(name);
});

test("vaekit train --help says of every part what it is", async () => {
  let help = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    help += text;
    return true;
  });
  expect(await runCommandLine(["train", "--help"])).toBe(0);
  vi.restoreAllMocks();
  for (const line of help.split("\n")) expect(line.length, line).toBeLessThanOrEqual(120);
  const words = help.replaceAll(/\s+/g, " ");
  for (const { key, heading, parts } of entries) {
    expect(words).toContain(`${heading} (${key}): ${parts[0]![0]} `);
    for (const [name, said] of parts) expect(words).toContain(` ${name} ${said} `);
  }
});

const file = fileURLToPath(new URL("../docs/models/README.md", import.meta.url));

test("docs/models/README.md has a row for every part, with the page that tells of it", () => {
  const text = readFileSync(file, "utf8");
  const rows = text.split("\n").filter((line) => /^(## |\| `)/.test(line));
  const wanted = entries.flatMap(({ key, heading, parts }) => [
    `## ${heading}: \`${key}\``,
    ...parts.map(([name, said]) => `| \`${name}\` | ${said.replaceAll("|", "\\|")} | `),
  ]);
  expect(rows.map((row) => row.replace(/\[[^\]]*\]\(\S+\) \|$/, ""))).toEqual(wanted);
  for (const row of rows.filter((line) => line.startsWith("|"))) {
    const [, name, page] = /^\| `([\w-]+)` \|.*\[[^\]]+\]\(([^)#]+)[^)]*\) \|$/.exec(row) ?? [];
    const tells = new RegExp(`[\`"]${name}[\`"]`).test(readFileSync(join(dirname(file), page!), "utf8"));
    expect(tells, `${page} does not tell of ${name}`).toBe(true);
  }
});
