import type { Stats } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { DataError } from "../errors.ts";
import { decodeIdx, decodeIdxHeader, type IdxArray, longestIdxHeader } from "./idx.ts";
import { collectIdx, largestRatio } from "./idx-stream.ts";

/**
 * The array of an IDX file, gzip or not as its first bytes tell.
 * @throws DataError naming the file and what is wrong with it
 */
export async function readIdx(file: string): Promise<IdxArray> {
  try {
    const kind = await stat(file); // before it is opened: a pipe that nobody writes to would be waited for without end
    if (!kind.isFile())
      throw new DataError(`${file}: ${describeKind(kind)}, where a regular file was expected; ${mend}`);
    const head = await readHead(file);
    if (head[0] === 0x1f && head[1] === 0x8b) return await inflateIdx(await readFile(file), file);
    decodeIdxHeader(head, file); // before a large file of something else is read whole
    const { buffer, byteOffset, byteLength } = await readFile(file);
    return decodeIdx(new Uint8Array(buffer, byteOffset, byteLength), file); // a Buffer's slice() would not copy
  } catch (error) {
    if (error instanceof DataError) throw error;
    const what = error instanceof Error ? error.message : String(error);
    throw new DataError(`${file}: cannot be read: ${what}`, { cause: error });
  }
}

const mend = "write its content to a file and name that";

function describeKind(kind: Stats): string {
  if (kind.isDirectory()) return "is a folder";
  if (kind.isFIFO()) return "is a pipe";
  if (kind.isSocket()) return "is a socket";
  return "is a device";
}

async function readHead(file: string): Promise<Uint8Array> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(longestIdxHeader));
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/**
 * Inflates into an array of the size that the IDX header promises, and no further: what a small file can blow up to is
 * counted for the message, not kept.
 */
async function inflateIdx(compressed: Uint8Array, file: string): Promise<IdxArray> {
  const collector = collectIdx(`${file} (unpacked)`, compressed.length * largestRatio);
  const gunzip = createGunzip({ chunkSize: 2 ** 18 });
  gunzip.end(compressed);
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) collector.add(chunk);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${file}: ${gzipProblem(error)}; download or copy it again`, { cause: error });
  }
  return collector.finish();
}

function gzipProblem(error: unknown): string {
  const what = error instanceof Error ? error.message : String(error);
  if (what === "unexpected end of file") return "cut short: its gzip ends before its end";
  if (what === "incorrect data check") return "damaged: its gzip checksum does not fit its content";
  return `damaged: its gzip cannot be unpacked (${what})`;
}
