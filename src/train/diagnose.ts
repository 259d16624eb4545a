import { NumericalError } from "../errors.ts";
import { topologicalOrder } from "../graph/grad.ts";
import type { Lowered } from "../graph/lower.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Backend, Data } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";

export const divergenceAdvice =
  "Try a lower optimizer.learningRate (--resume goes on from the last checkpoint with it), a warm-up, or a bounded " +
  "variance; and look for values in the data far outside the rest.";

/**
 * Runs a graph again with every intermediate tensor as an output and says which was the first that is not finite.
 * It costs one compilation, and only when training has failed already.
 */
export async function firstNonFinite(
  backend: Backend,
  lowered: Lowered,
  feeds: Readonly<Record<string, Data>>,
  what: string,
): Promise<NumericalError> {
  for (const [name, data] of Object.entries(feeds)) {
    const at = firstBad(data);
    if (at >= 0)
      return new NumericalError(
        `${what} is not finite: the input or parameter "${name}" itself holds ${data[at]} at element ${at}. ${divergenceAdvice}`,
      );
  }
  const order = topologicalOrder([...lowered.values.values()]).filter((tensor) => tensor.dtype === "float");
  const program = await compile(backend, Object.fromEntries(order.map((tensor, i) => [`t${i}`, tensor])));
  try {
    const values = await program.run(feeds);
    for (const [i, tensor] of order.entries()) {
      const data = values[`t${i}`]!.data;
      const at = firstBad(data);
      if (at >= 0)
        return new NumericalError(
          `${what} is not finite: ${nameOf(tensor)} was the first tensor to hold ${data[at]}. ${divergenceAdvice}`,
        );
    }
  } finally {
    await program.release();
  }
  return new NumericalError(`${what} is not finite, yet each tensor is when computed alone. ${divergenceAdvice}`);
}

/** The first element that is not finite; −1 where all are. */
export function firstBad(data: Data): number {
  if (data instanceof BigInt64Array) return -1;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i]!)) return i;
  return -1;
}

/** A tensor by its label, or by its operator and the nearest labelled tensor that it was made from. */
function nameOf(tensor: Tensor): string {
  if (tensor.label) return `"${tensor.label}"`;
  const source = topologicalOrder([tensor]).findLast((candidate) => candidate.label);
  return source ? `${tensor.operator.name} of "${source.label}"` : `a result of ${tensor.operator.name}`;
}
