import { ShapeError } from "../errors.ts";
import { topologicalOrder } from "./grad.ts";
import {
  encodeOnnx,
  type OnnxModelInfo,
  type OnnxNode,
  type OnnxTensor,
  type OnnxType,
  type OnnxValue,
  onnxType,
} from "./onnx.ts";
import { formatShape, type Shape, sameShape, staticSize } from "./shape.ts";
import { type Dtype, type Emitter, isLeaf, type OnnxAttribute, type Tensor } from "./tensor.ts";

/**
 * Raised whenever a graph is computed otherwise than before, so that the last bits of its results may differ: other
 * operators for the same tensors, or another order of sums. A run's record has it.
 */
export const loweringVersion = 1;

export type Precision = "float32" | "float64";

export interface Signature {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: Dtype;
}

/** A graph lowered to ONNX: the model's bytes, and what it takes and gives. */
export interface Lowered {
  readonly bytes: Uint8Array;
  readonly inputs: readonly Signature[];
  readonly outputs: readonly Signature[];
  readonly precision: Precision;
  /** Tensors by the name of the ONNX value that holds them. */
  readonly values: ReadonlyMap<string, Tensor>;
}

export interface LowerOptions extends OnnxModelInfo {
  readonly precision?: Precision;
  /** Values that are stored in the model instead of being inputs of it, by label: an exported model's parameters. */
  readonly embed?: ReadonlyMap<string, Float32Array>;
  /**
   * Convolutions whose weights are stored in the model become ONNX's own. ONNX Runtime's provider for processors is faster
   * with these, since it then keeps channels in blocks, and its build for browsers slower. Default: products, as where
   * weights are inputs.
   */
  readonly ownConvolutions?: boolean;
  readonly name?: string;
  readonly documentation?: string;
}

/**
 * From so many nodes on, a graph tells the shapes of all its values. ONNX Runtime's planner of memory compares each value
 * with all those before it whose memory is free, and takes one whose shape is known to be the same; where it cannot infer
 * shapes, as behind an Expand, the free ones only grow in number, and planning takes the square of the nodes: 3.4 s of 3.9
 * for 5,000. Below that number it takes little, and memory that is planned so is a few per cent more.
 */
export const nodesWithShapes = 2000;

/**
 * Lowers named outputs to one ONNX model. Equal subexpressions are emitted once, and only what an output needs.
 * Inputs and parameters become inputs of the model under their labels.
 * @throws ShapeError where two inputs, or an input and an output, bear one name
 */
