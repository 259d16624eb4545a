import { BinaryReader } from "@bufbuild/protobuf/wire";

/*
 * A reader of ONNX models for tests, written from the field numbers of onnx.proto3 apart from the writer: it throws for a
 * field that the schema does not have there. ONNX Runtime is the other judge.
 */

export interface ReadNode {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface ReadModel {
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly name: string;
  readonly documentation: string | undefined;
  readonly nodes: readonly ReadNode[];
  readonly initializers: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly type: number;
    readonly bytes: Uint8Array;
  }[];
  readonly inputs: Readonly<Record<string, { readonly type: number; readonly shape: readonly (number | string)[] }>>;
  readonly outputs: ReadModel["inputs"];
  /** Values that are neither, of which a shape is told. */
  readonly between: ReadModel["inputs"];
}

type Fields = ReadonlyMap<number, readonly unknown[]>;

/** The fields of a message, each read as `schema` says its number should be. */
function fields(bytes: Uint8Array, schema: Readonly<Record<number, "int" | "float" | "text" | "bytes">>): Fields {
  const wire = { int: 0, float: 5, text: 2, bytes: 2 } as const;
  const reader = new BinaryReader(bytes);
  const found = new Map<number, unknown[]>();
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const kind = schema[number];
    if (!kind || wire[kind] !== wireType)
      throw new Error(`field ${number} of wire type ${wireType} is not in the schema`);
    const value =
      kind === "int"
        ? Number(reader.int64())
        : kind === "float"
          ? reader.float()
          : kind === "text"
            ? reader.string()
            : reader.bytes();
    found.set(number, [...(found.get(number) ?? []), value]);
  }
  return found;
}

const all = <T>(from: Fields, number: number): readonly T[] => (from.get(number) ?? []) as T[];
const one = <T>(from: Fields, number: number): T => {
  const values = all<T>(from, number);
  if (values.length !== 1) throw new Error(`field ${number}: expected one value, got ${values.length}`);
  return values[0]!;
};

function readNode(bytes: Uint8Array): ReadNode {
  const node = fields(bytes, { 1: "text", 2: "text", 3: "text", 4: "text", 5: "bytes" });
  const attributes = all<Uint8Array>(node, 5).map((item) => {
    const attribute = fields(item, { 1: "text", 2: "float", 3: "int", 8: "int", 20: "int" });
    const type = one<number>(attribute, 20); // FLOAT 1, INT 2, INTS 7
    const value = type === 1 ? one(attribute, 2) : type === 2 ? one(attribute, 3) : all(attribute, 8);
    return [one<string>(attribute, 1), value] as const;
  });
  return {
    type: one(node, 4),
    inputs: all(node, 1),
    outputs: all(node, 2),
    attributes: Object.fromEntries(attributes),
  };
}

function readValues(values: readonly Uint8Array[]): ReadModel["inputs"] {
  return Object.fromEntries(
    values.map((bytes) => {
      const value = fields(bytes, { 1: "text", 2: "bytes" });
      const tensor = fields(one(fields(one(value, 2), { 1: "bytes" }), 1), { 1: "int", 2: "bytes" });
      const shape = all<Uint8Array>(fields(one(tensor, 2), { 1: "bytes" }), 1).map((item) => {
        const dim = fields(item, { 1: "int", 2: "text" });
        return dim.has(1) ? one<number>(dim, 1) : one<string>(dim, 2);
      });
      return [one<string>(value, 1), { type: one<number>(tensor, 1), shape }];
    }),
  );
}

export function readOnnx(bytes: Uint8Array): ReadModel {
  const model = fields(bytes, { 1: "int", 2: "text", 3: "text", 7: "bytes", 8: "bytes", 14: "bytes" });
  const graph = fields(one(model, 7), {
    1: "bytes",
    2: "text",
    5: "bytes",
    10: "text",
    11: "bytes",
    12: "bytes",
    13: "bytes",
  });
  const metadata = all<Uint8Array>(model, 14).map((item) => {
    const entry = fields(item, { 1: "text", 2: "text" });
    return [one<string>(entry, 1), one<string>(entry, 2)] as const;
  });
  return {
    irVersion: one(model, 1),
    opset: one(fields(one(model, 8), { 1: "text", 2: "int" }), 2),
    producer: one(model, 2),
    metadata: Object.fromEntries(metadata),
    name: one(graph, 2),
    documentation: all<string>(graph, 10)[0],
    nodes: all<Uint8Array>(graph, 1).map(readNode),
    initializers: all<Uint8Array>(graph, 5).map((item) => {
      const tensor = fields(item, { 1: "int", 2: "int", 8: "text", 9: "bytes" });
      return {
        name: one<string>(tensor, 8),
        shape: all<number>(tensor, 1),
        type: one<number>(tensor, 2),
        bytes: one<Uint8Array>(tensor, 9),
      };
    }),
    inputs: readValues(all(graph, 11)),
    outputs: readValues(all(graph, 12)),
    between: readValues(all(graph, 13)),
  };
}
