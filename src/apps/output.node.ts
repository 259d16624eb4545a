import { writeFile } from "node:fs/promises";
import { VaekitError } from "../errors.ts";

/** Writes a file that the user asked for. Throws a VaekitError that names it when the system refuses. */
export async function writeOutput(file: string, contents: Uint8Array | string): Promise<void> {
  try {
    await writeFile(file, contents);
  } catch (error) {
    throw new VaekitError(`${file}: cannot be written: ${(error as Error).message}`, { cause: error });
  }
}
