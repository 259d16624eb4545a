import { apply, type Operator, shapeError, type Tensor } from "../tensor.ts";
import { add, minimum, mul } from "./arithmetic.ts";
import { call, unary } from "./elementwise.ts";
import { sigmoid } from "./functions.ts";
import { beforeExpand } from "./structure.ts";

/* Activations of layers. tanh and sigmoid stand with the functions, GELU with erf. */

/*
 * 1 where x > 0, else 0. HardSigmoid is clip(αx + β, 0, 1); with the largest α it is the step for all x but subnormal
 * ones, and takes a third of the time of Sign, Greater with Where, or Greater with Cast.
 */
export const unitStepOperator: Operator = {
  ...unary(
    "unitStep",
    (_x, dy) => dy,
    (x, emit) =>
      emit.precision === "float32"
        ? emit.node("HardSigmoid", [x], { alpha: { float: 3e38 }, beta: { float: 0 } })
        : emit.node("Sign", [emit.node("Relu", [x])]),
  ),
  gradient: { none: "piecewise constant: its derivative is 0 wherever it exists" },
};
export const reluOperator = unary("relu", (_x, dy, y) => mul(dy, unitStep(y)), "Relu");
/*
 * ELU(x) = x for x > 0, e^x − 1 below; its derivative is 1 above and e^x = y + 1 below, which is min(y, 0) + 1 for both.
 * Built from operators that exist in float64 too: relu(x) + e^min(x, 0) − 1.
 */
export const eluOperator = unary(
  "elu",
  (_x, dy, y) => mul(dy, add(minimum(y, 0), 1)),
  (x, emit) => {
    const below = emit.node("Exp", [emit.node("Min", [x, emit.scalar(0)])]);
    return emit.node("Add", [emit.node("Relu", [x]), emit.node("Sub", [below, emit.scalar(1)])]);
  },
);
/*
 * softplus(x) = log(1 + e^x) = relu(x) − log σ(|x|). σ(|x|) lies in [0.5, 1], so nothing overflows and the logarithm
 * stays exact to 2e-7 absolute (a float32 far below 0 may come out as −1.2e-7, for ONNX Runtime's σ may exceed 1 by one
 * unit); ONNX Runtime's own Softplus is scalar code and five times as slow.
 */
export const softplusOperator = unary(
  "softplus",
  (x, dy) => mul(dy, sigmoid(x)),
  (x, emit) => {
    const logistic = emit.node("Sigmoid", [emit.node("Abs", [x])]);
    return emit.node("Sub", [emit.node("Relu", [x]), emit.node("Log", [logistic])]);
  },
);
// The derivative is 1 where x > 0 and else the slope.
export const leakyReluOperator = unary(
  "leakyRelu",
  (x, dy, { attributes }) => {
    const slope = attributes.slope as number;
    return mul(dy, add(mul(unitStep(x), 1 - slope), slope));
  },
  (x, emit, { attributes }) => {
    const slope = attributes.slope as number;
    if (emit.precision === "float32") return emit.node("LeakyRelu", [x], { alpha: { float: slope } });
    const below = emit.node("Mul", [emit.node("Min", [x, emit.scalar(0)]), emit.scalar(slope)]);
    return emit.node("Add", [emit.node("Relu", [x]), below]); // there is no float64 LeakyRelu
  },
);

/** 1 where x is positive, else 0. */
export const unitStep = call(unitStepOperator);
export const relu = call(reluOperator);
export const elu = call(eluOperator);
export const softplus = call(softplusOperator);

/** x·σ(x) (Elfwing et al. 2018; also called swish). */
export function silu(x: Tensor): Tensor {
  return mul(x, sigmoid(x));
}

/** x where it is positive, slope·x below. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  if (!Number.isFinite(slope)) throw shapeError("leakyRelu", `expected a finite slope, got ${slope}`, [x]);
  return beforeExpand(x, (unexpanded) => apply(leakyReluOperator, [unexpanded], { slope }));
}
