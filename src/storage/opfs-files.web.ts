import { ours } from "./problems.web.ts";

// What a storage needs of the Origin Private File System, by the parts of paths from its top.

/**
 * A new file is written under this name, in its own folder, and renamed. One name is enough, since one writer at a time
 * is let into a folder.
 */
const temporaryName = ".vaekit.tmp";

/** Chromium lists its own copies of files that are being written, `a.json.crswap`, and leaves them when it crashes. */
export function isTemporary(name: string): boolean {
  return name === temporaryName || name.endsWith(".crswap");
}

/** The browser's file system and its locks, where it has them for this page. */
function browser(): { readonly storage: StorageManager; readonly locks: LockManager } {
  const { storage, locks } = navigator as Partial<Navigator>;
  const file = globalThis.FileSystemFileHandle?.prototype as Partial<FileSystemFileHandle> | undefined;
  if (storage && locks && file?.createWritable && "move" in file) return { storage, locks };
  throw new DOMException("", isSecureContext ? ours.tooOld : ours.insecure);
}

/** A folder by the parts of its path in the site's file system; thrown is a DOMException, also where a part is a file. */
export async function folderOf(parts: readonly string[], create = false): Promise<FileSystemDirectoryHandle> {
  const { storage } = browser();
  let folder = await storage.getDirectory().catch((error: unknown) => {
    throw new DOMException(String(error), ours.noStorage);
  });
  try {
    for (const part of parts) folder = await folder.getDirectoryHandle(part, { create });
  } catch (error) {
    throw nameOf(error) === "TypeMismatchError" ? new DOMException(String(error), ours.notFolder) : error;
  }
  return folder;
}

/** The file of this name; undefined when there is none. */
export function fileIn(folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemFileHandle | undefined> {
  return orNone(folder.getFileHandle(name));
}

/** What was found; undefined when it or a folder above it is not there. */
export async function orNone<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (nameOf(error) === "NotFoundError" || nameOf(error) === ours.notFolder) return undefined;
    throw error;
  }
}

/**
 * Does something with the files of a folder: as the only one in any tab or worker, or together with others who read.
 * Without it one of two lines that are appended at once would be lost, and a file that is swapped could not be read.
 */
export async function among<T>(folder: readonly string[], mode: LockMode, action: () => Promise<T>): Promise<T> {
  return browser().locks.request(["vaekit: files of opfs:", ...folder].join("/"), { mode }, action);
}

/** Takes a lock that the browser gives back when the tab or worker ends; undefined when another has it. */
export async function hold(name: string): Promise<(() => Promise<void>) | undefined> {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let held: Promise<void> | undefined;
  const taken = await new Promise<boolean>((resolve, reject) => {
    held = browser().locks.request(name, { ifAvailable: true }, async (lock) => {
      resolve(lock !== null);
      if (lock) await released;
    });
    held.catch(reject);
  });
  if (!taken) return undefined;
  return async () => {
    release();
    await held;
  };
}

/** Makes a file that is not there yet. */
export async function create(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<void> {
  try {
    const beside = (await folder.getFileHandle(temporaryName, { create: true })) as MovableFile;
    await swap(beside, bytes, false);
    await beside.move(name);
  } catch (error) {
    // Where the browser has not let go of it yet, the next one writes over it. The first error is the one to tell.
    await folder.removeEntry(temporaryName).catch(() => undefined);
    throw error;
  }
}

/** In every browser that has createWritable, though not yet in the standard. */
interface MovableFile extends FileSystemFileHandle {
  move(name: string): Promise<void>;
}

/**
 * Writes a copy of the file, which the browser puts in its place when it is closed.
 * @param after whether the bytes go behind those that are there
 */
export async function swap(file: FileSystemFileHandle, bytes: Uint8Array, after: boolean): Promise<void> {
  const position = after ? (await file.getFile()).size : 0;
  const stream = await file.createWritable({ keepExistingData: after });
  try {
    // A stream takes no memory that is shared between threads.
    const data = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
    await stream.write({ type: "write", position, data });
    await stream.close();
  } catch (error) {
    await stream.abort().catch(() => undefined); // the first error is the one to tell
    throw error;
  }
}

/** Removes the unfinished files that closed tabs and crashed browsers left in a folder and those below it. */
export async function removeLeftovers(parts: readonly string[]): Promise<void> {
  const below: string[] = [];
  await among(parts, "exclusive", async () => {
    const folder = await folderOf(parts);
    const leftovers: string[] = [];
    for await (const [name, { kind }] of folder.entries()) {
      if (kind === "directory") below.push(name);
      else if (isTemporary(name)) leftovers.push(name);
    }
    // Those in use, by code that is not ours, cannot be removed.
    for (const name of leftovers) await folder.removeEntry(name).catch(() => undefined);
  });
  for (const name of below) await removeLeftovers([...parts, name]);
}

export function nameOf(error: unknown): string | undefined {
  return error instanceof DOMException ? error.name : undefined;
}

/** Names of the folders in a folder; none where that is not there. */
export async function childFolders(parts: readonly string[]): Promise<string[]> {
  const folder = await orNone(folderOf(parts));
  const names: string[] = [];
  if (folder) for await (const [name, { kind }] of folder.entries()) if (kind === "directory") names.push(name);
  return names;
}

/** Removes a folder with all that is in it. */
export async function removeFolder(parts: readonly string[]): Promise<void> {
  const above = await folderOf(parts.slice(0, -1));
  await above.removeEntry(parts.at(-1)!, { recursive: true });
}
