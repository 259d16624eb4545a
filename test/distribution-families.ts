import { bernoulli } from "../src/distributions/bernoulli.ts";
import { betaBinomial } from "../src/distributions/beta-binomial.ts";
import { categorical } from "../src/distributions/categorical.ts";
import { continuousBernoulli } from "../src/distributions/continuous-bernoulli.ts";
import { onLevels } from "../src/distributions/counts.ts";
import { discretizedLogistic } from "../src/distributions/discretized-logistic.ts";
import { discretizedLogisticMixture } from "../src/distributions/discretized-logistic-mixture.ts";
import type { Distribution } from "../src/distributions/distribution.ts";
import { laplace } from "../src/distributions/laplace.ts";
import { negativeBinomial } from "../src/distributions/negative-binomial.ts";
import { normal } from "../src/distributions/normal.ts";
import { poisson } from "../src/distributions/poisson.ts";
import { studentT } from "../src/distributions/student-t.ts";
import { stack } from "../src/graph/ops/join.ts";
import { reshape } from "../src/graph/ops/structure.ts";
import type { Tensor } from "../src/graph/tensor.ts";

/* The distributions whose laws src/distributions/distributions.test.ts checks: a new one is a new row. */

export interface Family {
  readonly name: string;
  readonly parameters: readonly string[];
  build(parameters: readonly Tensor[]): Distribution;
  /** Parameters that the laws are checked at; the range that random ones are taken from. */
  readonly at: readonly (readonly number[])[];
  readonly range: readonly (readonly [number, number])[];
  /** Points and weights with which a sum over the support is a sum, or an integral to the last digit. */
  support(parameters: readonly number[]): { readonly x: number[]; readonly weight: number[] };
  /** How far the mean may be from the support's, where it says so itself. Default: not at all. */
  readonly roughly?: number;
  /** How many samples are drawn where each takes memory for the whole support. Default: 40,000. */
  readonly draws?: number;
  /** How much less exact than the others the family is in float32, whose arguments are already rounded. Default: 1. */
  readonly loss32?: number;
  /** log p(x), or P(X ≤ x), computed elsewhere. */
  readonly references?: readonly {
    readonly q: readonly number[];
    readonly x: number;
    readonly logProb?: number;
    readonly cdf?: number;
  }[];
}

const counted = (size: number, scale = 1) => ({
  x: Array.from({ length: size }, (_, k) => k / scale),
  weight: Array.from({ length: size }, () => 1),
});

/** Both halves of the line, by double-exponential substitution (Takahasi & Mori 1974): tails and a kink at the centre. */
function line(centre: number, scale: number): { x: number[]; weight: number[] } {
  const step = 1 / 32;
  const half = Array.from({ length: 321 }, (_, i) => {
    const t = (i - 192) * step;
    const distance = Math.exp((Math.PI / 2) * Math.sinh(t));
    return { distance, weight: step * (Math.PI / 2) * Math.cosh(t) * distance };
  }).filter(({ distance }) => distance > 1e-15 && distance < 1e15);
  return {
    x: [1, -1].flatMap((side) => half.map(({ distance }) => centre + side * scale * distance)),
    weight: [1, -1].flatMap(() => half.map(({ weight }) => weight * scale)),
  };
}

/** [0, 1], by the tanh-sinh substitution. */
function unitInterval(): { x: number[]; weight: number[] } {
  const step = 1 / 32;
  const points = Array.from({ length: 225 }, (_, i) => (i - 112) * step);
  return {
    x: points.map((t) => 1 / (1 + Math.exp(-Math.PI * Math.sinh(t)))),
    weight: points.map((t) => (step * Math.PI * Math.cosh(t)) / (4 * Math.cosh((Math.PI / 2) * Math.sinh(t)) ** 2)),
  };
}

const levels = 16;

