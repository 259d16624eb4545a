import type { Amount, CountValues, LoadedLikelihoodConfig } from "../config.likelihoods.ts";
import { betaBinomial } from "../distributions/beta-binomial.ts";
import { categorical } from "../distributions/categorical.ts";
import { continuousBernoulli } from "../distributions/continuous-bernoulli.ts";
import { onLevels } from "../distributions/counts.ts";
import { discretizedLogistic } from "../distributions/discretized-logistic.ts";
import { discretizedLogisticMixture, type MixtureParameters } from "../distributions/discretized-logistic-mixture.ts";
import type { Distribution } from "../distributions/distribution.ts";
import { laplace } from "../distributions/laplace.ts";
import { negativeBinomial } from "../distributions/negative-binomial.ts";
import { poisson } from "../distributions/poisson.ts";
import { studentT } from "../distributions/student-t.ts";
import { split } from "../graph/ops/join.ts";
import { reshape } from "../graph/ops/structure.ts";
import { labelled, type Tensor } from "../graph/tensor.ts";
import { freeNumber, logit, startingAt } from "./head.ts";
import type { DataStatistics, LikelihoodContext, LikelihoodPart, Support } from "./registry.ts";

/* The likelihoods whose code is loaded when a config names one. What there is to say of each: config.likelihoods.ts. */

type Kind = LoadedLikelihoodConfig["kind"];
type OptionsOf<K extends Kind> = Omit<Extract<LoadedLikelihoodConfig, { kind: K }>, "kind">;

/** A part whose options have the types that the config's schema gives them. */
interface Typed<K extends Kind> extends Pick<LikelihoodPart, "measure"> {
  readonly support: Support | ((options: OptionsOf<K>) => Support);
  build(context: LikelihoodContext, options: OptionsOf<K>): ReturnType<LikelihoodPart["build"]>;
}

const parts: { readonly [K in Kind]: Typed<K> } = {
  "continuous-bernoulli": {
    support: "unit",
    measure: "density",
    build(context) {
      const logits = headAt(context, "logits", (mean) => tilt(mean, (eta) => 1 / -Math.expm1(-eta) - 1 / eta));
      return (h, shape) => continuousBernoulli(logits(h, shape));
    },
  },
  laplace: {
    support: "real",
    measure: "density",
    build(context, { scale }) {
      const location = headAt(context, "location", (mean) => mean);
      const logScale = logScaleOf(context, scale, 2); // the variance is 2b²
      return (h, shape) => laplace(location(h, shape), logScale(h, shape));
    },
  },
  "student-t": {
    support: "real",
    measure: "density",
    build(context, { scale, degrees }) {
      const location = headAt(context, "location", (mean) => mean);
      const excess = typeof degrees === "number" ? degrees - 2 : startingExcess;
      const logScale = logScaleOf(context, scale, (2 + excess) / excess); // the variance is σ²·ν/(ν − 2)
      const logExcess = logarithm(context, "logExcess", typeof degrees === "number" ? excess : degrees, excess);
      return (h, shape) => studentT(location(h, shape), logScale(h, shape), logExcess(h, shape));
    },
  },
  "discretized-logistic": {
    support: "unit",
    measure: "probability",
    build(context, { scale, levels }) {
      const location = headAt(context, "location", (mean) => mean);
      const logScale = logScaleOf(context, scale, logisticVariance, narrowest(levels));
      return (h, shape) => discretizedLogistic(location(h, shape), logScale(h, shape), levels);
    },
  },
  "discretized-logistic-mixture": { support: "unit", measure: "probability", build: buildMixture },
  "beta-binomial": {
    support: ({ values, n }) => (values === "levels" ? "unit" : { whole: n }),
    measure: "probability",
    build(context, { n, concentration, values }) {
      const logits = headAt(context, "logits", (mean) => logit(mean / (values === "levels" ? 1 : n)));
      const logConcentration = logarithm(
        context,
        "logConcentration",
        concentration,
        startingConcentration(context.statistics, n, values),
      );
      return (h, shape) => inUnit(betaBinomial(logits(h, shape), logConcentration(h, shape), n), n, values);
    },
  },
  categorical: {
    support: ({ values, classes }) => (values === "levels" ? "unit" : { whole: classes - 1 }),
    measure: "probability",
    build({ scope, head, statistics }, { classes, values }) {
      const most = classes - 1;
      // The most even distribution of that mean has logits that rise evenly.
      const starts = statistics?.mean.map((mean) =>
        tilt(mean / (values === "levels" ? 1 : most), (slope) => geometricMean(slope / most, classes) / most),
      );
      const bias =
        starts &&
        Float32Array.from({ length: starts.length * classes }, (_, i) => {
          const slope = starts[Math.floor(i / classes)]!;
          return slope * ((i % classes) / most - 0.5);
        });
      const logits = head(scope.at("logits"), { values: classes, ...startingAt(bias) });
      return (h, shape) => inUnit(categorical(labelled(logits(h, shape), "logits of p(x|z)")), most, values);
    },
  },
  poisson: {
    support: countSupport,
    measure: "probability",
    build(context, { values }) {
      const logRate = headAt(context, "logRate", logCount(values));
      return (h, shape) => inUnit(poisson(logRate(h, shape), ...mostOf(values)), greyLevels, values);
    },
  },
  "negative-binomial": {
    support: countSupport,
    measure: "probability",
    build(context, { dispersion, values }) {
      const logMean = headAt(context, "logMean", logCount(values));
      const logDispersion = logarithm(
        context,
        "logDispersion",
        dispersion,
        startingDispersion(context.statistics, values),
      );
      return (h, shape) =>
        inUnit(negativeBinomial(logMean(h, shape), logDispersion(h, shape), ...mostOf(values)), greyLevels, values);
    },
  },
};

