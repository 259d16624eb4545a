import { DataError } from "../errors.ts";
import { checkIdxSize, decodeIdxHeader, type IdxArray, type IdxHeader, longestIdxHeader } from "./idx.ts";

/** One byte of deflate unpacks to 1032 at most: a match of 258 bytes takes 2 bits (RFC 1951). */
export const largestRatio = 1032;

/** Puts an IDX file together from chunks. `most`: how many bytes there can be at all, so that no more are allocated. */
export function collectIdx(file: string, most: number): { add(chunk: Uint8Array): void; finish(): IdxArray } {
  let start = new Uint8Array(); // until the header is whole
  let array: { readonly header: IdxHeader; readonly data: Uint8Array | undefined } | undefined;
  let held = 0; // bytes of values

  const begin = (): { readonly header: IdxHeader; readonly data: Uint8Array | undefined } => {
    const header = decodeIdxHeader(start, file);
    array = { header, data: header.size <= most ? allocate(header.size, file) : undefined };
    keep(array, start.subarray(header.offset));
    return array;
  };
  const keep = ({ header, data }: NonNullable<typeof array>, values: Uint8Array): void => {
    data?.set(values.subarray(0, Math.max(0, header.size - held)), Math.min(held, header.size));
    held += values.length;
    if (held > 2 * header.size + 2 ** 20) checkIdxSize(file, header.shape, header.size, held, true);
  };

  return {
    add(chunk) {
      if (array) {
        keep(array, chunk);
        return;
      }
      const joined = new Uint8Array(start.length + chunk.length);
      joined.set(start);
      joined.set(chunk, start.length);
      start = joined;
      if (start.length >= longestIdxHeader) begin();
    },
    finish() {
      const { header, data } = array ?? begin();
      checkIdxSize(file, header.shape, header.size, held);
      return { shape: header.shape, data: data! };
    },
  };
}

function allocate(size: number, file: string): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (error) {
    throw new DataError(`${file}: its ${size} bytes of values do not fit into memory; take a smaller file`, {
      cause: error,
    });
  }
}
