import { mkdir, open, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errorCode } from "./problems.node.ts";

/**
 * Makes a folder and those above it that are missing, and makes their names last.
 * Node's own `recursive` is not used: it never ends where a file system refuses a new folder with ENOENT, as /proc does.
 */
export async function makeFolders(path: string): Promise<void> {
  const folder = resolve(path);
  if (await isFolder(folder)) return;
  if (folder !== dirname(folder)) await makeFolders(dirname(folder));
  try {
    await mkdir(folder);
  } catch (error) {
    if (errorCode(error) === "EEXIST" && (await isFolder(folder))) return; // another process was faster
    if (errorCode(error) !== "ENOENT") throw error;
    throw Object.assign(new Error(`${folder} cannot be made`, { cause: error }), { code: "NO_NEW_FOLDERS" });
  }
  await syncFolder(dirname(folder));
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** Makes renames and new names in a folder last. Some systems cannot do this for a folder; there it is left out. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!["EISDIR", "EACCES", "EPERM", "EINVAL", "ENOTSUP", "EBADF"].includes(errorCode(error) ?? "")) throw error;
  }
}