export const families: readonly Family[] = [
  {
    name: "normal",
    parameters: ["mean", "logvar"],
    build: ([mean, logvar]) => normal(mean!, logvar!),
    at: [
      [0, 0],
      [1.5, -2],
      [-3, 1.2],
    ],
    range: [
      [-10, 10],
      [-8, 8],
    ],
    // The trapezoidal rule converges faster than any power of the step on a function that dies away at both ends.
    support([mean, logvar]) {
      const deviation = Math.exp(logvar! / 2);
      const steps = Array.from({ length: 1001 }, (_, i) => (i - 500) / 40);
      return { x: steps.map((t) => mean! + t * deviation), weight: steps.map(() => deviation / 40) };
    },
  },
  {
    name: "bernoulli",
    parameters: ["logits"],
    build: ([logits]) => bernoulli(logits!),
    at: [[0], [1.7], [-3.5]],
    range: [[-12, 12]],
    support: () => counted(2),
  },
  {
    name: "continuous Bernoulli",
    parameters: ["logits"],
    build: ([logits]) => continuousBernoulli(logits!),
    at: [[0], [1e-9], [-1e-3], [0.99], [1], [-1.01], [6], [-30]],
    range: [[-40, 40]],
    support: unitInterval,
    references: [0, 1e-12, -1e-8, 3e-4, -0.02, 0.3, -0.9999999, 1, 1.0000001, 2, -17, 300].flatMap((eta) =>
      [0, 0.3, 1].map((x) => ({
        q: [eta],
        x,
        logProb: eta === 0 ? 0 : eta * x - Math.log(Math.expm1(eta) / eta),
      })),
    ),
  },
  {
    name: "Laplace",
    parameters: ["location", "logScale"],
    build: ([location, logScale]) => laplace(location!, logScale!),
    at: [
      [0, 0],
      [1.5, -2],
      [-3, 1.2],
    ],
    range: [
      [-10, 10],
      [-8, 8],
    ],
    support: ([location, logScale]) => line(location!, Math.exp(logScale!)),
    // scipy.stats.laplace.logpdf(0.7, loc=-1.2, scale=exp(0.4))
    references: [{ q: [-1.2, 0.4], x: 0.7, logProb: -2.36675526802766 }],
  },
  {
    name: "Student-t",
    parameters: ["location", "logScale", "logExcess"],
    build: ([location, logScale, logExcess]) => studentT(location!, logScale!, logExcess!),
    at: [
      [0, 0, 1.2],
      [1.5, -2, 1.8],
      [-3, 0.7, 5],
    ],
    range: [
      [-10, 10],
      [-8, 8],
      [-2, 8],
    ],
    support: ([location, logScale]) => line(location!, Math.exp(logScale!)),
    references: [
      // scipy.stats.t.logpdf(2.5, df=2+exp(0.8), loc=0.3, scale=exp(-0.5)), and (1e6, df=2+exp(-3), loc=0.3, …)
      { q: [0.3, -0.5, 0.8], x: 2.5, logProb: -4.172795909673763 },
      { q: [0.3, -0.5, -3], x: 1e6, logProb: -43.10174109739909 },
    ],
  },
  {
    name: "discretized logistic",
    parameters: ["location", "logScale"],
    build: ([location, logScale]) => discretizedLogistic(location!, logScale!, levels),
    at: [
      [0.5, -2],
      [0.11, -4.5],
      [-0.2, -1],
      [1.3, 0.5],
    ],
    range: [
      [-1, 2],
      [-6, 2],
    ],
    support: () => counted(levels, levels - 1),
    // scipy.stats.logistic, loc=0.4, scale=exp(-1.5): log(cdf(5.5/15) - cdf(4.5/15)), logcdf(0.5/15), logsf(14.5/15)
    references: [
      { q: [0.4, -1.5], x: 5 / 15, logProb: -2.618314422489188 },
      { q: [0.4, -1.5], x: 0, logProb: -1.8200451674010332 },
      { q: [0.4, -1.5], x: 1, logProb: -2.6155621715699704 },
      { q: [0.4, -1.5], x: 1, cdf: 1 },
    ],
  },
  {
    name: "mixture of discretized logistics",
    parameters: ["logit0", "logit1", "location0", "location1", "logScale0", "logScale1"],
    build(given) {
      const pair = (i: number) => stack([given[i]!, given[i + 1]!], given[i]!.shape.length);
      const [logits, locations, logScales] = [pair(0), pair(2), pair(4)];
      const shape = [...logits.shape.slice(0, -1), 1, 2];
      return discretizedLogisticMixture(
        { logits, locations: reshape(locations, shape), logScales: reshape(logScales, shape) },
        { levels },
      );
    },
    at: [
      [0, 0, 0.2, 0.7, -2, -3],
      [2, -1, 0.9, -0.3, -3, -1],
    ],
    range: [
      [-3, 3],
      [-3, 3],
      [-1, 2],
      [-1, 2],
      [-4, 2],
      [-4, 2],
    ],
    support: () => counted(levels, levels - 1),
    roughly: 0.5 / (levels - 1),
  },
  {
    name: "beta-binomial",
    parameters: ["logits", "logConcentration"],
    build: ([logits, logConcentration]) => betaBinomial(logits!, logConcentration!, 10),
    at: [
      [0, 0],
      [0.3, 5],
      [-2, -3],
      [1, 12],
    ],
    range: [
      [-5, 5],
      [-5, 10],
    ],
    support: () => counted(11),
    references: [
      // scipy.stats.betabinom.logpmf(7, 10, 1e-6+exp(5)/(1+exp(-0.3)), 1e-6+exp(5)/(1+exp(0.3))), and its cdf
      { q: [0.3, 5], x: 7, logProb: -1.665825798405379, cdf: 0.8623760074006392 },
    ],
  },
  {
    name: "beta-binomial of grey levels",
    parameters: ["logits", "logConcentration"],
    build: ([logits, logConcentration]) => onLevels(betaBinomial(logits!, logConcentration!, 255), 255),
    at: [
      [-1.5, 2],
      [2.5, 0.5],
      [0.1, 7],
    ],
    range: [
      [-5, 5],
      [-5, 10],
    ],
    support: () => counted(256, 255),
    draws: 4000,
    loss32: 10,
    // scipy.stats.betabinom.logpmf(17, 255, 1e-6+exp(2)/(1+exp(1.5)), 1e-6+exp(2)/(1+exp(-1.5)))
    references: [{ q: [-1.5, 2], x: 17 / 255, logProb: -4.269525419888566 }],
  },
  {
    name: "categorical",
    parameters: ["logit0", "logit1", "logit2"],
    build: (given) => categorical(stack(given, given[0]!.shape.length)),
    at: [
      [0, 0, 0],
      [1, -2, 0.5],
      [-9, 3, 4],
    ],
    range: [
      [-5, 5],
      [-5, 5],
      [-5, 5],
    ],
    support: () => counted(3),
    references: [{ q: [1, -2, 0.5], x: 1, logProb: -2 - Math.log(Math.exp(1) + Math.exp(-2) + Math.exp(0.5)) }],
  },
  {
    name: "Poisson",
    parameters: ["logRate"],
    build: ([logRate]) => poisson(logRate!, 400),
    at: [[0], [-4], [2.3], [5]],
    range: [[-8, 5]],
    support: () => counted(401),
    draws: 4000,
    loss32: 10,
    references: [
      // scipy.stats.poisson.logpmf(200, exp(5)), logpmf(0, exp(-3)), cdf(140, exp(5))
      { q: [5], x: 200, logProb: -11.645146294982027 },
      { q: [-3], x: 0, logProb: -Math.exp(-3) },
      { q: [5], x: 140, cdf: 0.26055381673996164 },
    ],
  },
  {
    name: "negative binomial",
    parameters: ["logMean", "logDispersion"],
    build: ([logMean, logDispersion]) => negativeBinomial(logMean!, logDispersion!, 600),
    at: [
      [0, 0],
      [2.2, 0.2],
      [3.5, -8],
      [-2, 0.5],
    ],
    range: [
      [-3, 2],
      [-8, 0.5],
    ],
    support: () => counted(601),
    draws: 4000,
    loss32: 20,
    references: [
      // r = 1/φ; scipy.stats.nbinom.logpmf(40, r, r/(r+μ)) with μ = exp(2.5), φ = exp(0.7), and its cdf; then 3.5 and -8
      { q: [2.5, 0.7], x: 40, logProb: -5.646306143923666, cdf: 0.9295307826253231 },
      { q: [3.5, -8], x: 40, logProb: -3.434900044747252 },
    ],
  },
];
