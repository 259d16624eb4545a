import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { treeState } from "./git.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vaekit-git-"));
  git("init", "--quiet");
});
afterEach(() => rmSync(folder, { recursive: true }));

function git(...args: readonly string[]): void {
  const who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
  execFileSync("git", [...who, ...args], { cwd: folder });
}

test("a tree without a commit is dirty", () => {
  expect(treeState(folder)).toEqual({ commit: "uncommitted", dirty: true });
});

test("a changed or a new file makes the tree dirty, a result does not", () => {
  writeFileSync(join(folder, "code"), "1");
  git("add", "code");
  git("commit", "--quiet", "--message", "one");
  const clean = treeState(folder);
  expect(clean).toEqual({ commit: expect.stringMatching(/^[0-9a-f]{40}$/), dirty: false });

  mkdirSync(join(folder, "docs", "results"), { recursive: true });
  writeFileSync(join(folder, "docs", "results", "a.json"), "{}");
  expect(treeState(folder)).toEqual(clean);

  writeFileSync(join(folder, "new"), "");
  expect(treeState(folder)).toEqual({ commit: `${clean.commit}-dirty`, dirty: true });
  rmSync(join(folder, "new"));
  writeFileSync(join(folder, "code"), "2");
  expect(treeState(folder).dirty).toBe(true);
});
