import { RunError } from "../errors.ts";
import { bytesOf, lineBytes, pathParts } from "./path.ts";
import type { Storage } from "./storage.ts";

/** A place for files in memory: for tests, and for what is thrown away. Holds copies of what is written to it. */
export function memoryStorage(): Storage {
  const location = "memory";
  const files = new Map<string, Uint8Array>();
  let locked = false;

  const fileKey = (path: string): string => pathParts(path, location).join("/");
  const isFolder = (key: string): boolean => [...files.keys()].some((name) => name.startsWith(`${key}/`));

  /** The key of a file about to be written, which may neither be a folder nor lie below a file. */
  const target = (path: string): string => {
    const key = fileKey(path);
    if (isFolder(key)) throw new RunError(`${location}/${key}: cannot be written: it is a folder; remove or rename it`);
    const parts = key.split("/");
    for (let end = 1; end < parts.length; end++) {
      const above = parts.slice(0, end).join("/");
      if (!files.has(above)) continue;
      const reason = "a part of its path is a file, not a folder";
      throw new RunError(`${location}/${key}: cannot be written: ${reason}; remove or rename ${above}`);
    }
    return key;
  };

  return {
    location,
    async read(path) {
      const key = fileKey(path);
      const bytes = files.get(key);
      if (!bytes) {
        const what = isFolder(key) ? "it is a folder" : "no such file";
        throw new RunError(`${location}/${key}: cannot be read: ${what}`);
      }
      return new Uint8Array(bytes);
    },
    async exists(path) {
      const key = fileKey(path);
      return files.has(key) || isFolder(key);
    },
    async list(folder) {
      const prefix = pathParts(folder, location, "folder")
        .map((part) => `${part}/`)
        .join("");
      const below = [...files.keys()].filter((name) => name.startsWith(prefix));
      return [...new Set(below.map((name) => name.slice(prefix.length).split("/", 1)[0]!))].sort();
    },
    async write(path, bytes) {
      files.set(target(path), new Uint8Array(bytesOf(bytes)));
    },
    async append(path, line) {
      const key = target(path);
      const before = files.get(key) ?? new Uint8Array();
      const added = lineBytes(line, `${location}/${key}`);
      const joined = new Uint8Array(before.length + added.length);
      joined.set(before);
      joined.set(added, before.length);
      files.set(key, joined);
    },
    async remove(path) {
      const key = fileKey(path);
      if (isFolder(key)) throw new RunError(`${location}/${key}: cannot be removed: it is a folder`);
      files.delete(key);
    },
    async lock() {
      if (locked) throw new RunError(`${location} is being written by this process; wait for it or stop it`);
      locked = true;
      let released = false;
      return async () => {
        if (!released) locked = false;
        released = true;
      };
    },
  };
}
