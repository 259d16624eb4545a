import type { Examples } from "./dataset.ts";

/**
 * The examples of an IDX file that a user chose or a page fetched, gzip or not, with the labels of another.
 * @throws DataError naming the file and what is wrong with it
 */
export async function readIdx(images: File, labels?: File): Promise<Examples> {
  const { readIdxFiles } = await import("./idx-files.web.ts"); // here, since many pages have data of another kind
  return readIdxFiles(images, labels);
}
