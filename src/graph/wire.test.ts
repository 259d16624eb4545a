import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type WireWriter, wireWriter } from "./wire.ts";

test("integers of any size are written as protobuf's own library writes and reads them", () => {
  const known = [0, 1, 127, 128, 300, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER, -1, -129, Number.MIN_SAFE_INTEGER];
  const law = (value: number) => {
    const bytes = wireWriter().tag(3, 0).int(value).finish();
    expect(bytes).toEqual(new BinaryWriter().tag(3, 0).int64(value).finish());
    const reader = new BinaryReader(bytes);
    expect(reader.tag()).toEqual([3, 0]);
    expect(Number(reader.int64())).toBe(value);
  };
  known.forEach(law);
  fc.assert(fc.property(fc.maxSafeInteger(), law));
});

test("texts, numbers, bytes and messages within messages too", () => {
  const long = new Uint8Array(300).fill(7);
  const own = wireWriter().tag(1, 2).string("größe").tag(2, 5).float(-0.1).tag(200, 2).fork();
  own.tag(9, 2).bytes(long).tag(4, 2).fork().tag(1, 0).int(5).join().join().tag(3, 2).fork().join();
  const theirs = new BinaryWriter().tag(1, 2).string("größe").tag(2, 5).float(-0.1).tag(200, 2).fork();
  theirs.tag(9, 2).bytes(long).tag(4, 2).fork().tag(1, 0).int64(5).join().join().tag(3, 2).fork().join();
  expect(own.finish()).toEqual(theirs.finish());
});

/** A message: its fields in turn, each a text, bytes, an integer or a message. */
type Message = readonly (string | Uint8Array | number | Message)[];

test("any message is written as protobuf's own library writes it", () => {
  const { message } = fc.letrec<{ message: Message }>((tie) => ({
    message: fc.array(
      fc.oneof(
        { maxDepth: 5 },
        fc.string({ unit: "grapheme", maxLength: 300 }),
        fc.uint8Array({ maxLength: 3000 }), // beyond what is reserved first
        fc.maxSafeInteger(),
        tie("message"),
      ),
      { maxLength: 5 },
    ),
  }));
  const write = (writer: WireWriter, fields: Message): void => {
    for (const field of fields) {
      if (typeof field === "number") writer.tag(1, 0).int(field);
      else if (typeof field === "string") writer.tag(2, 2).string(field);
      else if (field instanceof Uint8Array) writer.tag(3, 2).bytes(field);
      else {
        writer.tag(4, 2).fork();
        write(writer, field);
        writer.join();
      }
    }
  };
  fc.assert(
    fc.property(message, (fields) => {
      const own = wireWriter();
      const theirs = new BinaryWriter() as unknown as WireWriter;
      theirs.int = (value) => (theirs as unknown as BinaryWriter).int64(value) as unknown as WireWriter;
      write(own, fields);
      write(theirs, fields);
      expect(own.finish()).toEqual(theirs.finish());
    }),
    { numRuns: 300 },
  );
});
