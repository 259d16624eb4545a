import { spawnSync } from "node:child_process";

/** The state of the working tree. */
export interface Tree {
  /** The commit's hash, with "-dirty" where files differ from it; "uncommitted" where there is no commit. */
  readonly commit: string;
  readonly dirty: boolean;
}

/** What measurements write themselves does not make the tree dirty. */
const RESULTS = [":!docs/results", ":!bench/results"];

/** The commit of the working tree at a folder, its root, and whether any file, tracked or not, differs from it. */
export function treeState(folder = "."): Tree {
  const head = git(folder, "rev-parse", "--verify", "--quiet", "HEAD");
  const changes = git(folder, "status", "--porcelain", "--", ".", ...RESULTS);
  const dirty = head === undefined || changes === undefined || changes !== "";
  return { commit: head === undefined ? "uncommitted" : `${head}${dirty ? "-dirty" : ""}`, dirty };
}

function git(folder: string, ...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync("git", args, { cwd: folder, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
