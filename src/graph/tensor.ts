import { ShapeError } from "../errors.ts";
import { formatShape, type Shape, staticSize } from "./shape.ts";

/** "float" is float32 or float64, chosen when a graph is lowered; "int" is int64. */
export type Dtype = "float" | "int" | "bool";

export type AttributeValue = number | boolean | string | Float64Array | readonly (number | string)[] | undefined;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A node of a symbolic expression: what an operator makes of its inputs. Immutable; nothing is computed. */
export interface Tensor {
  readonly operator: Operator;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes;
  readonly shape: Shape;
  readonly dtype: Dtype;
  /** Name of an input or parameter; for other nodes a label that error messages use. */
  readonly label?: string;
}

/** What the lowering offers an operator: emit ONNX nodes, name values. */
export interface Emitter {
  /** What "float" is in this graph. */
  readonly precision: "float32" | "float64";
  /** Emits one ONNX node and returns the name of its output. */
  node(type: string, inputs: readonly string[], attributes?: Readonly<Record<string, OnnxAttribute>>): string;
  /** The ONNX value that holds a tensor. */
  value(tensor: Tensor): string;
  /** Whether a convolution with this weight is to be one of ONNX's own: see `LowerOptions.ownConvolutions`. */
  convolves(weight: Tensor): boolean;
  /** A float constant of the precision in use. */
  floats(values: readonly number[] | Float64Array, shape: readonly number[]): string;
  scalar(value: number): string;
  /** An int64 constant of rank 1, or a scalar. */
  ints(values: readonly number[]): string;
  intScalar(value: number): string;
  /** ONNX's type code of a dtype in the precision in use. */
  typeCode(dtype: Dtype): number;
}

export type OnnxAttribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] };

/**
 * An operator: its shape rule, its gradient rule and its ONNX lowering, side by side.
 * The table of all operators is operators.ts; the gradient check runs over that table.
 */
export interface Operator {
  readonly name: string;
  /** Shape and type of the output. Throws a string that says what does not fit; `apply` turns it into a ShapeError. */
  infer(inputs: readonly Tensor[], attributes: Attributes): { readonly shape: Shape; readonly dtype: Dtype };
  /** Gradient with respect to each input (undefined where there is none), or why the operator has none. */
  readonly gradient: ((node: Tensor, dy: Tensor) => readonly (Tensor | undefined)[]) | { readonly none: string };
  /** Emits ONNX nodes and returns the name of the result. */
  lower(node: Tensor, emit: Emitter): string;
}

/** Applies an operator; a mismatch is a ShapeError naming the operator, the shapes and the line that asked. */
export function apply(operator: Operator, inputs: readonly Tensor[], attributes: Attributes = {}): Tensor {
  try {
    return { operator, inputs, attributes, ...operator.infer(inputs, attributes) };
  } catch (problem) {
    if (typeof problem !== "string") throw problem;
    throw shapeError(operator.name, problem, inputs);
  }
}

/** A ShapeError that names the function, its inputs and the line of the model that called it. */
export function shapeError(name: string, problem: string, inputs: readonly Tensor[]): ShapeError {
  const shapes = inputs.map((input) => describe(input)).join(", ");
  return new ShapeError(`${name}: ${problem}; inputs: ${shapes || "none"}${callerLine()}`);
}

function describe(tensor: Tensor): string {
  return `${tensor.label ? `${tensor.label} ` : ""}${formatShape(tensor.shape)}${tensor.dtype === "float" ? "" : ` ${tensor.dtype}`}`;
}

/** The first line of the call stack outside graph/, which is the line of the model that built the tensor. */
function callerLine(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 30;
  const frames = (new Error().stack ?? "").split("\n").slice(1);
  Error.stackTraceLimit = limit;
  // A frame without a place, such as "at Array.map (<anonymous>)", is nobody's line.
  const places = frames.map((frame) => frame.match(/\(?((?:file:\/\/)?[^()\s]+:\d+:\d+)\)?$/)?.[1]);
  const place = places.find((at) => at && !/[\\/]graph[\\/](?!.*\.test\.)/.test(at));
  return place ? `; built at ${place.replace(/^file:\/\//, "")}` : "";
}

const leaf = (name: string): Operator => ({
  name,
  infer: () => {
    throw `${name} is a leaf of the graph and has no shape rule`;
  },
  gradient: { none: "a leaf of the graph" },
  lower: (node, emit) => emit.value(node),
});

export const inputOperator = leaf("input");
export const parameterOperator = leaf("parameter");

/** Whether a tensor is an input or a parameter, which its label names. */
export function isLeaf({ operator }: Tensor): boolean {
  return operator === inputOperator || operator === parameterOperator;
}

/** A tensor that is given at every run: data, noise, weights of examples, scalars such as β. */
export function input(name: string, shape: Shape, dtype: Dtype = "float"): Tensor {
  return { operator: inputOperator, inputs: [], attributes: {}, shape, dtype, label: name };
}

/** A tensor that training changes (or a layer's state), named by its path such as "encoder.hidden.0.weight". */
export function parameter(path: string, shape: readonly number[]): Tensor {
  return { operator: parameterOperator, inputs: [], attributes: {}, shape, dtype: "float", label: path };
}

export const constantOperator: Operator = {
  name: "constant",
  infer: (_inputs, { shape, dtype }) => ({ shape: shape as readonly number[], dtype: dtype as Dtype }),
  gradient: { none: "a constant" },
  lower(node, emit) {
    const values = node.attributes.values as Float64Array;
    const shape = node.shape as readonly number[];
    if (node.dtype === "float") return emit.floats(values, shape);
    const flat = shape.length === 0 ? emit.intScalar(values[0] ?? 0) : emit.ints([...values]);
    return shape.length > 1 ? emit.node("Reshape", [flat, emit.ints(shape)]) : flat;
  },
};

/** A constant; `values` in row-major order, one number for a scalar. */
export function constant(
  values: number | ArrayLike<number>,
  shape?: readonly number[],
  dtype: "float" | "int" = "float",
): Tensor {
  const data = typeof values === "number" ? Float64Array.of(values) : Float64Array.from(values);
  const resolved = shape ?? (typeof values === "number" ? [] : [data.length]);
  if (staticSize(resolved) !== data.length)
    throw shapeError("constant", `${data.length} values do not fill the shape ${formatShape(resolved)}`, []);
  return apply(constantOperator, [], { values: data, shape: resolved, dtype });
}

/** The value of a constant with one element, or undefined. */
export function scalarValue(tensor: Tensor): number | undefined {
  if (tensor.operator !== constantOperator || tensor.dtype !== "float") return undefined;
  const values = tensor.attributes.values as Float64Array;
  return values.length === 1 ? values[0] : undefined;
}

/** The same tensor under a label, which messages such as "which tensor went first" use. A leaf keeps its name. */
export function labelled(tensor: Tensor, label: string): Tensor {
  return isLeaf(tensor) ? tensor : { ...tensor, label };
}
