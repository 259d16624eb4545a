import { lstat, realpath } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { directoryStorage } from "../storage/directory.node.ts";

/**
 * Writes a file that the user asked for, whole or not at all: an earlier one of that name stays until the new one is
 * complete. A link stays a link; the file that it leads to is replaced.
 * @throws RunError that names the file when the system refuses
 */
export async function writeOutput(file: string, contents: Uint8Array | string): Promise<void> {
  const isLink = await lstat(file).then(
    (kind) => kind.isSymbolicLink(),
    () => false, // not there yet
  );
  const target = isLink ? await realpath(file).catch(() => file) : file;
  await directoryStorage(dirname(target)).write(basename(target), contents);
}
