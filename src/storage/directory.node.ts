import type { Stats } from "node:fs";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RunError } from "../errors.ts";
import { makeFolders, syncFolder } from "./folders.node.ts";
import { lockDirectory } from "./lock.node.ts";
import { bytesOf, lineBytes, lockName, pathParts } from "./path.ts";
import { describeProblem, errorCode } from "./problems.node.ts";
import type { Storage } from "./storage.ts";
import { isTemporary, removeLeftovers, temporaryName } from "./temporary.node.ts";

/**
 * A directory as a place for files; made by the first write. A file appears whole or not at all: a temporary file in
 * the same folder is written, synced to the disk, and renamed.
 */
export function directoryStorage(path: string): Storage {
  const location = path;
  let made = false;

  /** Makes the folder of a file. Once the directory has been there it is not made again: it was removed on purpose. */
  const prepare = async (file: string): Promise<void> => {
    if (made && !(await isThere(location))) {
      throw new RunError(`${file}: cannot be written: the directory ${location} was removed or moved meanwhile`);
    }
    await makeFolders(dirname(file));
    made = true;
  };

  const fileAt = (relativePath: string): string => join(location, ...pathParts(relativePath, location));

  return {
    location,

    async read(relativePath) {
      const file = fileAt(relativePath);
      try {
        const { buffer, byteOffset, byteLength } = await readFile(file);
        return new Uint8Array(buffer, byteOffset, byteLength);
      } catch (error) {
        throw failure(file, "cannot be read", error);
      }
    },

    async exists(relativePath) {
      return isThere(fileAt(relativePath));
    },

    async list(folder) {
      const full = join(location, ...pathParts(folder, location, "folder"));
      try {
        const names = await readdir(full);
        return names.filter((name) => !isTemporary(name) && !(folder === "" && isLockFile(name))).sort();
      } catch (error) {
        if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
        throw failure(full, "cannot be listed", error);
      }
    },

    async write(relativePath, bytes) {
      const file = fileAt(relativePath);
      const untouched = (await isFile(file)) ? "; the earlier file is untouched" : "";
      try {
        await prepare(file);
        await replace(file, bytesOf(bytes));
      } catch (error) {
        throw failure(file, "cannot be written", error, untouched);
      }
      try {
        await syncFolder(dirname(file));
      } catch (error) {
        throw failure(file, "is written, but the disk does not confirm it", error);
      }
    },

    async append(relativePath, line) {
      const file = fileAt(relativePath);
      const bytes = lineBytes(line, file);
      const untouched = (await isFile(file)) ? "; its earlier lines are untouched" : "";
      try {
        await prepare(file);
        await appendWhole(file, bytes);
      } catch (error) {
        throw failure(file, "cannot be appended to", error, untouched);
      }
    },

    async remove(relativePath) {
      const file = fileAt(relativePath);
      try {
        await rm(file, { force: true });
      } catch (error) {
        throw failure(file, "cannot be removed", error);
      }
    },

    async lock() {
      const file = join(location, lockName);
      try {
        await prepare(file);
        const release = await lockDirectory(location);
        await removeLeftovers(location).catch((error: unknown) => {
          release();
          throw error;
        });
        return async () => {
          try {
            release();
          } catch (error) {
            throw failure(file, "cannot be removed", error);
          }
        };
      } catch (error) {
        throw failure(location, "cannot be locked for writing", error);
      }
    },
  };
}

function isLockFile(name: string): boolean {
  return name === lockName || name.startsWith(`.${lockName}.`);
}

function failure(file: string, what: string, error: unknown, after = ""): RunError {
  if (error instanceof RunError) return error;
  const { reason, mend } = describeProblem(error);
  return new RunError(`${file}: ${what}: ${reason}; ${mend}${after}`, { cause: error });
}

/** What there is at a path; RunError where that cannot be known. */
export async function kindOfPlace(path: string): Promise<"directory" | "file" | "none"> {
  const found = await lookUp(path);
  if (!found) return "none";
  return found.isDirectory() ? "directory" : "file";
}

async function isThere(path: string): Promise<boolean> {
  return (await lookUp(path)) !== undefined;
}

async function isFile(path: string): Promise<boolean> {
  return (await lookUp(path))?.isFile() ?? false;
}

async function lookUp(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw failure(path, "cannot be looked up", error);
  }
}

/** Writes beside the file, with its mode if it is there, syncs, and renames; on failure removes what was written. */
async function replace(file: string, bytes: Uint8Array): Promise<void> {
  const beside = join(dirname(file), temporaryName(basename(file)));
  const earlier = await lookUp(file);
  const mode = earlier && earlier.mode & 0o777;
  try {
    const handle = await open(beside, "wx", mode); // from the start: nobody else is to read it meanwhile
    try {
      if (mode !== undefined && ((await handle.stat()).mode & 0o777) !== mode) await handle.chmod(mode); // the umask's
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined); // the first error is the one to tell
    throw error;
  }
}

/** One write at the end of the file; when it does not fit, what it left is cut off again. */
async function appendWhole(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, "a");
  try {
    const { size } = await handle.stat();
    try {
      const { bytesWritten } = await handle.write(bytes);
      if (bytesWritten < bytes.length) throw Object.assign(new Error("the line was cut short"), { code: "ENOSPC" });
    } catch (error) {
      await handle.truncate(size).catch(() => undefined);
      throw error;
    }
  } finally {
    await handle.close();
  }
}
