import { topologicalOrder } from "./grad.ts";
import { constantOperator, isLeaf, type Operator, type Tensor } from "./tensor.ts";

/** Operators that are gone once a graph is lowered: they give their first input, and say what its gradient is. */
const passedOver: ReadonlySet<string> = new Set(["stopGradient", "scaleGradient"]);

/** `lower` shares constants of up to 512 bytes: so many floats. */
const sharedValues = 128;

/** What is computed of a graph. */
export interface Distinct {
  /** In the order in which it is computed, inputs before what uses them. */
  readonly order: readonly Tensor[];
  /** The one of `order` whose values a tensor of the graph has. */
  readonly of: (tensor: Tensor) => Tensor;
}

/** What was found of outputs that are asked about several times. */
const found = new WeakMap<readonly Tensor[], Distinct>();

/**
 * The tensors that some outputs take, each once: as `lower` has it, equal expressions are one, such as the decoder of a
 * doubly reparameterized gradient, which is in its graph twice.
 */
export function distinct(outputs: readonly Tensor[]): Distinct {
  const before = found.get(outputs);
  if (before) return before;
  const result = distinctOf(outputs);
  found.set(outputs, result);
  return result;
}

function distinctOf(outputs: readonly Tensor[]): Distinct {
  const chosen = new Map<Tensor, Tensor>();
  const known = new Map<string, Tensor>();
  const keyOf = keys();
  const order: Tensor[] = [];
  for (const tensor of topologicalOrder(outputs)) {
    const inputs = tensor.inputs.map((input) => chosen.get(input)!);
    if (passedOver.has(tensor.operator.name)) {
      chosen.set(tensor, inputs[0]!);
      continue;
    }
    const key = keyOf(tensor, inputs);
    const same = known.get(key);
    chosen.set(tensor, same ?? tensor);
    if (same) continue;
    known.set(key, tensor);
    order.push(tensor);
  }
  return { order, of: (tensor) => chosen.get(tensor)! };
}

/** Of a tensor with these inputs, each chosen before: the same text for equal expressions. */
function keys(): (tensor: Tensor, inputs: readonly Tensor[]) => string {
  const numbers = new Map<Tensor | Operator, number>();
  const numberOf = (thing: Tensor | Operator): number => {
    if (!numbers.has(thing)) numbers.set(thing, numbers.size);
    return numbers.get(thing)!;
  };
  return (tensor, inputs) => {
    const { operator, attributes, label } = tensor;
    if (isLeaf(tensor)) return `${operator.name} ${label}`;
    if (operator === constantOperator && (attributes.values as Float64Array).length > sharedValues)
      return `constant ${numberOf(tensor)}`;
    return JSON.stringify([numberOf(operator), inputs.map(numberOf), attributes], written);
  };
}

/** JSON has no arrays of floats, no infinity and no −0. */
function written(_key: string, value: unknown): unknown {
  if (value instanceof Float64Array) return [...value];
  return typeof value === "number" && !(Number.isFinite(value) && !Object.is(value, -0))
    ? `${value} ${1 / value}`
    : value;
}
