import { DataError } from "../errors.ts";
import type { Examples } from "./dataset.ts";
import { describeShape, type IdxArray } from "./idx.ts";

/** @throws DataError for an array that has no axes but that of the examples */
export function checkImages({ shape }: IdxArray, file: string): void {
  if (shape.length >= 2) return;
  throw new DataError(
    `${file}: holds ${shape[0]} single numbers, such as labels, where images were expected; name the file of images`,
  );
}

/** @throws DataError for what are no labels of so many images of `imageFile` */
export function checkLabels({ shape }: IdxArray, file: string, count: number, imageFile: string): void {
  if (shape.length !== 1) {
    throw new DataError(`${file}: expected one label for each image, got shape ${describeShape(shape)}`);
  }
  if (shape[0] !== count) {
    throw new DataError(
      `${file}: holds ${shape[0]} labels, but ${imageFile} holds ${count} images; they must be as many`,
    );
  }
}

/** The images of a file, in its order. */
export function examplesOf(images: IdxArray, name: string, labels: Uint8Array | undefined): Examples {
  const [count, ...event] = images.shape as [number, ...number[]];
  const index = new Uint32Array(count);
  for (let row = 0; row < count; row++) index[row] = row;
  return { name, split: "all", event, count, values: images.data, index, ...(labels ? { labels } : {}) };
}
