import { UsageError } from "../errors.ts";
import { div, mul, sqrt, square } from "../graph/ops/arithmetic.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Initializer, Scope } from "./parameters.ts";

/**
 * A scope whose layers have weights w = g·v/‖v‖ (weight normalization, Salimans & Kingma 2016, eq. 2): a direction v for
 * each output, and its length g, are trained. What is declared under the name `weight`, here or below, becomes
 * `weight.direction`, which starts as the weight would have, and `weight.length` (outputs), which starts as the length
 * that such weights have on average; every other parameter is what it was.
 *
 *     dense(weightNormalized(scope), 784, 400, { initialization: "he" })
 *
 * @param axis the weight's axis of outputs, negative from the end. Default: the last, as of dense and conv layers. A
 *   convTranspose layer's is 2; in groups, the outputs in one place of every group have one length.
 * @throws UsageError, where a weight is declared, if that has no such axis or starts at 0, which has no direction
 */
export function weightNormalized(scope: Scope, axis = -1): Scope {
  return {
    ...scope,
    at: (name) => weightNormalized(scope.at(name), axis),
    parameter: (name, shape, initializer) =>
      name === "weight"
        ? normalized(scope.at(name), shape, initializer, axis)
        : scope.parameter(name, shape, initializer),
  };
}

function normalized(scope: Scope, shape: readonly number[], initializer: Initializer, axis: number): Tensor {
  const own = axis < 0 ? axis + shape.length : axis;
  const refuse = (problem: string) => new UsageError(`weightNormalized: ${scope.path("direction")} ${problem}`);
  const outputs = shape[own];
  if (outputs === undefined) throw refuse(`(${shape}) has no axis ${axis}`);
  const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
  const [before, after] = [product(shape.slice(0, own)), product(shape.slice(own + 1))];
  const lengths = startingLengths(initializer, [before, outputs, after]);
  if (lengths.some((length) => !(length > 0)))
    throw refuse("starts at 0, which has no direction; choose another start");
  const direction = scope.parameter("direction", shape, initializer);
  const length = scope.parameter("length", [outputs], { kind: "values", values: lengths });
  const cut = reshape(direction, [before, outputs, after]);
  const squares = sum(sum(square(cut), [2]), [0]); // ‖v‖², (outputs)
  const factor = reshape(div(length, sqrt(squares)), [1, outputs, 1]);
  return reshape(mul(cut, factor), shape);
}

/** The root of the mean square of an initializer's draws, for which each output's share is not given in full. */
const meanSquareRoot = (initializer: Exclude<Initializer, { readonly kind: "values" }>): number =>
  initializer.kind === "normal"
    ? initializer.standardDeviation
    : initializer.kind === "uniform"
      ? initializer.limit / Math.sqrt(3)
      : Math.abs(initializer.value);

function startingLengths(
  initializer: Initializer,
  [before, outputs, after]: readonly [number, number, number],
): Float32Array {
  if (initializer.kind !== "values")
    return new Float32Array(outputs).fill(meanSquareRoot(initializer) * Math.sqrt(before * after));
  const squares = new Float64Array(outputs);
  for (const [i, value] of initializer.values.entries()) squares[Math.floor(i / after) % outputs]! += value ** 2;
  return Float32Array.from(squares, Math.sqrt);
}
