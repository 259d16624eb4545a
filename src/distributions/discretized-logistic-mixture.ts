import { softplus } from "../graph/ops/activation.ts";
import { add, clip, div, mul, neg, square, sub } from "../graph/ops/arithmetic.ts";
import { cumulativeSum, logSoftmax, softmax } from "../graph/ops/axis.ts";
import { asFloat, lessOrEqual } from "../graph/ops/comparison.ts";
import { exp, tanh } from "../graph/ops/functions.ts";
import { slice, stack } from "../graph/ops/join.ts";
import { logsumexp } from "../graph/ops/reduce.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { shapeError, type Tensor } from "../graph/tensor.ts";
import { column } from "./counts.ts";
import {
  type Logistic,
  levelOf,
  logisticCdf,
  logisticLogMass,
  logisticMoments,
  logisticSample,
} from "./discretized-logistic.ts";
import type { Distribution } from "./distribution.ts";
import { heldLogScale } from "./laplace.ts";

/** Parameters of a mixture of K logistics. `pixels` are the axes before the channels, the batch among them. */
export interface MixtureParameters {
  /** (...pixels, K): of the components, which all channels of a pixel share. */
  readonly logits: Tensor;
  /** (...pixels, C, K), between 0 and 1 and beyond. */
  readonly locations: Tensor;
  readonly logScales: Tensor;
  /**
   * (...pixels, C·(C − 1)/2, K), before tanh: how the location of channel i moves with the value of channel j < i, row
   * after row, from ½ on. None for one channel.
   */
  readonly coefficients?: Tensor | undefined;
}

/**
 * Mixtures of discretized logistics with conditioned channels (Salimans et al. 2017, section 2.1 and 2.2): within a
 * component the location of green moves with red, that of blue with both. One log-probability is of a whole pixel.
 * @param channels whether the last axis of the event is C channels; without, each element is a pixel of one, and the
 * event's shape is that of the pixels
 */
export function discretizedLogisticMixture(
  parameters: MixtureParameters,
  { levels = 256, channels = false }: { readonly levels?: number; readonly channels?: boolean } = {},
): Distribution & Required<Pick<Distribution, "cdf">> {
  const { logits, locations, logScales, coefficients } = parameters;
  const pixels = logits.shape.slice(0, -1);
  const axis = pixels.length; // of the channels, in data and in parameters
  const count = locations.shape[axis] as number;
  if (!channels && count !== 1)
    throw shapeError("discretizedLogisticMixture", `${count} channels, and the event has none`, [locations]);
  const own = (i: number): Logistic => ({
    location: at(locations, axis, i),
    logScale: at(logScales, axis, i),
    levels,
  });
  const coupling = (i: number, j: number): Tensor => tanh(at(coefficients!, axis, (i * (i - 1)) / 2 + j));
  /** Channel i's logistics given values of those before, each (...pixels, 1 or K). */
  const given = (i: number, before: readonly Tensor[]): Logistic => ({
    ...own(i),
    location: before.reduce((location, x, j) => add(location, mul(coupling(i, j), sub(x, 0.5))), own(i).location),
  });
  const joined = (values: readonly Tensor[]): Tensor => (channels ? stack(values, axis) : values[0]!);

  /** For each channel, its logistics and the level of its value. */
  const along = (x: Tensor) => {
    const before: Tensor[] = [];
    return Array.from({ length: count }, (_, i) => {
      const lead = x.shape.length - (channels ? 1 : 0);
      const value = channels ? slice(x, lead, i, i + 1) : column(x); // (...pixels, 1)
      const level = levelOf(value, levels);
      const logistic = given(i, before);
      before.push(div(level, levels - 1));
      return { logistic, level };
    });
  };
  const weights = softmax(logits, -1);

  return {
    kind: "discretized-logistic-mixture",
    shape: channels ? [...pixels, count] : pixels,
    parameters: { logits, locations, logScales, ...(coefficients ? { coefficients } : {}) },
    ...momentsOf({ weights, own, coupling, count, joined }),
    noise: "uniform",
    noiseWidth: 2,
    joint: channels ? 1 : 0,
    logProb(x) {
      const masses = along(x).map(({ logistic, level }) => logisticLogMass(logistic, level));
      return logsumexp(
        masses.reduce((total, mass) => add(total, mass), logSoftmax(logits, -1)),
        [-1],
      );
    },
    // The first draw of each element is for its level, the second of a pixel's first element for the component.
    sample(noise) {
      const first = channels ? at(noise, noise.shape.length - 2, 0) : noise;
      const chosen = oneOf(weights, slice(first, first.shape.length - 1, 1, 2)); // (...pixels, K)
      const pick = (x: Tensor) => sum(mul(x, chosen), [-1], true);
      const values: Tensor[] = [];
      for (let i = 0; i < count; i++) {
        const { location, logScale } = given(i, values);
        const draw = channels ? at(noise, noise.shape.length - 2, i) : noise;
        const uniform = slice(draw, draw.shape.length - 1, 0, 1);
        values.push(logisticSample({ location: pick(location), logScale: pick(logScale), levels }, uniform));
      }
      return joined(values.map((value) => sum(value, [-1])));
    },
    // What is known of the component after the channels before: its weight times their masses.
    cdf(x) {
      let logWeights = logSoftmax(logits, -1);
      const parts = along(x).map(({ logistic, level }) => {
        const part = sum(mul(softmax(logWeights, -1), logisticCdf(logistic, level)), [-1]);
        logWeights = add(logWeights, logisticLogMass(logistic, level));
        return part;
      });
      return joined(parts);
    },
  };
}

