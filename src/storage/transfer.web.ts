import { RunError } from "../errors.ts";
import { opfsStorage } from "./opfs.web.ts";
import type { Storage } from "./storage.ts";

/** The files of a run by their path in it, such as `model/model.json`. */
export type RunFiles = Readonly<Record<string, Uint8Array>>;

/**
 * The files of a run in the browser's private file system, to be downloaded or sent: a run directory of Node's, in which
 * `vaekit train --resume` goes on.
 * @throws RunError where there is no such run
 */
export async function readRun(run: string): Promise<RunFiles> {
  const storage = opfsStorage(run);
  const files = Object.fromEntries(await filesIn(storage, ""));
  if (Object.keys(files).length === 0) throw new RunError(`${run}: there is no such run in this browser's storage`);
  return files;
}

async function filesIn(storage: Storage, folder: string): Promise<[string, Uint8Array][]> {
  const found: [string, Uint8Array][] = [];
  for (const name of await storage.list(folder)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const below = await filesIn(storage, path); // none for a file, and for a folder whose last file was removed
    if (below.length > 0) found.push(...below);
    else if (!emptyFolders.includes(path)) found.push([path, await storage.read(path)]);
  }
  return found;
}

/** The folders of a run. */
const emptyFolders = ["checkpoints", "model"];

/**
 * Puts the files of a run directory, such as one that Node has trained in, where this browser trains and loads.
 * @throws RunError where there is a run of that name already
 */
export async function writeRun(run: string, files: RunFiles): Promise<void> {
  const storage = opfsStorage(run);
  const unlock = await storage.lock();
  try {
    if ((await storage.list("")).length > 0)
      throw new RunError(`${run}: is in this browser's storage already; choose another name, or remove it first`);
    for (const [path, bytes] of Object.entries(files)) await storage.write(path, bytes);
  } finally {
    await unlock();
  }
}