/** By kind, as the registry has them. */
export const loadedLikelihoods = parts as unknown as Readonly<Record<Kind, LikelihoodPart>>;

/** The parameter that says where an element lies; it starts at a number that is made of the element's mean. */
function headAt({ scope, head, statistics }: LikelihoodContext, name: string, start: (mean: number) => number) {
  const layer = head(scope.at(name), startingAt(statistics?.mean.map(start)));
  return (h: Tensor, shape: Distribution["shape"]): Tensor => labelled(layer(h, shape), `${name} of p(x|z)`);
}

/** The logarithm of a positive number. */
function logarithm(context: LikelihoodContext, name: string, how: Amount, start: number, lowest = 1e-4) {
  const given = typeof how === "number" ? Math.log(how) : how;
  return freeNumber(context, name, { how: given, start: Math.log(start), lowest: Math.log(lowest) });
}

/** A scale starts where the distribution has the data's variance, which is so many times the scale's square. */
function logScaleOf(context: LikelihoodContext, how: Amount, variance: number, lowest = lowestScale) {
  const start = Math.sqrt((context.statistics?.variance ?? 1) / variance);
  return logarithm(context, "logScale", how, Math.max(start, 2 * lowest), lowest);
}

/** As for the normal likelihood: a density on values between 0 and 1 stays finite. */
const lowestScale = Math.exp(-6);
/** ν = 5 at the start of a ν that is learned. */
const startingExcess = 3;
/** Of a logistic distribution of scale 1. */
const logisticVariance = Math.PI ** 2 / 3;
/** A tenth of a level: nearly all of its mass then lies on one. */
const narrowest = (levels: number): number => 0.1 / (levels - 1);

/** log p(x|z) of counts, or of levels between 0 and 1 that stand for them. */
const inUnit = (counts: Distribution, most: number, values: CountValues): Distribution =>
  values === "levels" ? onLevels(counts, most) : counts;

const greyLevels = 255;
const mostOf = (values: CountValues): [] | [most: number] => (values === "levels" ? [greyLevels] : []);

function countSupport({ values }: { readonly values: CountValues }): Support {
  return values === "levels" ? "unit" : { whole: Number.POSITIVE_INFINITY };
}

/** The mean of counts, held above 0: a count that was never there may yet be. */
const heldCount = (mean: number, values: CountValues): number =>
  Math.max(mean * (values === "levels" ? greyLevels : 1), 0.01);

const logCount =
  (values: CountValues) =>
  (mean: number): number =>
    Math.log(heldCount(mean, values));

/** φ of the data's mean and variance, σ² = μ + φ·μ², as one number for all elements. */
function startingDispersion(statistics: DataStatistics | undefined, values: CountValues): number {
  if (!statistics) return 1;
  const mean = statistics.mean.reduce((total, value) => total + heldCount(value, values), 0) / statistics.mean.length;
  const variance = statistics.variance * (values === "levels" ? greyLevels ** 2 : 1);
  return Math.min(Math.max((variance - mean) / mean ** 2, 0.01), 10);
}

