import { RunError } from "../errors.ts";

// The format of huggingface/safetensors: 8 bytes little-endian length of the header, the header as JSON, the data.

/** Values in row-major order with their shape. */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array | Float64Array | BigInt64Array;
}

/** By their names in the format. */
export const arrays = {
  F32: Float32Array,
  I32: Int32Array,
  U8: Uint8Array,
  F64: Float64Array,
  I64: BigInt64Array,
} as const;

export type Dtype = keyof typeof arrays;

export const metadataKey = "__metadata__";

/**
 * One file of named tensors, in the order given. The data begins at a multiple of 8 bytes.
 * @throws RunError when a tensor's shape does not fit its data
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, NamedArray>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = Object.keys(metadata).length > 0 ? [`"${metadataKey}":${JSON.stringify(metadata)}`] : [];
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    if (name === metadataKey)
      throw new RunError(`tensor "${name}": this name is reserved by the format; choose another`);
    if (elements(shape) !== data.length) {
      throw new RunError(`tensor "${name}": shape (${shape}) does not fit its ${data.length} values`);
    }
    const entry = { dtype: dtypeOf(data), shape, data_offsets: [end, end + data.byteLength] };
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    end += data.byteLength;
  }
  const text = new TextEncoder().encode(`{${entries.join(",")}}`);
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + end);
  new DataView(bytes.buffer).setUint32(0, length, true); // the upper 4 bytes stay 0
  bytes.fill(0x20, 8, 8 + length);
  bytes.set(text, 8);
  let at = 8 + length;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function dtypeOf(data: NamedArray["data"]): Dtype {
  const dtype = (Object.keys(arrays) as Dtype[]).find((key) => data instanceof arrays[key]);
  if (!dtype) throw new RunError(`expected an array of one of ${Object.keys(arrays).join(", ")}`);
  return dtype;
}

/** Infinity where a product leaves the whole numbers that can be told apart. */
export function elements(shape: readonly number[]): number {
  const product = shape.reduce((total, size) => total * size, 1);
  return Number.isSafeInteger(product) ? product : Number.POSITIVE_INFINITY;
}
