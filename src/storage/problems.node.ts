/** What is wrong, and what to do about it, by the error code of the operating system. */
const problems: Readonly<Record<string, readonly [reason: string, mend: string]>> = {
  ENOSPC: ["no space left on device", "free some space or choose another place"],
  EDQUOT: ["disk quota exceeded", "free some space or choose another place"],
  EFBIG: ["file too large for this place", "raise the limit on file sizes or choose another place"],
  EACCES: ["permission denied", "grant this user access to it or choose another place"],
  EPERM: ["operation not permitted", "grant this user access to it or choose another place"],
  EROFS: ["the file system is read-only", "choose another place or mount it for writing"],
  ENOENT: ["no such file or folder", "check the path, and whether it was moved or removed"],
  ENOTDIR: ["a part of its path is a file, not a folder", "remove or rename that file, or choose another place"],
  NO_NEW_FOLDERS: ["this file system takes no new folders", "choose another place"], // our own: see makeFolders
  EEXIST: ["a part of its path is a file, not a folder", "remove or rename that file, or choose another place"], // mkdir
  EISDIR: ["it is a folder", "remove or rename that folder, or choose another place"],
  ERR_FS_EISDIR: ["it is a folder", "remove or rename that folder, or choose another place"],
  ENOTEMPTY: ["it is a folder", "remove or rename that folder, or choose another place"],
  ENAMETOOLONG: ["its name is too long", "choose a shorter name"],
  EMFILE: ["too many open files", "raise the limit on open files (ulimit -n)"],
  ENFILE: ["too many open files on this machine", "close some programs"],
  ELOOP: ["its symbolic links lead in a circle", "mend the links or choose another place"],
  EBUSY: ["it is in use by the system or another program", "close that program and try again"],
  ETXTBSY: ["it is in use by another program", "close that program and try again"],
  ESTALE: ["the server of this network folder no longer knows it", "mount the folder anew"],
  EIO: ["input/output error", "check the disk"],
  ERR_FS_FILE_TOO_LARGE: ["it is larger than 2 GiB", "choose a smaller file"],
};

export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** An error of the file system in words: `no space left on device`, and the mend. */
export function describeProblem(error: unknown): { readonly reason: string; readonly mend: string } {
  const known = problems[errorCode(error) ?? ""];
  if (known) return { reason: known[0], mend: known[1] };
  return { reason: error instanceof Error ? error.message : String(error), mend: "check the disk and the path" };
}