/** c of the data's mean and variance: σ² = n·p·(1 − p)·(c + n)/(c + 1), as one number for all elements. */
function startingConcentration(statistics: DataStatistics | undefined, n: number, values: CountValues): number {
  if (!statistics) return 1;
  const unit = values === "levels" ? 1 : n;
  const spread = statistics.mean.reduce((total, mean) => total + (mean / unit) * (1 - mean / unit), 0);
  const ratio = ((statistics.variance / unit ** 2) * statistics.mean.length * n) / Math.max(spread, 1e-6); // (c + n)/(c + 1)
  return Math.min(Math.max((n - ratio) / Math.max(ratio - 1, 1e-6), 0.1), 100);
}

/**
 * Mixtures of logistics for each pixel: the last axis of an image with channels is that of channels that depend on each
 * other. One layer gives all numbers of a pixel. The components start around the data's mean, with its variance.
 */
function buildMixture(
  { scope, head, event, statistics }: LikelihoodContext,
  { components: k, levels }: OptionsOf<"discretized-logistic-mixture">,
): ReturnType<LikelihoodPart["build"]> {
  const channels = event.length === 3;
  const count = channels ? event[2]! : 1;
  const sizes = [1, count, count, (count * (count - 1)) / 2].filter((size) => size > 0).map((size) => size * k);
  const numbers = sizes.reduce((total, size) => total + size, 0);
  const logits = head(scope.at("mixture"), {
    values: numbers,
    joint: channels ? 1 : 0,
    ...startingAt(statistics && mixtureBias(statistics, k, count, numbers, levels)),
  });
  return (h, shape) => {
    const lead = channels ? shape.slice(0, -1) : shape;
    const raw = labelled(logits(h, shape), "mixtures of p(x|z)"); // (...lead, numbers)
    const axis = lead.length;
    const [weights, locations, logScales, coefficients] = split(raw, axis, sizes) as [Tensor, Tensor, Tensor, Tensor?];
    const byChannel = (x: Tensor, size = count) => reshape(x, [...lead, size, k]);
    const parameters: MixtureParameters = {
      logits: weights,
      locations: byChannel(locations),
      logScales: byChannel(logScales),
      ...(coefficients ? { coefficients: byChannel(coefficients, (count * (count - 1)) / 2) } : {}),
    };
    return discretizedLogisticMixture(parameters, { levels, channels });
  };
}

/** Half of the variance is between the components, the other half within them. */
function mixtureBias(
  { mean, variance }: DataStatistics,
  k: number,
  count: number,
  numbers: number,
  levels: number,
): Float32Array {
  const deviation = Math.sqrt(variance);
  const spread = k === 1 ? 0 : deviation * Math.sqrt((3 * (k - 1)) / (2 * (k + 1)));
  const within = k === 1 ? variance : variance / 2;
  const logScale = Math.log(Math.max(Math.sqrt(within / logisticVariance), 2 * narrowest(levels)));
  return Float32Array.from({ length: (mean.length / count) * numbers }, (_, i) => {
    const [pixel, number] = [Math.floor(i / numbers), i % numbers];
    const [group, component] = [Math.floor(number / k), number % k];
    if (group >= 1 && group <= count)
      return mean[pixel * count + group - 1]! + (k === 1 ? 0 : spread * ((2 * component) / (k - 1) - 1));
    return group > count && group <= 2 * count ? logScale : 0; // weights and coefficients start at 0
  });
}

/**
 * The η at which a mean between 0 and 1 that rises with η, and is ½ at 0, has a value; held within 0.01 and 0.99, where η
 * is not yet steep.
 */
function tilt(mean: number, meanAt: (eta: number) => number): number {
  const wanted = Math.min(Math.max(mean, 0.01), 0.99);
  let [low, high] = [-200, 200];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2 || 1e-9; // 0 is a removable singularity
    if (meanAt(middle) < wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Mean of 0…size − 1 with masses in proportion to e^(slope·k), for a slope that is not 0. */
function geometricMean(slope: number, size: number): number {
  if (slope > 0) return size - 1 - geometricMean(-slope, size);
  return 1 / Math.expm1(-slope) - size / Math.expm1(-slope * size);
}
