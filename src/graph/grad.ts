import { add } from "./ops/arithmetic.ts";
import { joinPadded } from "./ops/join.ts";
import { expand, expandOperator } from "./ops/structure.ts";
import { formatShape } from "./shape.ts";
import { constant, isLeaf, shapeError, type Tensor } from "./tensor.ts";

/** Every tensor that `roots` depend on, inputs before what uses them. */
export function topologicalOrder(roots: readonly Tensor[]): Tensor[] {
  const order: Tensor[] = [];
  const state = new Set<Tensor>();
  // An explicit stack: a deep model would overflow the call stack.
  const stack = [...roots].reverse().map((tensor) => ({ tensor, next: 0 }));
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    if (top.next === 0 && state.has(top.tensor)) {
      stack.pop();
      continue;
    }
    state.add(top.tensor);
    const child = top.tensor.inputs[top.next++];
    if (child) {
      if (!state.has(child)) stack.push({ tensor: child, next: 0 });
    } else {
      order.push(top.tensor);
      stack.pop();
    }
  }
  return order;
}

/**
 * Reverse-mode differentiation: d loss / d each of `wrt`, as tensors that can be differentiated again.
 * @param loss a scalar
 * @param wrt parameters, inputs or any tensors between but results of `expand`; one that the loss does not depend on
 *   gets zeros
 * @throws ShapeError for a loss that is no scalar, or a result of `expand` in wrt
 */
export function grad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0)
    throw shapeError("grad", `expected a scalar loss, got ${formatShape(loss.shape)}`, [loss]);
  const seenThrough = wrt.find(({ operator }) => operator === expandOperator);
  if (seenThrough)
    throw shapeError("grad", "expressions see through what is expanded; differentiate by the tensor that was", [
      seenThrough,
    ]);
  const order = topologicalOrder([loss]);
  // Leaves of one name are one input of the program, hence one variable.
  const variables = new Map(wrt.filter(isLeaf).map((leaf) => [leafName(leaf), leaf]));
  const variableOf = (tensor: Tensor): Tensor =>
    isLeaf(tensor) ? (variables.get(leafName(tensor)) ?? tensor) : tensor;
  // Only what leads from `wrt` to the loss needs a gradient.
  const needed = new Set<Tensor>(wrt);
  for (const tensor of order) if (tensor.inputs.some((input) => needed.has(variableOf(input)))) needed.add(tensor);
  const gradients = new Map<Tensor, Tensor>([[loss, constant(1)]]);
  for (const tensor of order.reverse()) {
    const dy = gradients.get(tensor);
    const rule = tensor.operator.gradient;
    if (!dy || !needed.has(tensor) || typeof rule !== "function") continue;
    for (const [i, dx] of rule(tensor, dy).entries()) {
      const input = variableOf(tensor.inputs[i]!);
      if (!dx || !needed.has(input)) continue;
      const sofar = gradients.get(input);
      gradients.set(input, sofar ? (joinPadded(sofar, dx) ?? add(sofar, dx)) : dx);
    }
  }
  return wrt.map((tensor) => gradients.get(variableOf(tensor)) ?? expand(constant(0), tensor));
}

const leafName = ({ operator, label }: Tensor): string => `${operator.name} ${label}`;
