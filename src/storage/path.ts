import { RunError } from "../errors.ts";

/** Name of the lock at the top of a place for files. It is no file of the user's: it is neither listed nor written. */
export const lockName = "lock";

/**
 * The parts of a relative path, or of a folder, for which "" is the place itself.
 * @throws RunError when it is absolute, leaves the place or names nothing
 */
export function pathParts(path: string, location: string, kind: "file" | "folder" = "file"): string[] {
  if (path === "" && kind === "folder") return [];
  const parts = path.split("/");
  const wrong = parts.some((part) => part === "" || part === "." || part === ".." || /[\\\0]|^[A-Za-z]:/.test(part));
  if (wrong || path === lockName) {
    const allowed = 'expected names joined by "/" that stay inside it, such as "checkpoints/a.safetensors"';
    throw new RunError(`${location}: ${JSON.stringify(path)} is no path in it; ${allowed}`);
  }
  return parts;
}

/** The bytes to be written for a text; no line break may stand inside a line. */
export function lineBytes(line: string, file: string): Uint8Array {
  if (line.includes("\n")) throw new RunError(`${file}: expected one line to append, got a text with line breaks`);
  return new TextEncoder().encode(`${line}\n`);
}

export function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}
