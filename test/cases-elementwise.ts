import { elu, leakyRelu, relu, silu, softplus, unitStep } from "../src/graph/ops/activation.ts";
import {
  abs,
  add,
  clip,
  div,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  reciprocal,
  sign,
  sqrt,
  square,
  sub,
} from "../src/graph/ops/arithmetic.ts";
import {
  asFloat,
  asInt,
  equal,
  greater,
  greaterOrEqual,
  less,
  lessOrEqual,
  where,
} from "../src/graph/ops/comparison.ts";
import { cos, exp, expm1, log, log1p, sigmoid, sin, tanh } from "../src/graph/ops/functions.ts";
import { digamma, erf, gelu, lgamma, polygamma } from "../src/graph/ops/special.ts";
import { expand } from "../src/graph/ops/structure.ts";
import type { Tensor } from "../src/graph/tensor.ts";
import { binary, type Composed, type Entries, given, none, pairs, total, unary } from "./cases.ts";
import { type Case, elementwise } from "./gradient-check.ts";

/* Cases of the elementwise operators. */

const truth = (f: (a: number, b: number) => boolean) => (a: number, b: number) => Number(f(a, b));

// ---- special functions in plain JavaScript

/** By its series 2/√π·e^(−x²)·Σ 2ⁿx²ⁿ⁺¹/(2n + 1)!!, whose terms have one sign. */
function plainErf(x: number): number {
  let [term, series] = [x, 0];
  for (let n = 0; n < 100; n++) {
    series += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * series;
}

/** By Stirling's formula at x + 40. */
function plainLgamma(x: number): number {
  const far = x + 40;
  const below = total(Array.from({ length: 40 }, (_, k) => Math.log(x + k)));
  const rest = 1 / (12 * far) - 1 / (360 * far ** 3) + 1 / (1260 * far ** 5);
  return (far - 0.5) * Math.log(far) - far + 0.5 * Math.log(2 * Math.PI) + rest - below;
}

/** (−1)ⁿ⁺¹ n!·Σ (x + k)⁻ⁿ⁻¹, what lies beyond 200 terms by the Euler-Maclaurin formula. */
function plainPolygamma(n: number, x: number): number {
  const far = x + 200;
  const near = total(Array.from({ length: 200 }, (_, k) => (x + k) ** (-n - 1)));
  const rest = far ** (-n - 1) / 2 + ((n + 1) / 12) * far ** (-n - 2);
  const higher = (((n + 1) * (n + 2) * (n + 3)) / 720) * far ** (-n - 4);
  if (n === 0) return Math.log(far) - near - rest + higher;
  const factorial = n === 1 ? 1 : 2;
  return (n % 2 === 0 ? -1 : 1) * factorial * (near + far ** -n / n + rest - higher);
}

/** The same for arguments between 0.15 and 25, so that each of the intervals is reached. */
function positive(build: (x: Tensor) => Tensor, f: (x: number) => number): Case[] {
  return [0.3, 1, 3, 10].map((scale) => ({
    shapes: [["batch", 2]],
    domain: "positive",
    build: (x) => build(mul(x!, scale)),
    expected: elementwise((x) => f(scale * x!)),
  }));
}

export const elementwiseCases: Entries = {
  add: given(binary(add, (a, b) => a + b)),
  sub: given(binary(sub, (a, b) => a - b)),
  mul: given(binary(mul, (a, b) => a * b)),
  div: given(binary(div, (a, b) => a / b, ["any", "nonzero"])),
  maximum: given(binary(maximum, Math.max, "distinct")),
  minimum: given(binary(minimum, Math.min, "distinct")),
  neg: given(unary(neg, (x) => -x)),
  abs: given(unary(abs, Math.abs, "distinct")),
  sign: none(unary(sign, Math.sign, "whole")),
  unitStep: none(unary(unitStep, (x) => (x > 0 ? 1 : 0), "whole")),
  exp: given(unary(exp, Math.exp)),
  log: given(unary(log, Math.log, "positive")),
  sqrt: given(unary(sqrt, Math.sqrt, "positive")),
  square: given(unary(square, (x) => x * x)),
  reciprocal: given(unary(reciprocal, (x) => 1 / x, "nonzero")),
  tanh: given(unary(tanh, Math.tanh)),
  sigmoid: given(unary(sigmoid, (x) => 1 / (1 + Math.exp(-x)))),
  relu: given(unary(relu, (x) => Math.max(x, 0), "distinct")),
  elu: given(unary(elu, (x) => (x > 0 ? x : Math.expm1(x)), "distinct")),
  softplus: given(unary(softplus, (x) => Math.log1p(Math.exp(x)))),
  where: given([
    ...pairs.map(
      ([a, b]): Case => ({
        shapes: [a, a, b],
        domain: ["distinct", "any", "any"],
        build: (c, x, y) => where(greater(c!, 0), x!, y!),
        expected: elementwise((c, x, y) => (c! > 0 ? x! : y!)),
      }),
    ),
    {
      shapes: [["batch", 3], [3]],
      domain: "distinct",
      build: (c, x) => where(less(c!, 0), x!, -1),
      expected: elementwise((c, x) => (c! < 0 ? x! : -1)),
    },
  ]),
  greater: none(
    binary(
      greater,
      truth((a, b) => a > b),
      "whole",
    ),
  ),
  greaterOrEqual: none(
    binary(
      greaterOrEqual,
      truth((a, b) => a >= b),
      "whole",
    ),
  ),
  less: none(
    binary(
      less,
      truth((a, b) => a < b),
      "whole",
    ),
  ),
  lessOrEqual: none(
    binary(
      lessOrEqual,
      truth((a, b) => a <= b),
      "whole",
    ),
  ),
  equal: none(
    binary(
      equal,
      truth((a, b) => a === b),
      "whole",
    ),
  ),
  asFloat: none([
    ...unary(
      (x) => asFloat(greater(x, 0)),
      (x) => Number(x > 0),
      "whole",
    ),
    ...unary(
      (x) => mul(asFloat(x), 0.5),
      (x) => x / 2,
      "index",
    ),
  ]),
  asInt: none(unary(asInt, Math.trunc)),
  pow: given([
    ...unary(
      (x) => pow(x, 2.5),
      (x) => x ** 2.5,
      "positive",
    ),
    ...unary(
      (x) => pow(x, -3),
      (x) => x ** -3,
      "nonzero",
    ),
  ]),
  log1p: given([
    ...unary(log1p, Math.log1p, "positive"),
    ...unary(
      (x) => log1p(mul(x, -0.35)),
      (x) => Math.log1p(-0.35 * x),
      "positive",
    ),
  ]),
  expm1: given(unary(expm1, Math.expm1)),
  sin: given(unary(sin, Math.sin)),
  cos: given(unary(cos, Math.cos)),
  leakyRelu: given([
    ...unary(
      (x) => leakyRelu(x),
      (x) => Math.max(x, 0.01 * x),
      "distinct",
    ),
    ...unary(
      (x) => leakyRelu(x, 0.3),
      (x) => Math.max(x, 0.3 * x),
      "distinct",
    ),
  ]),
  erf: given(unary(erf, plainErf)),
  lgamma: given(positive(lgamma, plainLgamma)),
  digamma: given(positive(digamma, (x) => plainPolygamma(0, x))),
  polygamma: given([
    ...positive(
      (x) => polygamma(x, 1),
      (x) => plainPolygamma(1, x),
    ),
    ...positive(
      (x) => polygamma(x, 2),
      (x) => plainPolygamma(2, x),
    ),
  ]),
};

export const elementwiseComposed: Composed = {
  gelu: unary(gelu, (x) => (x * (1 + plainErf(x / Math.SQRT2))) / 2),
  "powers that are simpler functions": [-1, 0, 0.5, 1, 2].flatMap((exponent) =>
    unary(
      (x) => mul(pow(x, exponent), x),
      (x) => x ** exponent * x,
      "positive",
    ),
  ),
  silu: unary(silu, (x) => x / (1 + Math.exp(-x))),
  clip: unary(
    (x) => clip(x, -1, 1.5),
    (x) => Math.min(Math.max(x, -1), 1.5),
    "distinct",
  ),
  "an expansion that expressions see through": [
    {
      shapes: [[3], ["batch", 3]],
      build: (a, b) => mul(exp(expand(square(a!), b!)), b!),
      expected: elementwise((a, b) => Math.exp(a! * a!) * b!),
    },
    {
      shapes: [[], ["batch", 3]],
      build: (a, b) => sub(2, neg(add(expand(a!, b!), 1))),
      expected: elementwise((a) => 3 + a!),
    },
    {
      shapes: [[1], [2, 3]],
      build: (a, b) => div(b!, sub(expand(a!, b!), -3)),
      expected: elementwise((a, b) => b! / (a! + 3)),
    },
    {
      shapes: [[1], [2, 3]],
      build: (a, b) => neg(neg(mul(expand(a!, b!), expand(exp(a!), b!)))),
      expected: elementwise((a) => a! * Math.exp(a!)),
    },
  ],
};
