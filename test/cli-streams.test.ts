import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cliFile, runCli } from "./run-cli.ts";

// Standard output and standard error that end early or are full, by real pipes and /dev/full.

const folder = mkdtempSync(join(tmpdir(), "vaekit-streams-"));
afterAll(() => rmSync(folder, { recursive: true }));

const tiny = "--epochs 4 --set data.examples=300 model.latent=2 model.encoder.hidden=[8] train.batchSize=50";
/** Reads one line and goes away. */
const readOne = "node -e 'process.stdin.once(\"data\", () => process.exit())'";

/** A line of bash in which `vaekit` is the command line; exit codes of a pipe are those of its first program. */
function bash(line: string): { code: number | null; stdout: string; stderr: string } {
  const script = `vaekit() { "${process.execPath}" "${cliFile}" "$@"; }\n${line}`;
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script], { cwd: folder, encoding: "utf8" });
  return { code: status, stdout, stderr };
}

function expectWhole(run: string): void {
  const names = readdirSync(join(folder, run));
  expect(names).toContain("model");
  expect(names.filter((name) => name.includes("lock") || name.endsWith(".tmp"))).toEqual([]);
  const rows = readFileSync(join(folder, run, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  expect(JSON.parse(rows.at(-1)!)).toMatchObject({ epoch: 4 });
}

beforeAll(async () => {
  const { code, stderr } = await runCli(["train", "sprites", "--out", "run", ...tiny.split(" ")], { cwd: folder });
  expect(code, stderr).toBe(0);
});

test.each([
  ["both", `2>&1 | ${readOne}; exit \${PIPESTATUS[0]}`, 0],
  ["standard error", `2>&1 >/dev/null | ${readOne}; exit \${PIPESTATUS[0]}`, 0],
  ["standard output", `| true; exit \${PIPESTATUS[0]}`, 0],
])("training goes on to its end when the reader of %s goes away", (name, pipe, code) => {
  const run = `piped-${name.replace(" ", "-")}`;
  expect(bash(`vaekit train sprites --out ${run} ${tiny} ${pipe}`).code).toBe(code);
  expectWhole(run);
});

test("what is printed and not read: 141 where it is the product, 0 where that is a file", () => {
  const quiet = { stdout: "", stderr: "" };
  const unread = (command: string) => bash(`vaekit ${command} | true; exit \${PIPESTATUS[0]}`);
  expect(unread("inspect run")).toEqual({ ...quiet, code: 141 });
  expect(unread("evaluate run --json")).toEqual({ ...quiet, code: 141 });
  expect(unread("--help")).toEqual({ ...quiet, code: 0 });
  expect(unread("sample run --out unread.png")).toEqual({ ...quiet, code: 0 });
  expect(existsSync(join(folder, "unread.png"))).toBe(true);
});

test.skipIf(!existsSync("/dev/full"))("a full standard output is one line and 1, and training goes on", () => {
  const stderr =
    "error: standard output: cannot be written: no space left on device; free some space or choose another place\n";
  for (const command of ["--help", "inspect run", "sample run"])
    expect(bash(`vaekit ${command} >/dev/full`)).toEqual({ code: 1, stdout: "", stderr });
  const trained = bash(`vaekit train sprites --out full ${tiny} >/dev/full`);
  expect(trained.code).toBe(1);
  expect(trained.stderr.endsWith(`\n${stderr}`)).toBe(true);
  expectWhole("full");
});

test.skipIf(!existsSync("/dev/full"))("a full standard error ends nothing", () => {
  expect(bash(`vaekit train sprites --out deaf ${tiny} 2>/dev/full`).code).toBe(0);
  expectWhole("deaf");
  expect(bash("vaekit inspect nothing 2>/dev/full").code).toBe(1);
});
