import {
  binary,
  count,
  optionOnly,
  type PartialModel,
  type Row,
  real,
  unit,
  units,
  withConv,
  withModel,
} from "./row.ts";

/* Rows of the table of models: every likelihood, with each of its options. */

const likelihoodRow = (
  name: string,
  likelihood: NonNullable<PartialModel["likelihood"]>,
  data: Float32Array,
  event?: readonly number[],
): Row => ({ name, config: withModel({ likelihood }), data, ...(event ? { event } : {}) });

const normal: readonly Row[] = [
  likelihoodRow("fixed variance", { kind: "normal", variance: "fixed" }, real),
  likelihoodRow("another fixed variance", { kind: "normal", variance: "fixed", standardDeviation: 0.4 }, real),
  likelihoodRow("global variance", { kind: "normal", variance: "global" }, real),
  likelihoodRow("learned variance", { kind: "normal", variance: "learned" }, real),
];

/** Likelihoods that are loaded when they are named. */
const loaded: readonly Row[] = [
  likelihoodRow("continuous Bernoulli", { kind: "continuous-bernoulli" }, unit),
  likelihoodRow("Laplace, fixed scale", { kind: "laplace", scale: 0.4 }, real),
  likelihoodRow("Laplace, global scale", { kind: "laplace" }, real),
  likelihoodRow("Laplace, learned scale", { kind: "laplace", scale: "learned" }, real),
  likelihoodRow("Student-t, fixed", { kind: "student-t", scale: 0.4, degrees: 4 }, real),
  likelihoodRow("Student-t, other degrees", { kind: "student-t", scale: 0.4, degrees: 9 }, real),
  likelihoodRow("Student-t, global scale", { kind: "student-t" }, real),
  likelihoodRow("Student-t, learned scale", { kind: "student-t", scale: "learned", degrees: "learned" }, real),
  likelihoodRow("discretized logistic", { kind: "discretized-logistic" }, unit),
  likelihoodRow("discretized logistic, other levels", { kind: "discretized-logistic", levels: 32 }, unit),
  likelihoodRow("discretized logistic, a scale each", { kind: "discretized-logistic", scale: "learned" }, unit),
  likelihoodRow("discretized logistic, fixed scale", { kind: "discretized-logistic", scale: 0.1 }, unit),
  likelihoodRow("mixture", { kind: "discretized-logistic-mixture", components: 3 }, unit),
  likelihoodRow("mixture, other components", { kind: "discretized-logistic-mixture", components: 1 }, unit),
  likelihoodRow("mixture, other levels", { kind: "discretized-logistic-mixture", components: 3, levels: 32 }, unit),
  likelihoodRow("mixture, colour", { kind: "discretized-logistic-mixture", components: 2 }, units(12), [2, 2, 3]),
  {
    name: "mixture, colour, conv",
    config: withConv([{ channels: 2, kernel: 2, stride: 2 }], {
      likelihood: { kind: "discretized-logistic-mixture", components: 2 },
    }),
    data: units(12),
    event: [2, 2, 3],
  },
  likelihoodRow("beta-binomial", { kind: "beta-binomial" }, unit),
  likelihoodRow("beta-binomial, counts", { kind: "beta-binomial", n: 9, values: "integers" }, count),
  likelihoodRow("beta-binomial, larger n", { kind: "beta-binomial", n: 12, values: "integers" }, count),
  likelihoodRow("beta-binomial, one concentration", { kind: "beta-binomial", concentration: "global" }, unit),
  likelihoodRow("beta-binomial, fixed concentration", { kind: "beta-binomial", concentration: 30 }, unit),
  likelihoodRow("categorical", { kind: "categorical", classes: 9, values: "integers" }, count),
  likelihoodRow("categorical, more classes", { kind: "categorical", classes: 10, values: "integers" }, count),
  likelihoodRow("categorical, levels", { kind: "categorical", classes: 4 }, unit),
  likelihoodRow("Poisson", { kind: "poisson" }, count),
  likelihoodRow("Poisson, levels", { kind: "poisson", values: "levels" }, unit),
  likelihoodRow("negative binomial", { kind: "negative-binomial" }, count),
  likelihoodRow("negative binomial, learned dispersions", { kind: "negative-binomial", dispersion: "learned" }, count),
  likelihoodRow("negative binomial, fixed dispersion", { kind: "negative-binomial", dispersion: 0.5 }, count),
  likelihoodRow("negative binomial, levels", { kind: "negative-binomial", values: "levels" }, unit),
];

/** The same numbers mean other things as whole numbers and as levels. */
const options: readonly Row[] = (["integers", "levels"] as const)
  .flatMap((values) => [
    likelihoodRow(`beta-binomial, bits as ${values}`, { kind: "beta-binomial", n: 9, values }, binary),
    likelihoodRow(`categorical, bits as ${values}`, { kind: "categorical", classes: 9, values }, binary),
    likelihoodRow(`Poisson, bits as ${values}`, { kind: "poisson", values }, binary),
    likelihoodRow(`negative binomial, bits as ${values}`, { kind: "negative-binomial", values }, binary),
  ])
  .map(optionOnly);

export const likelihoods: readonly Row[] = [...normal, ...loaded, ...options];
