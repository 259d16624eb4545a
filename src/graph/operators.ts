import * as activation from "./ops/activation.ts";
import * as arithmetic from "./ops/arithmetic.ts";
import * as axis from "./ops/axis.ts";
import * as comparison from "./ops/comparison.ts";
import * as convolution from "./ops/convolution.ts";
import * as functions from "./ops/functions.ts";
import * as join from "./ops/join.ts";
import * as likelihood from "./ops/likelihood.ts";
import * as linear from "./ops/linear.ts";
import * as patches from "./ops/patches.ts";
import * as reduce from "./ops/reduce.ts";
import * as resize from "./ops/resize.ts";
import * as select from "./ops/select.ts";
import * as special from "./ops/special.ts";
import * as stochastic from "./ops/stochastic.ts";
import * as structure from "./ops/structure.ts";
import * as triangle from "./ops/triangle.ts";
import * as winograd from "./ops/winograd.ts";
import { constantOperator, inputOperator, type Operator, parameterOperator } from "./tensor.ts";

const isOperator = (value: unknown): value is Operator =>
  typeof value === "object" && value !== null && "lower" in value;

/**
 * Every operator there is, by name. The gradient check (operators.test.ts) runs over this table and fails for an
 * operator that it has no cases for, so a new one cannot escape it: exporting it from its family enters it here.
 */
export const operators: ReadonlyMap<string, Operator> = new Map(
  [
    activation,
    arithmetic,
    axis,
    comparison,
    convolution,
    functions,
    join,
    likelihood,
    linear,
    patches,
    reduce,
    resize,
    select,
    special,
    stochastic,
    structure,
    triangle,
    winograd,
    { constantOperator, inputOperator, parameterOperator },
  ]
    .flatMap((family) => Object.values(family))
    .filter(isOperator)
    .map((operator) => [operator.name, operator]),
);
