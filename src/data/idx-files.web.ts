import { DataError } from "../errors.ts";
import type { Examples } from "./dataset.ts";
import { decodeIdx, type IdxArray } from "./idx.ts";
import { checkImages, checkLabels, examplesOf } from "./idx-examples.ts";
import { collectIdx, largestRatio } from "./idx-stream.ts";

/** As `readIdx`. */
export async function readIdxFiles(images: File, labels?: File): Promise<Examples> {
  const array = await readArray(images);
  checkImages(array, images.name);
  const classes = labels && (await readArray(labels));
  if (labels && classes) checkLabels(classes, labels.name, array.shape[0]!, images.name);
  return examplesOf(array, images.name, classes?.data);
}

async function readArray(file: File): Promise<IdxArray> {
  const head = await bytesOf(file.slice(0, 2), file.name);
  if (!(head[0] === 0x1f && head[1] === 0x8b)) return decodeIdx(await bytesOf(file, file.name), file.name);
  const collector = collectIdx(`${file.name} (unpacked)`, file.size * largestRatio);
  const chunks = file.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let read = await chunks.read(); !read.done; read = await chunks.read()) collector.add(read.value);
  } catch (error) {
    if (error instanceof DataError) {
      chunks.cancel(error).catch(() => {}); // nobody waits for the rest
      throw error;
    }
    if (error instanceof DOMException) throw unreadable(file.name, error); // of the file, and not of its content
    // DecompressionStream takes one gzip member alone, and does not say the same of others in every browser.
    throw new DataError(
      `${file.name}: damaged: its gzip cannot be unpacked (${messageOf(error)}); download or copy it again. Or it has several gzip members, or bytes after its end: unpack it first`,
      { cause: error },
    );
  }
  return collector.finish();
}

async function bytesOf(blob: Blob, name: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** A file that was moved or changed since it was chosen, or that may not be read. */
const unreadable = (name: string, error: unknown): DataError =>
  new DataError(`${name}: cannot be read: ${messageOf(error)}; choose or fetch it again`, { cause: error });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
