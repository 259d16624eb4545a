import { type WireWriter, wireWriter } from "./wire.ts";

/*
 * ONNX's protobuf messages (onnx.proto3, IR version 8), as far as a vaekit graph needs them: field numbers are those
 * of the published schema. Written directly to the wire; ONNX Runtime is the reader.
 */

export const onnxType = { float32: 1, int64: 7, bool: 9, float64: 11 } as const;
export type OnnxType = (typeof onnxType)[keyof typeof onnxType];

/** Operator set 18: everything used here exists in it, and every ONNX tool of recent years reads it. */
const opset = 18;
const irVersion = 8;

type OnnxAttribute = { float: number } | { int: number } | { string: string } | { ints: readonly number[] };

export interface OnnxNode {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** What is known of values that are neither. */
  readonly between: readonly OnnxValue[];
  readonly documentation?: string;
}

export interface OnnxModelInfo {
  readonly producerVersion?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

type Write = (writer: WireWriter) => void;

const integer = (writer: WireWriter, field: number, value: number) => writer.tag(field, 0).int(value);
const text = (writer: WireWriter, field: number, value: string) => writer.tag(field, 2).string(value);
const message = (writer: WireWriter, field: number, write: Write) => {
  writer.tag(field, 2).fork();
  write(writer);
  writer.join();
};

// AttributeProto.type
const attributeType = { float: 1, int: 2, string: 3, ints: 7 } as const;

const node =
  ({ type, inputs, output, attributes }: OnnxNode): Write =>
  (writer) => {
    for (const name of inputs) text(writer, 1, name);
    text(writer, 2, output);
    text(writer, 3, output);
    text(writer, 4, type);
    for (const [name, value] of Object.entries(attributes)) {
      message(writer, 5, (w) => {
        text(w, 1, name);
        if ("float" in value) w.tag(2, 5).float(value.float);
        else if ("int" in value) integer(w, 3, value.int);
        else if ("string" in value) text(w, 4, value.string);
        else for (const item of value.ints) integer(w, 8, item);
        const [kind] = Object.keys(value) as (keyof typeof attributeType)[];
        w.tag(20, 0).int(attributeType[kind!]);
      });
    }
  };

const initializer =
  ({ name, type, shape, bytes }: OnnxTensor): Write =>
  (writer) => {
    for (const dim of shape) integer(writer, 1, dim);
    writer.tag(2, 0).int(type);
    text(writer, 8, name);
    writer.tag(9, 2).bytes(bytes);
  };

const value =
  ({ name, type, shape }: OnnxValue): Write =>
  (writer) => {
    text(writer, 1, name);
    message(writer, 2, (typeProto) =>
      message(typeProto, 1, (tensorType) => {
        tensorType.tag(1, 0).int(type);
        message(tensorType, 2, (shapeProto) => {
          for (const dim of shape)
            message(shapeProto, 1, (w) => (typeof dim === "number" ? integer(w, 1, dim) : text(w, 2, dim)));
        });
      }),
    );
  };

/**
 * A model's beginning that gives it one more output, before its own: an empty sequence of tensors. Bytes of two models
 * one after the other are one model with the lists of both, as protobuf has it.
 */
export function encodeSequenceOutput(name: string): Uint8Array {
  const writer = wireWriter();
  message(writer, 7, (graph) => {
    message(graph, 1, node({ type: "SequenceEmpty", inputs: [], output: name, attributes: {} }));
    message(graph, 12, (valueInfo) => {
      text(valueInfo, 1, name);
      message(valueInfo, 2, (type) =>
        message(type, 4, (sequence) =>
          message(sequence, 1, (element) => message(element, 1, (tensor) => tensor.tag(1, 0).int(onnxType.float32))),
        ),
      );
    });
  });
  return writer.finish();
}

/** Serializes a graph to the bytes of an ONNX model. */
export function encodeOnnx(graph: OnnxGraph, info: OnnxModelInfo = {}): Uint8Array {
  const writer = wireWriter();
  integer(writer, 1, irVersion);
  text(writer, 2, "vaekit");
  if (info.producerVersion) text(writer, 3, info.producerVersion);
  message(writer, 7, (w) => {
    for (const item of graph.nodes) message(w, 1, node(item));
    text(w, 2, graph.name);
    for (const item of graph.initializers) message(w, 5, initializer(item));
    if (graph.documentation) text(w, 10, graph.documentation);
    for (const item of graph.inputs) message(w, 11, value(item));
    for (const item of graph.outputs) message(w, 12, value(item));
    for (const item of graph.between) message(w, 13, value(item));
  });
  message(writer, 8, (w) => {
    text(w, 1, "");
    integer(w, 2, opset);
  });
  for (const [key, item] of Object.entries(info.metadata ?? {}))
    message(writer, 14, (w) => {
      text(w, 1, key);
      text(w, 2, item);
    });
  return writer.finish();
}
