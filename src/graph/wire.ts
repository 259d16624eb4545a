/*
 * Protobuf's wire format, as far as ONNX's messages need it. (The writer of @bufbuild/protobuf, by whose reader the tests
 * read what comes of this one, is 2 kB of the bundle for browsers.)
 */

/** A message being written: the parts of it so far, and those of the messages around it. */
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

export function wireWriter(): WireWriter {
  const above: Uint8Array[][] = [];
  let parts: Uint8Array[] = [];
  const put = (part: Uint8Array): WireWriter => {
    parts.push(part);
    return writer;
  };
  const writer: WireWriter = {
    tag: (field, type) => put(variableLength(field * 8 + type)),
    int: (value) => put(variableLength(value)),
    float: (value) => put(new Uint8Array(Float32Array.of(value).buffer)), // little-endian, as every machine here
    string: (value) => writer.bytes(new TextEncoder().encode(value)),
    bytes(value) {
      put(variableLength(value.length));
      return put(value);
    },
    fork() {
      above.push(parts);
      parts = [];
      return writer;
    },
    join() {
      const inner = joined(parts);
      parts = above.pop()!;
      return writer.bytes(inner);
    },
    finish: () => joined(parts),
  };
  return writer;
}

/** Seven bits a byte, the lowest first; a negative number as the 64 bits of its two's complement. */
function variableLength(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.of(...bytes, Number(rest));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
