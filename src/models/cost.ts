import { type Distinct, distinct } from "../graph/distinct.ts";
import { linearOperator, matmulOperator } from "../graph/ops/linear.ts";
import { reshapeOperator } from "../graph/ops/structure.ts";
import { type Dim, isSymbolic, sizeAt } from "../graph/shape.ts";
import { constantOperator, isLeaf, parameterOperator, type Tensor } from "../graph/tensor.ts";
import { weightOf } from "../nn/parameters.ts";

/* What a graph costs, counted from its tensors, equal ones once: nothing is compiled or computed. */

/** A matrix product of a graph. */
interface Product {
  /** Floating-point operations, for one example or for any number; a multiplication and an addition are two. */
  readonly flops: number;
  /** Whether each example takes as many; else the batch does, as of the pseudo-inputs of a prior. */
  readonly perExample: boolean;
  /** The weight that one of the operands is, or is made of alone. */
  readonly parameter: string | undefined;
}

/** The matrix products that some tensors take, those of convolutions among them. */
export function productsOf(outputs: readonly Tensor[]): Product[] {
  const { order, of } = distinct(outputs);
  const sources = new Map<Tensor, Source>();
  return order.flatMap((tensor) => {
    sources.set(tensor, sourceOf(tensor, of, sources));
    const summed = summedAxis(tensor);
    if (summed === undefined) return [];
    const operands = tensor.inputs.slice(0, 2).map((operand) => sources.get(of(operand))!);
    const parameter = operands.find(({ kind }) => kind === "parameter")?.path;
    const sizes = [...tensor.shape, summed];
    return [{ flops: 2 * sizeAt(sizes, 1), perExample: sizes.some(isSymbolic), parameter }];
  });
}

/** Floating-point operations of the matrix products that some tensors take for each example. */
export function flopsOf(outputs: readonly Tensor[]): number {
  return totalFlops(productsOf(outputs).filter(({ perExample }) => perExample));
}

/** The same of those that a batch takes once, however many examples it has. */
export function flopsOnce(outputs: readonly Tensor[]): number {
  return totalFlops(productsOf(outputs).filter(({ perExample }) => !perExample));
}

const totalFlops = (products: readonly Product[]) => products.reduce((total, { flops }) => total + flops, 0);

/** The axis that a product sums over; none for other operators. A transposed convolution is composed of others. */
export function summedAxis({ operator, inputs: [a, , seen], attributes }: Tensor): Dim | undefined {
  if (operator === linearOperator) return a!.shape[attributes.transposeX ? 0 : 1];
  if (operator === matmulOperator) return a!.shape.at(attributes.transposeA ? -2 : -1);
  return operator.name === conv2d ? seen!.shape[3] : undefined;
}

/** What a tensor is made of: constants alone, one weight, in one parameter or in two, or more. */
type Source =
  | { readonly kind: "constants" | "several"; readonly path?: undefined }
  | { readonly kind: "parameter"; readonly path: string };

function sourceOf(tensor: Tensor, of: Distinct["of"], sources: ReadonlyMap<Tensor, Source>): Source {
  if (isLeaf(tensor))
    return tensor.operator === parameterOperator
      ? { kind: "parameter", path: weightOf(tensor.label!) }
      : { kind: "several" };
  const found = tensor.inputs.map((input) => sources.get(of(input))!).filter(({ kind }) => kind !== "constants");
  const [first] = found;
  if (!first) return { kind: "constants" };
  return found.every(({ path }) => path !== undefined && path === first.path) ? first : { kind: "several" };
}

/* By name: the code of convolutions is not there where a model has none. */
const [conv2d, tiledConv2d, convTranspose2d] = ["conv2d", "tiledConv2d", "convTranspose2d"] as const;

const layered: ReadonlySet<string> = new Set([linearOperator.name, conv2d, tiledConv2d, convTranspose2d]);

/** What layers give for one example, by the path of the layer's weight. */
export function layerOutputs(outputs: readonly Tensor[]): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, readonly number[]>();
  const { order, of } = distinct(outputs);
  const sources = new Map<Tensor, Source>();
  for (const tensor of order) {
    sources.set(tensor, sourceOf(tensor, of, sources));
    const { operator, inputs, shape, attributes } = tensor;
    const path = layered.has(operator.name) ? sources.get(of(inputs[1]!))!.path : undefined;
    if (path) found.set(path, (attributes["featuresFirst"] ? shape.slice(0, 1) : shape.slice(1)) as readonly number[]);
  }
  return found;
}

/**
 * The most bytes that the tensors between inputs and outputs take at one time, where each is computed in the order of
 * the graph and freed after its last use. Inputs, parameters and outputs are not counted, nor what an operator takes
 * for itself meanwhile.
 */
export function peakBytes(outputs: readonly Tensor[], batchSize: number): number {
  const { order, of } = distinct(outputs);
  const held = (tensor: Tensor): Tensor => {
    const chosen = of(tensor);
    const within = inMemoryOf(chosen);
    return within ? held(within) : chosen;
  };
  const lastUse = new Map<Tensor, number>();
  for (const [i, tensor] of order.entries()) for (const used of tensor.inputs) lastUse.set(held(used), i);
  const freed = order.map(() => 0);
  const seen = new Set(outputs.map(held));
  let bytes = 0;
  let peak = 0;
  for (const [i, tensor] of order.entries()) {
    const values = held(tensor);
    if (!isLeaf(values) && !seen.has(values)) {
      seen.add(values);
      const taken = bytesOf(values, batchSize);
      bytes += taken;
      if (values.operator !== constantOperator) freed[lastUse.get(values) ?? i]! += taken; // constants stay
    }
    peak = Math.max(peak, bytes);
    bytes -= freed[i]!;
  }
  return peak;
}

/** Bytes that an example has of the largest of the tensors that make up the outputs. */
export function largestRowBytes(outputs: readonly Tensor[]): number {
  return Math.max(...distinct(outputs).order.map((tensor) => (tensor.shape.some(isSymbolic) ? bytesOf(tensor, 1) : 0)));
}

/** The most rows, a power of two times fewer than `most`, whose tensors take no more than `bytes` at one time. */
export function rowsWithin(outputs: readonly Tensor[], most: number, bytes: number): number {
  let rows = most;
  while (rows > 1 && peakBytes(outputs, rows) > bytes) rows = Math.floor(rows / 2);
  return rows;
}

/** The tensor in whose memory another one lies, if it has none of its own. */
function inMemoryOf({ operator, inputs }: Tensor): Tensor | undefined {
  if (operator === reshapeOperator) return inputs[0];
  if (operator.name === tiledConv2d) return inputs[3];
  return operator.name === convTranspose2d ? inputs[2] : undefined;
}

const bytesOf = ({ dtype, shape }: Tensor, batchSize: number): number =>
  ({ float: 4, int: 8, bool: 1 })[dtype] * sizeAt(shape, batchSize);
