/**
 * An error of the browser in words, and what to do about it.
 * @param error what the Origin Private File System threw, or a DOMException with a name of our own: see below
 */
export async function describeProblem(error: unknown): Promise<{ readonly reason: string; readonly mend: string }> {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "QuotaExceededError") {
    return { reason: `the browser gives this site no more room${await stored()}`, mend: makeRoom };
  }
  // What Chromium says instead, now and then, of a write that is larger than the room by far.
  if (name === "AbortError") {
    return { reason: `the browser broke it off, as when there is no more room${await stored()}`, mend: makeRoom };
  }
  const known = problems[name];
  if (known) return { reason: known[0], mend: known[1] };
  return { reason: error instanceof Error ? error.message : String(error), mend: "reload the page and try again" };
}

/** Names of DOMExceptions that are thrown here and not by a browser. */
export const ours = {
  insecure: "InsecureError",
  tooOld: "TooOldError",
  noStorage: "NoStorageError",
  notFolder: "NotFolderError",
} as const;

const problems: Readonly<Record<string, readonly [reason: string, mend: string]>> = {
  [ours.insecure]: ["browsers keep files for secure pages only", "open the page by https://, or on localhost"],
  [ours.tooOld]: [
    "this browser cannot replace a file as a whole",
    "use Chromium 114, Firefox 111 or Safari 26, or a later version",
  ],
  [ours.notFolder]: [
    "a part of its path is a file, not a folder",
    "remove or rename that file, or choose another place",
  ],
  [ours.noStorage]: [
    "the browser keeps no files for this page",
    "open it in a window that is not private, and allow the site to store data",
  ],
  NotFoundError: ["no such file or folder", "check the path, and whether it was removed"],
  TypeMismatchError: ["it is a folder", "remove or rename that folder, or choose another place"],
  NoModificationAllowedError: ["other code of this site has it open", "close the site's other tabs and try again"],
};

const makeRoom = "remove runs that are no longer needed (removeRun), or free space on the disk";

/** How much this site has stored, and may. */
async function stored(): Promise<string> {
  const { usage, quota } = await navigator.storage.estimate().catch((): StorageEstimate => ({}));
  if (usage === undefined || quota === undefined) return "";
  // Some browsers tell every site the same high limit, so that it does not give away how large the disk is.
  return ` (it has stored ${megabytes(usage)} and may store ${megabytes(quota)}, less where the disk is full)`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