export function lower(outputs: Readonly<Record<string, Tensor>>, options: LowerOptions = {}): Lowered {
  const precision = options.precision ?? "float32";
  const floatType = onnxType[precision];
  const typeCode = (dtype: Dtype): OnnxType =>
    dtype === "float" ? floatType : dtype === "int" ? onnxType.int64 : onnxType.bool;
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const inputs = new Map<string, Tensor>();
  const nameOf = new Map<Tensor, string>();
  const values = new Map<string, Tensor>();
  const emitted = new Map<string, string>();
  const order = topologicalOrder(Object.values(outputs));
  const taken = new Set([...Object.keys(outputs), ...order.filter(isLeaf).map((leaf) => leaf.label!)]);
  const unused = (name: string): string => (taken.has(name) ? unused(`${name}_`) : name);

  const store = (type: OnnxType, shape: readonly number[], bytes: Uint8Array): string => {
    // Small constants are shared; a large one is its tensor's own.
    const key = `${type}:${shape.join("x")}:${bytes.length > 512 ? initializers.size : bytes.join()}`;
    const known = emitted.get(key);
    if (known) return known;
    const name = unused(`constant_${initializers.size}`);
    initializers.set(name, { name, type, shape, bytes });
    emitted.set(key, name);
    return name;
  };

  const isStored = (tensor: Tensor): boolean =>
    isLeaf(tensor) ? options.embed?.has(tensor.label!) === true : tensor.inputs.every(isStored);

  const emitter: Emitter = {
    precision,
    typeCode,
    value: (tensor) => nameOf.get(tensor)!,
    convolves: (weight) => options.ownConvolutions === true && precision === "float32" && isStored(weight),
    floats: (data, shape) => store(floatType, shape, floatBytes(data, precision)),
    scalar: (x) => store(floatType, [], floatBytes([x], precision)),
    ints: (data) => store(onnxType.int64, [data.length], intBytes(data)),
    intScalar: (x) => store(onnxType.int64, [], intBytes([x])),
    node(type, names, attributes = {}) {
      const key = JSON.stringify([type, names, attributes]);
      const known = emitted.get(key);
      if (known) return known;
      const output = unused(`${type.toLowerCase()}_${nodes.length}`);
      nodes.push({ type, inputs: names, output, attributes: attributes as Readonly<Record<string, OnnxAttribute>> });
      emitted.set(key, output);
      return output;
    },
  };

  const place = (tensor: Tensor): string => {
    if (!isLeaf(tensor)) return tensor.operator.lower(tensor, emitter);
    const label = tensor.label!;
    if (Object.hasOwn(outputs, label))
      throw new ShapeError(`an output and an input are both named "${label}"; rename one`);
    const embedded = options.embed?.get(label);
    if (embedded) {
      if (embedded.length !== staticSize(tensor.shape))
        throw new ShapeError(
          `"${label}": ${embedded.length} values do not fill the shape ${formatShape(tensor.shape)}`,
        );
      if (!initializers.has(label))
        initializers.set(label, {
          name: label,
          type: floatType,
          shape: tensor.shape as number[],
          bytes: floatBytes(embedded, precision),
        });
      return label;
    }
    const known = inputs.get(label);
    const same =
      !known ||
      (sameShape(known.shape, tensor.shape) && known.dtype === tensor.dtype && known.operator === tensor.operator);
    if (!same)
      throw new ShapeError(
        `two inputs are named "${label}": ${formatLeaf(known)} and ${formatLeaf(tensor)}; rename one`,
      );
    inputs.set(label, tensor);
    return label;
  };

  for (const tensor of order) {
    const name = place(tensor);
    nameOf.set(tensor, name);
    values.set(name, tensor);
  }

  const needed = new Set(Object.keys(outputs));
  const renamed = prune(nameOutputs(outputs, nameOf, nodes), needed);
  const describe = (name: string, tensor: Tensor): OnnxValue => ({
    name,
    type: typeCode(tensor.dtype),
    shape: tensor.shape,
  });
  const between = renamed.length < nodesWithShapes ? [] : renamed.filter(({ output }) => values.has(output));
  const signature = (name: string, { shape, dtype }: Tensor): Signature => ({ name, shape, dtype });
  const bytes = encodeOnnx(
    {
      name: options.name ?? "vaekit",
      nodes: renamed,
      initializers: [...initializers.values()].filter(({ name }) => needed.has(name)),
      inputs: [...inputs].map(([name, tensor]) => describe(name, tensor)),
      outputs: Object.entries(outputs).map(([name, tensor]) => describe(name, tensor)),
      between: between.map(({ output }) => describe(output, values.get(output)!)),
      ...(options.documentation === undefined ? {} : { documentation: options.documentation }),
    },
    options,
  );
  return {
    bytes,
    precision,
    values,
    inputs: [...inputs].map(([name, tensor]) => signature(name, tensor)),
    outputs: Object.entries(outputs).map(([name, tensor]) => signature(name, tensor)),
  };
}

/**
 * Gives outputs their names by renaming the nodes that produce them: an Identity would cost a copy (DESIGN.md, 2).
 * Only an output that is itself an input, a constant, or given under two names, gets one.
 */
function nameOutputs(
  outputs: Readonly<Record<string, Tensor>>,
  nameOf: ReadonlyMap<Tensor, string>,
  nodes: readonly OnnxNode[],
): OnnxNode[] {
  const produced = new Set(nodes.map(({ output }) => output));
  const names = new Map<string, string>();
  const copies: OnnxNode[] = [];
  for (const [name, tensor] of Object.entries(outputs)) {
    const value = nameOf.get(tensor)!;
    if (produced.has(value) && !names.has(value)) names.set(value, name);
    else copies.push({ type: "Identity", inputs: [names.get(value) ?? value], output: name, attributes: {} });
  }
  const rename = (value: string) => names.get(value) ?? value;
  return [
    ...nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), output: rename(node.output) })),
    ...copies,
  ];
}

/**
 * The nodes that an output needs: an operator may have gone round another, as a reshape does of a reshape.
 * @param needed the outputs; what they need is added
 */
function prune(nodes: readonly OnnxNode[], needed: Set<string>): OnnxNode[] {
  const kept = nodes.toReversed().filter((node) => {
    if (!needed.has(node.output)) return false;
    for (const name of node.inputs) needed.add(name);
    return true;
  });
  return kept.reverse();
}

const formatLeaf = ({ operator, shape, dtype }: Tensor): string =>
  `a ${operator.name} ${formatShape(shape)} of ${dtype}`;

function floatBytes(data: ArrayLike<number>, precision: Precision): Uint8Array {
  const array = precision === "float32" ? Float32Array.from(data) : Float64Array.from(data);
  return new Uint8Array(array.buffer);
}

function intBytes(data: readonly number[]): Uint8Array {
  return new Uint8Array(BigInt64Array.from(data, BigInt).buffer);
}
