/*
 * Protobuf's wire format, as far as ONNX's messages need it. (The writer of @bufbuild/protobuf, by whose reader the tests
 * read what comes of this one, is 2 kB of the bundle for browsers.)
 */

/** A message being written, within those around it. */
export interface WireWriter {
  /** Of the field that follows. Wire types: 0 variable-length integer, 2 length-delimited, 5 four bytes. */
  tag(field: number, type: 0 | 2 | 5): WireWriter;
  /** A safe integer. */
  int(value: number): WireWriter;
  float(value: number): WireWriter;
  string(value: string): WireWriter;
  bytes(value: Uint8Array): WireWriter;
  /** Begins a message within this one, which `join` ends. */
  fork(): WireWriter;
  join(): WireWriter;
  finish(): Uint8Array;
}

/** Bytes of an integer, at most. */
const longestInt = 10;

export function wireWriter(): WireWriter {
  const encoder = new TextEncoder();
  let buffer = new Uint8Array(1024);
  let end = 0;
  const starts: number[] = []; // of the messages that are not at their end
  const reserve = (count: number): void => {
    if (end + count <= buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * buffer.length, end + count));
    larger.set(buffer.subarray(0, end));
    buffer = larger;
  };
  /** Seven bits a byte, the lowest first; a negative number as the 64 bits of its two's complement. */
  const putInt = (value: number): void => {
    let rest = value;
    if (value < 0) {
      let bits = BigInt.asUintN(64, BigInt(value));
      for (; bits > Number.MAX_SAFE_INTEGER; bits >>= 7n) buffer[end++] = Number(bits & 127n) | 128;
      rest = Number(bits);
    }
    for (; rest > 127; rest = Math.floor(rest / 128)) buffer[end++] = (rest % 128) | 128;
    buffer[end++] = rest;
  };
  const writer: WireWriter = {
    tag: (field, type) => writer.int(field * 8 + type),
    int(value) {
      reserve(longestInt);
      putInt(value);
      return writer;
    },
    float(value) {
      reserve(4);
      new DataView(buffer.buffer).setFloat32(end, value, true);
      end += 4;
      return writer;
    },
    string(value) {
      if (!isAscii(value)) return writer.bytes(encoder.encode(value));
      writer.int(value.length); // names, for which a call of the encoder takes longer
      reserve(value.length);
      for (let i = 0; i < value.length; i++) buffer[end++] = value.charCodeAt(i);
      return writer;
    },
    bytes(value) {
      writer.int(value.length);
      reserve(value.length);
      buffer.set(value, end);
      end += value.length;
      return writer;
    },
    fork() {
      starts.push(end);
      return writer;
    },
    join() {
      const start = starts.pop()!;
      const length = end - start;
      reserve(longestInt);
      buffer.copyWithin(start + bytesOf(length), start, end);
      end = start;
      putInt(length);
      end += length;
      return writer;
    },
    finish: () => buffer.slice(0, end),
  };
  return writer;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** Bytes that a length takes. */
function bytesOf(length: number): number {
  let bytes = 1;
  for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
