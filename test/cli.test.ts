import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cliFile, runCli } from "./run-cli.ts";

// The command line as a user runs it, where no trained model is needed. cli-run.test.ts has the rest.

const folder = mkdtempSync(join(tmpdir(), "vaekit-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

const commands = [
  "train",
  "evaluate",
  "report",
  "sample",
  "reconstruct",
  "interpolate",
  "traverse",
  "encode",
  "export",
  "inspect",
];

test("--help names every command, on standard output", async () => {
  const started = performance.now();
  const { code, stdout, stderr } = await runCli(["--help"]);
  console.log(`vaekit --help took ${Math.round(performance.now() - started)} ms`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
  expect(stdout).toContain("Exit codes: 0 done, 1 failed, 2 wrong usage");
});

test.each(commands)("%s --help has arguments, options and examples", async (command) => {
  const { code, stdout, stderr } = await runCli([command, "--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(new RegExp(`^Usage: vaekit ${command} \\[options\\] <`));
  expect(stdout).toContain("--json");
  expect(stdout).toMatch(new RegExp(`\nExamples:\n  vaekit ${command} `));
});

test("--help loads nothing but commander: the library is imported inside the actions", () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, specifier] of readFileSync(file, "utf8").matchAll(
      /^(?:import\s*|(?:import|export)\b[^;"]*?\bfrom\s*)"([^"]+)"/gm,
    )) {
      if (specifier!.startsWith(".")) visit(resolve(dirname(file), specifier!));
      else packages.add(specifier!);
    }
  };
  visit(cliFile);
  const outside = [...seen].map((file) => relative(dirname(cliFile), file)).filter((file) => file.startsWith(".."));
  // Names and texts alone, of what there is to choose from and of what a step reports.
  const choices = ["../config.choices.js", "../config.parts.descriptions.js", "../models/sampler-kinds.js"];
  expect(outside.sort()).toEqual([...choices, "../errors.js", "../train/term-names.js"].sort());
  expect([...packages].filter((name) => !name.startsWith("node:"))).toEqual(["commander"]);
});

test("--version is the package's", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  expect(await runCli(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test("without a command, the help is printed as an error", async () => {
  const { code, stdout, stderr } = await runCli([]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("Usage: vaekit");
});

writeFileSync(join(folder, "broken.json"), '{"model": {"latent": 3,}}');
writeFileSync(join(folder, "file.csv"), "");

test.each<[string[], string]>([
  [["tran"], "error: unknown command 'tran'\n(Did you mean train?)"],
  [["sample", "run", "--sed", "3"], "error: unknown option '--sed'\n(Did you mean --seed?)"],
  [["report"], "error: missing required argument 'run'"],
  [["report", "a", "b"], "error: too many arguments for 'report'. Expected 1 argument but got 2."],
  [["train", "sprites"], "error: required option '--out <run>' not specified"],
  [["train", "a", "b", "--out", "run"], 'error: unexpected argument "b"'],
  [["train", "a", "--epochs", "0", "--out", "run"], 'error: --epochs: expected a positive integer, got "0"'],
  [["train", "a", "--steps", "1.5", "--out", "run"], 'error: --steps: expected a positive integer, got "1.5"'],
  [["train", "a", "--minutes", "-1", "--out", "run"], 'error: --minutes: expected a number > 0, got "-1"'],
  [["train", "a", "--seed", "-1", "--out", "run"], 'error: --seed: expected an integer >= 0, got "-1"'],
  [
    ["train", "a", "--epochs", "1", "--steps", "2", "--out", "run"],
    "error: option '--epochs <n>' cannot be used with option '--steps <n>'",
  ],
  [["train", "a", "--config", "none.json", "--out", "run"], 'error: --config: cannot read "none.json": no such file'],
  [
    ["train", "a", "--config", "broken.json", "--out", "run"],
    'error: broken.json:1:24: not JSON: expected a key in double quotes, got "}" after a comma; remove the comma',
  ],
  [
    ["evaluate", "run", "--samples", "abc"],
    'error: --samples: expected a positive integer of at most 1000000, got "abc"',
  ],
  [
    ["evaluate", "run", "--split", "tst"],
    "error: option '--split <name>' argument 'tst' is invalid. Allowed choices are train, validation, test, all.",
  ],
  [["sample", "run", "-n", "1e3"], 'error: --count: expected a positive integer, got "1e3"'],
  [["sample", "run", "--out", "x.jpg"], 'error: --out: expected a file name ending in .png, got "x.jpg"'],
  [["sample", "run", "--out", "none/x.png"], 'error: --out: the folder "none" does not exist; create it first'],
  [["sample", "run", "--out", "a\\b.png"], 'error: --out: expected a name without "\\"'],
  [["export", "run", "--out", ""], 'error: --out: expected a folder, got ""'],
  [["traverse", "run", "--range", "0"], 'error: --range: expected a number > 0 and at most 1000, got "0"'],
  [["traverse", "run", "--range", "1e300"], 'error: --range: expected a number > 0 and at most 1000, got "1e300"'],
  [
    ["encode", "run", "data", "--out", "x.txt"],
    'error: --out: expected a file name ending in .npy or .csv, got "x.txt"',
  ],
  [["encode", "run", "data", "--out", "file.csv/x.csv"], 'error: --out: "file.csv" is a file, not a folder'],
])("%j is wrong usage", async (args, message) => {
  const { code, stdout, stderr } = await runCli(args, { cwd: folder });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr.startsWith(message), stderr).toBe(true);
  expect(stderr).not.toMatch(/\n\s+at /);
});

test.each([
  ["inspect", "none.idx"],
  ["inspect", "file.csv", "--json"],
  ["train", "none.idx", "--out", "run"],
  ["evaluate", "none"],
  ["sample", "none", "--out", "x.png"],
])("%j fails with a message and no stack", async (...args) => {
  const { code, stdout, stderr } = await runCli(args, { cwd: folder });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^error: /);
  expect(stderr).not.toMatch(/bug in vaekit|\n\s+at /);
});

test("inspect of an IDX file, for people and as JSON", async () => {
  const header = Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 3]);
  const pixels = Uint8Array.from({ length: 20 * 6 }, (_, i) => i % 120);
  writeFileSync(join(folder, "made.idx"), Buffer.concat([header, pixels]));
  const { code, stdout, stderr } = await runCli(["inspect", "made.idx", "--json"], { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  const inspection = JSON.parse(stdout);
  expect(inspection).toMatchObject({ kind: "data", source: "made.idx", event: [2, 3], type: "uint8" });
  const counts = inspection.splits.map(({ split, count }: { split: string; count: number }) => [split, count]);
  expect(counts).toEqual([
    ["train", 16],
    ["validation", 2],
    ["test", 2],
  ]);
  const lines = await runCli(["inspect", "made.idx"], { cwd: folder });
  expect(lines.stdout).toContain("examples of shape [2, 3], grey levels 0..255 (uint8)");
});

test("a reader that goes away is no error", () => {
  const { status, stderr } = spawnSync(
    "bash",
    ["-c", `set -o pipefail; "$0" "$1" --help | true`, process.execPath, cliFile],
    {
      encoding: "utf8",
    },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("the file can be run by its name", () => {
  expect(readFileSync(cliFile, "utf8").startsWith("#!/usr/bin/env node\n")).toBe(true);
  expect(execFileSync(process.execPath, [cliFile, "-V"], { encoding: "utf8" })).toMatch(/^\d+\.\d+\.\d+\n$/);
});
