import { mul, neg, square, sub } from "../graph/ops/arithmetic.ts";
import { logSoftmax } from "../graph/ops/axis.ts";
import { asFloat, equal } from "../graph/ops/comparison.ts";
import { exp } from "../graph/ops/functions.ts";
import { sum } from "../graph/ops/structure.ts";
import type { Tensor } from "../graph/tensor.ts";
import { accumulated, column, wholeNumbers } from "./counts.ts";
import type { Distribution } from "./distribution.ts";

/**
 * Independent elements over the classes 0…K − 1, given as floats. Mean and variance are those of the class's number.
 * @param logits (batch, ...event, K)
 */
export function categorical(logits: Tensor): Distribution & Required<Pick<Distribution, "cdf" | "entropy">> {
  const classes = wholeNumbers(logits.shape.at(-1) as number);
  const logMasses = logSoftmax(logits, -1);
  const masses = exp(logMasses);
  const mean = sum(mul(masses, classes), [-1]);
  return {
    kind: "categorical",
    shape: logits.shape.slice(0, -1),
    parameters: { logits },
    mean,
    variance: sum(mul(masses, square(sub(classes, column(mean)))), [-1]),
    noise: "uniform",
    logProb: (x) => sum(mul(logMasses, asFloat(equal(classes, column(x)))), [-1]),
    entropy: () => neg(sum(mul(masses, logMasses), [-1])),
    ...accumulated(masses),
  };
}
