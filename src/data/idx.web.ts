import { DataError } from "../errors.ts";
import type { Examples } from "./dataset.ts";
import { decodeIdx, type IdxArray } from "./idx.ts";
import { checkImages, checkLabels, examplesOf } from "./idx-examples.ts";
import { collectIdx, largestRatio } from "./idx-stream.ts";

/**
 * The examples of an IDX file that a user chose or a page fetched, gzip or not, with the labels of another.
 * @throws DataError naming the file and what is wrong with it
 */
export async function readIdx(images: File, labels?: File): Promise<Examples> {
  const array = await readArray(images);
  checkImages(array, images.name);
  const classes = labels && (await readArray(labels));
  if (labels && classes) checkLabels(classes, labels.name, array.shape[0]!, images.name);
  return examplesOf(array, images.name, classes?.data);
}

async function readArray(file: File): Promise<IdxArray> {
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (!(head[0] === 0x1f && head[1] === 0x8b)) return decodeIdx(new Uint8Array(await file.arrayBuffer()), file.name);
  const collector = collectIdx(`${file.name} (unpacked)`, file.size * largestRatio);
  const chunks = file.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let read = await chunks.read(); !read.done; read = await chunks.read()) collector.add(read.value);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const what = error instanceof Error ? error.message : String(error);
    throw new DataError(`${file.name}: damaged: its gzip cannot be unpacked (${what}); download or copy it again`, {
      cause: error,
    });
  }
  return collector.finish();
}