/** Index i of an axis, which goes. */
const at = (x: Tensor, axis: number, i: number): Tensor =>
  reshape(slice(x, axis, i, i + 1), x.shape.toSpliced(axis, 1));

/** 1 at the component that a uniform draw (..., 1) falls to, else 0. */
function oneOf(weights: Tensor, u: Tensor): Tensor {
  const held = clip(u, 0, 1 - 2 ** -20); // weights add up to 1 but for rounding
  const from = asFloat(lessOrEqual(cumulativeSum(weights, -1, { exclusive: true }), held));
  return sub(from, asFloat(lessOrEqual(cumulativeSum(weights, -1), held)));
}

interface MixtureParts {
  readonly weights: Tensor;
  own(i: number): Logistic;
  coupling(i: number, j: number): Tensor;
  readonly count: number;
  joined(values: readonly Tensor[]): Tensor;
}

/**
 * Of each channel. Channels after the first are taken at the means of those before within a component, which is exact
 * where the location's way is not cut off at 0 or 1. The mean is that of values that are held to 0…1 and not rounded,
 * E = s·(log(1 + e^(m/s)) − log(1 + e^((m − 1)/s))), which differs by a small part of a level unless the scale is less
 * than half a level; the variance is that of the levels.
 */
function momentsOf({ weights, own, coupling, count, joined }: MixtureParts): { mean: Tensor; variance: Tensor } {
  const mixed = (values: Tensor): Tensor => sum(mul(weights, values), [-1]);
  const moments = (meanOf: (logistic: Logistic) => Tensor): { logistic: Logistic; mean: Tensor }[] => {
    const found: { logistic: Logistic; mean: Tensor }[] = [];
    for (let i = 0; i < count; i++) {
      const base = own(i);
      const location = found.reduce(
        (total, { mean }, j) => add(total, mul(coupling(i, j), sub(mean, 0.5))),
        base.location,
      );
      const logistic = { ...base, location };
      found.push({ logistic, mean: meanOf(logistic) });
    }
    return found;
  };
  const exact = moments((logistic) => logisticMoments(logistic).mean);
  const covariances: Tensor[][] = []; // of channels i and j ≤ i, within a component
  for (const [i, { logistic }] of exact.entries()) {
    const row = Array.from({ length: i }, (_, j) =>
      Array.from({ length: i }, (_, l) =>
        mul(coupling(i, l), l < j ? covariances[j]![l]! : covariances[l]![j]!),
      ).reduce((a, b) => add(a, b)),
    );
    const passed = row.map((covariance, j) => mul(coupling(i, j), covariance));
    covariances.push([...row, passed.reduce((a, b) => add(a, b), logisticMoments(logistic).variance)]);
  }
  return {
    mean: joined(moments(heldMean).map(({ mean }) => mixed(mean))),
    variance: joined(
      exact.map(({ mean }, i) => mixed(add(covariances[i]![i]!, square(sub(mean, column(mixed(mean))))))),
    ),
  };
}

/** Mean of a logistic that is held to 0…1. */
function heldMean({ location, logScale }: Logistic): Tensor {
  const scale = exp(heldLogScale(logScale));
  const inverse = exp(neg(heldLogScale(logScale)));
  const [low, high] = [mul(location, inverse), mul(sub(location, 1), inverse)];
  return clip(mul(scale, sub(softplus(low), softplus(high))), 0, 1);
}
