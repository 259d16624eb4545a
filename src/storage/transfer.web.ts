import { RunError } from "../errors.ts";
import { opfsStorage } from "./opfs.web.ts";
import { childFolders, removeFolder } from "./opfs-files.web.ts";
import { pathParts } from "./path.ts";
import type { Storage } from "./storage.ts";

/** The files of a run by their path in it, such as `model/model.json`. */
export type RunFiles = Readonly<Record<string, Uint8Array>>;

/**
 * The files of a run in the browser's private file system, to be downloaded or sent: a run directory of Node's, in which
 * `vaekit train --resume` goes on.
 * @throws RunError where there is no such run, or it is being trained: its files would be of several moments
 */
export async function readRun(run: string): Promise<RunFiles> {
  const storage = await existing(run);
  return locked(storage, async () => Object.fromEntries(await filesIn(storage, "")));
}

async function filesIn(storage: Storage, folder: string): Promise<[string, Uint8Array][]> {
  const found: [string, Uint8Array][] = [];
  for (const name of await storage.list(folder)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const below = await filesIn(storage, path); // none for a file, and for a folder whose last file was removed
    if (below.length > 0) found.push(...below);
    else if (!folders.includes(path)) found.push([path, await storage.read(path)]);
  }
  return found;
}

/** Those of a run. */
const folders = ["checkpoints", "model", "model/samplers"];

/** Written last: what has none is no run that could be gone on with. */
const config = "config.json";

/**
 * Puts the files of a run directory, such as one that Node has trained in, where this browser trains and loads. Where that
 * fails, as for want of room, nothing of them is left.
 * @throws RunError where there is a run of that name already
 */
export async function writeRun(run: string, files: RunFiles): Promise<void> {
  const storage = opfsStorage(run);
  await locked(storage, async () => {
    if ((await storage.list("")).length > 0)
      throw new RunError(
        `${run}: is in this browser's storage already; choose another name, or remove it first (removeRun)`,
      );
    try {
      for (const path of Object.keys(files).sort((a, b) => Number(a === config) - Number(b === config)))
        await storage.write(path, files[path]!);
    } catch (error) {
      await removeFolder(partsOf(run)).catch(() => {}); // the first error is the one to tell
      throw error;
    }
  });
}

/**
 * Removes a run.
 * @throws RunError where there is none, or it is being trained
 */
export async function removeRun(run: string): Promise<void> {
  const storage = await existing(run);
  await locked(storage, async () => {
    if (!(await storage.exists(config)))
      throw new RunError(`${run}: is no run (config.json is missing); listRuns() names those there are`);
    await removeFolder(partsOf(run));
  });
}

/** Names of the runs in a folder of the browser's private file system, sorted. Default: in all of it. */
export async function listRuns(folder = ""): Promise<string[]> {
  if (folder !== "" && (await opfsStorage(folder).exists(config))) return [folder];
  const below = await childFolders(folder === "" ? [] : folder.split("/"));
  const found = await Promise.all(below.map((name) => listRuns(folder === "" ? name : `${folder}/${name}`)));
  return found.flat().sort();
}

const partsOf = (run: string): string[] => pathParts(run, "opfs:/");

async function existing(run: string): Promise<Storage> {
  const storage = opfsStorage(run);
  if ((await storage.list("")).length > 0) return storage;
  throw new RunError(`${run}: there is no such run in this browser's storage; listRuns() names those there are`);
}

async function locked<Result>(storage: Storage, work: () => Promise<Result>): Promise<Result> {
  const unlock = await storage.lock();
  try {
    return await work();
  } finally {
    await unlock();
  }
}
