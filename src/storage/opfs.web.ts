import { RunError } from "../errors.ts";
import {
  among,
  create,
  fileIn,
  folderOf,
  hold,
  isTemporary,
  nameOf,
  orNone,
  removeLeftovers,
  swap,
} from "./opfs-files.web.ts";
import { bytesOf, lineBytes, lockName, pathParts } from "./path.ts";
import { describeProblem } from "./problems.web.ts";
import type { Storage } from "./storage.ts";

/**
 * A folder of the browser's Origin Private File System as a place for files, in a page or in a worker; made by the first
 * write. Its files belong to the site (scheme, host and port), are seen by no other program, and last until they are
 * removed; a browser that is short of space may drop them unless `navigator.storage.persist()` was granted to a page.
 *
 * A file appears whole or not at all. An earlier file is swapped by the browser when its replacement is complete; a new
 * one is written beside and renamed. (Renaming alone would not do: not every browser renames over a file that is there.)
 * Browsers that cannot swap are refused, as Safari before 26: a handle that writes in place is all they offer.
 *
 * @param path names joined by "/": `runs/digits`; "" is the whole file system of the site
 */
export function opfsStorage(path: string): Storage {
  const top = pathParts(path, "opfs:/", "folder");
  const location = ["opfs:", ...top].join("/");
  let made = false;

  const fileAt = (relativePath: string): FileAt => {
    const parts = [...top, ...pathParts(relativePath, location)];
    return { folder: parts.slice(0, -1), name: parts.at(-1)!, words: ["opfs:", ...parts].join("/") };
  };

  /** The folder of a file. Once the place has been there it is not made again: it was removed on purpose. */
  const makeFolder = async (file: string, folder: readonly string[]): Promise<FileSystemDirectoryHandle> => {
    if (made && !(await orNone(folderOf(top)))) {
      throw new RunError(`${file}: cannot be written: the folder ${location} was removed meanwhile`);
    }
    const handle = await folderOf(folder, true);
    made = true;
    return handle;
  };

  /** Puts bytes there, in place of those of an earlier file or behind them. */
  const put = async (file: FileAt, bytes: Uint8Array, { after, what, untouched }: Put): Promise<void> => {
    let isEarlier = false;
    try {
      await among(file.folder, "exclusive", async () => {
        const folder = await makeFolder(file.words, file.folder);
        const earlier = await fileIn(folder, file.name);
        isEarlier = earlier !== undefined;
        if (earlier) await swap(earlier, bytes, after);
        else await create(folder, file.name, bytes);
      });
    } catch (error) {
      throw await failure(file.words, what, error, isEarlier ? untouched : "");
    }
  };

  return {
    location,

    async read(relativePath) {
      const file = fileAt(relativePath);
      try {
        const read = async () => {
          const handle = await (await folderOf(file.folder)).getFileHandle(file.name);
          return new Uint8Array(await (await handle.getFile()).arrayBuffer());
        };
        return await among(file.folder, "shared", read);
      } catch (error) {
        throw await failure(file.words, "cannot be read", error);
      }
    },

    async exists(relativePath) {
      const { folder, name, words } = fileAt(relativePath);
      try {
        const handle = await orNone(folderOf(folder));
        return handle !== undefined && (await fileIn(handle, name)) !== undefined;
      } catch (error) {
        if (nameOf(error) === "TypeMismatchError") return true; // a folder
        throw await failure(words, "cannot be looked up", error);
      }
    },

    async list(folder) {
      const below = pathParts(folder, location, "folder");
      try {
        const handle = await orNone(folderOf([...top, ...below]));
        const names: string[] = [];
        if (handle) for await (const name of handle.keys()) names.push(name);
        return names.filter((name) => !isTemporary(name) && !(folder === "" && name === lockName)).sort();
      } catch (error) {
        throw await failure([location, ...below].join("/"), "cannot be listed", error);
      }
    },

    async write(relativePath, bytes) {
      const untouched = "; the earlier file is untouched";
      await put(fileAt(relativePath), bytesOf(bytes), { after: false, what: "cannot be written", untouched });
    },

    async append(relativePath, line) {
      const file = fileAt(relativePath);
      const untouched = "; its earlier lines are untouched";
      await put(file, lineBytes(line, file.words), { after: true, what: "cannot be appended to", untouched });
    },

    async remove(relativePath) {
      const file = fileAt(relativePath);
      try {
        await among(file.folder, "exclusive", async () => {
          const folder = await orNone(folderOf(file.folder));
          // Looked up first: an empty folder would be removed too.
          if (folder && (await fileIn(folder, file.name))) await folder.removeEntry(file.name);
        });
      } catch (error) {
        throw await failure(file.words, "cannot be removed", error);
      }
    },

    async lock() {
      try {
        await makeFolder(location, top);
        const release = await hold(`vaekit: writer of ${location}`);
        if (release) {
          await removeLeftovers(top).catch(async (error: unknown) => {
            await release();
            throw error;
          });
          return release;
        }
      } catch (error) {
        throw await failure(location, "cannot be locked for writing", error);
      }
      throw new RunError(`${location} is being written by this tab or another one; wait for it or stop it`);
    },
  };
}

interface FileAt {
  readonly folder: readonly string[];
  readonly name: string;
  /** For messages. */
  readonly words: string;
}

interface Put {
  /** Whether the bytes go behind those of an earlier file. */
  readonly after: boolean;
  readonly what: string;
  readonly untouched: string;
}

async function failure(file: string, what: string, error: unknown, after = ""): Promise<RunError> {
  if (error instanceof RunError) return error;
  const { reason, mend } = await describeProblem(error);
  return new RunError(`${file}: ${what}: ${reason}; ${mend}${after}`, { cause: error });
}
