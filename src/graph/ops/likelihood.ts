import { broadcastShapes, elementCount, isSymbolic, type Shape, sameShape, staticSize } from "../shape.ts";
import { apply, type Emitter, type Operator, type Tensor } from "../tensor.ts";
import { mul, sub } from "./arithmetic.ts";
import { sigmoid } from "./functions.ts";
import { reduceShape, reshape, sumTo } from "./structure.ts";

/* Log-likelihoods that take less work as one operator than as a composition. */

/** Factors in [½, 1] whose product is safe: 2⁻⁶⁴ is far from the smallest float32. */
const mostFactors = 64;

/** The largest divisor of n that is at most 64. */
function groupOf(n: number): number {
  let group = Math.min(n, mostFactors);
  while (n % group !== 0) group--;
  return group;
}

const lastAxes = (shape: Shape, rank: number): number[] =>
  Array.from({ length: rank }, (_, i) => shape.length - rank + i);

const reduceSum = (emit: Emitter, x: string, axes: readonly number[]): string =>
  emit.node("ReduceSum", [x, emit.ints(axes)], { keepdims: { int: 0 } });

/**
 * Σ log σ(|l|) over the last axes. The logarithm is scalar code in ONNX Runtime and a product is not, so it is taken of
 * products of up to 64 of the factors, which lie in [½, 1].
 */
function sumLogLogistic(emit: Emitter, logits: string, shape: Shape, rank: number): string {
  const factors = emit.node("Sigmoid", [emit.node("Abs", [logits])]);
  const axes = lastAxes(shape, rank);
  const size = staticSize(shape.slice(-rank));
  const group = groupOf(size);
  const lead = shape.slice(0, -rank);
  if (group < 4 || emit.precision === "float64")
    // ONNX Runtime has no product of float64
    return reduceSum(emit, emit.node("Log", [factors]), axes);
  const grouped = emit.ints([...lead.map((dim) => (isSymbolic(dim) ? -1 : dim)), size / group, group]);
  const products = emit.node("ReduceProd", [emit.node("Reshape", [factors, grouped]), emit.ints([lead.length + 1])], {
    keepdims: { int: 0 },
  });
  return reduceSum(emit, emit.node("Log", [products]), [lead.length]);
}

export const bernoulliLogProbOperator: Operator = {
  name: "bernoulliLogProb",
  infer([x, logits], attributes) {
    const rank = attributes.rank as number;
    if (x!.dtype !== "float" || logits!.dtype !== "float") throw "expected floats";
    const shape = broadcastShapes(x!.shape, logits!.shape);
    if (!shape) throw "x and the logits do not broadcast together";
    if (!(Number.isInteger(rank) && rank >= 1 && rank <= logits!.shape.length))
      throw `expected an event of 1 to ${logits!.shape.length} axes, got ${rank}`;
    const event = logits!.shape.slice(-rank);
    if (event.some(isSymbolic) || !sameShape(event, shape.slice(-rank)))
      throw "expected logits with every axis of the event, of static size";
    const lead = shape.slice(0, -rank);
    if (elementCount(lead).power > 1) throw "expected one symbolic axis at most";
    return { shape: lead, dtype: "float" };
  },
  // d/dl = x − σ(l), d/dx = l
  gradient: (node, dy) => {
    const [x, logits] = node.inputs as [Tensor, Tensor];
    const rank = node.attributes.rank as number;
    const full = broadcastShapes(x.shape, logits.shape)!;
    const each = reshape(dy, reduceShape(full, lastAxes(full, rank), true));
    return [sumTo(mul(each, logits), x.shape), sumTo(mul(each, sub(x, sigmoid(logits))), logits.shape)];
  },
  // x·l − softplus(l), with softplus(l) = relu(l) − log σ(|l|)
  lower(node, emit) {
    const [x, logits] = node.inputs as [Tensor, Tensor];
    const rank = node.attributes.rank as number;
    const l = emit.value(logits);
    const linear = emit.node("Sub", [emit.node("Mul", [emit.value(x), l]), emit.node("Relu", [l])]);
    const full = broadcastShapes(x.shape, logits.shape)!;
    return emit.node("Add", [
      reduceSum(emit, linear, lastAxes(full, rank)),
      sumLogLogistic(emit, l, logits.shape, rank),
    ]);
  },
};

/**
 * Σ over the event of x·log σ(l) + (1 − x)·log(1 − σ(l)), overflow-safe: (..., ...event) → (...). PyTorch's
 * BCEWithLogitsLoss, negated and summed over the last `rank` axes. x in [0, 1]; x and logits broadcast over the lead.
 */
export function bernoulliLogProb(x: Tensor, logits: Tensor, rank: number): Tensor {
  return apply(bernoulliLogProbOperator, [x, logits], { rank });
}
