import { describe, expect, test } from "vitest";
import { evaluate, furthest } from "../../test/numeric.ts";
import { ShapeError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { sub } from "../graph/ops/arithmetic.ts";
import { exp } from "../graph/ops/functions.ts";
import { lgamma } from "../graph/ops/special.ts";
import { sum } from "../graph/ops/structure.ts";
import { constant, input } from "../graph/tensor.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { bernoulli } from "./bernoulli.ts";
import { discretizedLogistic } from "./discretized-logistic.ts";
import { discretizedLogisticMixture, type MixtureParameters } from "./discretized-logistic-mixture.ts";
import { eventLogProb } from "./distribution.ts";
import { normal } from "./normal.ts";
import { stirlingError } from "./stirling.ts";

/* Distributions whose elements depend on each other, and sums over events. */

const levels = 5;
const [channels, components] = [3, 2];
const top = levels - 1;

/** All pixels that there are. */
const pixels = Array.from({ length: levels ** channels }, (_, i) =>
  [levels ** 2, levels, 1].map((place) => (Math.floor(i / place) % levels) / top),
);

/** Parameters of one pixel, the same for all rows. */
const values = {
  logits: [0.4, -0.3],
  locations: [0.3, 0.8, 0.55, 0.2, 0.5, 0.6],
  logScales: [-2, -1.2, -2.5, -1.5, -1, -2],
  coefficients: [0.9, -0.4, 0.7, 1.5, -1, 0.2],
};
const parameters: MixtureParameters = {
  logits: constant(values.logits, [1, components]),
  locations: constant(values.locations, [1, channels, components]),
  logScales: constant(values.logScales, [1, channels, components]),
  coefficients: constant(values.coefficients, [1, (channels * (channels - 1)) / 2, components]),
};
const mixture = discretizedLogisticMixture(parameters, { levels, channels: true });

/** PixelCNN++'s formulas, read literally: p(x) = Σ π Π (σ(upper) − σ(lower)). */
function literally(pixel: readonly number[]): number {
  const weights = values.logits.map(Math.exp);
  const total = weights.reduce((a, b) => a + b);
  const logistic = (t: number) => 1 / (1 + Math.exp(-t));
  return weights.reduce((sum, weight, k) => {
    const at = (list: readonly number[], i: number) => list[i * components + k]!;
    const coefficient = (i: number) => Math.tanh(at(values.coefficients, i));
    const locations = [
      at(values.locations, 0),
      at(values.locations, 1) + coefficient(0) * (pixel[0]! - 0.5),
      at(values.locations, 2) + coefficient(1) * (pixel[0]! - 0.5) + coefficient(2) * (pixel[1]! - 0.5),
    ];
    const masses = pixel.map((x, i) => {
      const scale = Math.exp(at(values.logScales, i));
      const [upper, lower] = [1, -1].map((side) => logistic((x + side / (2 * top) - locations[i]!) / scale));
      return (x === 1 ? 1 : upper!) - (x === 0 ? 0 : lower!);
    });
    return sum + (weight / total) * masses.reduce((a, b) => a * b);
  }, 0);
}

describe("mixture of discretized logistics with conditioned channels", () => {
  const x = input("x", ["batch", channels]);
  const feeds = { x: pixels.flat() };

  test("log-probabilities are those of the formulas, and masses add up to 1", async () => {
    const { logProb } = await evaluate({ logProb: mixture.logProb(x) }, feeds);
    expect(mixture.logProb(x).shape).toEqual(["batch"]);
    expect(
      furthest(
        logProb!,
        pixels.map((pixel) => Math.log(literally(pixel))),
      ),
    ).toBeLessThan(1e-12);
    expect(logProb!.reduce((total, value) => total + Math.exp(value), 0)).toBeCloseTo(1, 12);
  });

  test("the cdf of each channel is that given the channels before", async () => {
    const { cdf } = await evaluate({ cdf: mixture.cdf(x) }, feeds);
    const masses = pixels.map(literally);
    const of = (agrees: (other: readonly number[]) => boolean) =>
      pixels.reduce((total, other, i) => total + (agrees(other) ? masses[i]! : 0), 0);
    const expected = pixels.flatMap((pixel) =>
      pixel.map((value, c) => {
        const before = (other: readonly number[]) => other.slice(0, c).every((v, i) => v === pixel[i]);
        return of((other) => before(other) && other[c]! <= value) / of(before);
      }),
    );
    expect(furthest(cdf!, expected)).toBeLessThan(1e-12);
  });

  test("samples come as often as their masses say, within five standard errors", async () => {
    const count = 40_000;
    const kernels = createKernels(4 * count * channels * 2 + 128);
    const noise = kernels.float32(count * channels * 2);
    kernels.uniforms(noise, siteKey(1, "joint"), 0, kernels.uint32(1), noise.length);
    const { sample } = await evaluate({ sample: mixture.sample(input("noise", ["batch", channels, 2])) }, { noise });
    const found = new Map<string, number>();
    for (let i = 0; i < count; i++) {
      const key = sample!
        .slice(i * channels, (i + 1) * channels)
        .map((v) => Math.round(v * top))
        .join();
      found.set(key, (found.get(key) ?? 0) + 1);
    }
    for (const pixel of pixels) {
      const mass = literally(pixel);
      const often = (found.get(pixel.map((v) => Math.round(v * top)).join()) ?? 0) / count;
      expect(Math.abs(often - mass), pixel.join()).toBeLessThan(5 * Math.sqrt((mass * (1 - mass)) / count) + 1e-6);
    }
  });

  test("mean and variance are near those of the masses, and exact for the first channel's variance", async () => {
    const run = await evaluate({ mean: mixture.mean, variance: mixture.variance });
    const masses = pixels.map(literally);
    const expectation = (f: (pixel: readonly number[]) => number) =>
      pixels.reduce((total, pixel, i) => total + masses[i]! * f(pixel), 0);
    for (let c = 0; c < channels; c++) {
      const mean = expectation((pixel) => pixel[c]!);
      const variance = expectation((pixel) => (pixel[c]! - mean) ** 2);
      expect(Math.abs(run.mean![c]! - mean)).toBeLessThan(0.25 / top);
      expect(Math.abs(run.variance![c]! - variance) / variance).toBeLessThan(c === 0 ? 1e-12 : 0.25);
    }
  });

  test("where nothing is cut off at 0 or 1, mean and variance are those of the masses", async () => {
    const fine = 256;
    const shape = [1, 2, 1];
    const narrow = discretizedLogisticMixture(
      {
        logits: constant([0], [1, 1]),
        locations: constant([0.45, 0.55], shape),
        logScales: constant([-4.5, -5], shape),
        coefficients: constant([0.8], [1, 1, 1]),
      },
      { levels: fine, channels: true },
    );
    const all = Array.from({ length: fine ** 2 }, (_, i) => [Math.floor(i / fine) / 255, (i % fine) / 255]);
    const run = await evaluate(
      { logProb: narrow.logProb(input("x", ["batch", 2])), mean: narrow.mean, variance: narrow.variance },
      { x: all.flat() },
    );
    for (const c of [0, 1]) {
      const mean = all.reduce((total, pixel, i) => total + Math.exp(run.logProb![i]!) * pixel[c]!, 0);
      const variance = all.reduce((total, pixel, i) => total + Math.exp(run.logProb![i]!) * (pixel[c]! - mean) ** 2, 0);
      expect(run.mean![c]).toBeCloseTo(mean, 6);
      expect(run.variance![c]! / variance).toBeCloseTo(1, 2); // green's rounding adds a twelfth of a level squared
    }
  });

  test("float32 is near float64, and one component of one channel is the plain distribution", async () => {
    const near = await evaluate({ logProb: mixture.logProb(x) }, feeds, "float32");
    expect(
      furthest(
        near.logProb!,
        pixels.map((pixel) => Math.log(literally(pixel))),
      ),
    ).toBeLessThan(1e-5);
    const one = discretizedLogisticMixture({
      logits: constant([3], [1, 1]),
      locations: constant([0.3], [1, 1, 1]),
      logScales: constant([-3], [1, 1, 1]),
    });
    const plain = discretizedLogistic(constant([0.3]), constant([-3]));
    const at = constant([0.37]);
    const run = await evaluate({ one: one.logProb(at), plain: plain.logProb(at), a: one.mean, b: plain.mean });
    expect(furthest(run.one!, run.plain!)).toBeLessThan(1e-13);
    expect(furthest(run.a!, run.b!)).toBeLessThan(1e-5);
  });

  test("channels for an event that has none are refused", () => {
    expect(() => discretizedLogisticMixture(parameters, { levels })).toThrow(ShapeError);
  });
});

describe("sums over the event", () => {
  const x = input("x", ["batch", 2, channels]);
  const rows = { x: [0, 0.25, 1, 0.5, 0.75, 0, 1, 1, 0.5, 0.25, 0, 0.75] };
  const first = [0, 1, 2, 3].map((i) => Math.log(literally(rows.x.slice(3 * i, 3 * i + 3))));

  test("a log-probability of a group counts once", async () => {
    const run = await evaluate({ event: eventLogProb(mixture, x, 2) }, rows);
    expect(furthest(run.event!, [first[0]! + first[1]!, first[2]! + first[3]!])).toBeLessThan(1e-12);
  });

  test("a group of which an element is missing does not count", async () => {
    const mask = input("mask", ["batch", 2, channels]);
    const run = await evaluate(
      { event: eventLogProb(mixture, x, 2, mask) },
      { ...rows, mask: [1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1] },
    );
    expect(furthest(run.event!, [first[0]!, first[2]! + first[3]!])).toBeLessThan(1e-12);
  });

  test("elements alone are masked one by one", async () => {
    const q = normal(constant([0, 1, 2]), constant([0]));
    const [logProb, mask] = [q.logProb(constant([0, 0, 0])), constant([1, 0, 1])];
    const run = await evaluate({ event: eventLogProb(q, constant([0, 0, 0]), 1, mask), logProb });
    expect(run.event![0]).toBeCloseTo(run.logProb![0]! + run.logProb![2]!, 12);
    const b = bernoulli(constant([0.3, -1]));
    const sums = await evaluate({ a: eventLogProb(b, constant([1, 0]), 1), b: sum(b.logProb(constant([1, 0]))) });
    expect(furthest(sums.a!, sums.b!)).toBeLessThan(1e-12);
  });

  test("an event of fewer axes than a group is refused", () => {
    expect(() => eventLogProb(mixture, constant([0, 0, 0]), 0)).toThrow(
      /a log-probability is for 1 axes, and the event has 0/,
    );
  });
});

test("what Stirling's formula leaves of log Γ, with its derivative", async () => {
  const z = input("z", ["batch"]);
  const at = [1e-12, 1e-3, 0.4, 1, 2.5, 7.999, 8, 8.001, 40, 1e4, 1e9];
  const error = stirlingError(z);
  const outputs = {
    error,
    derivative: grad(sum(error), [z])[0]!,
    gamma: lgamma(z),
    slope: grad(sum(lgamma(z)), [z])[0]!,
  };
  const run = await evaluate(outputs, { z: at });
  const half = Math.log(2 * Math.PI) / 2;
  for (const [i, value] of at.entries()) {
    const main = (value - 0.5) * Math.log(value) - value + half;
    expect(Math.abs(run.error![i]! - (run.gamma![i]! - main))).toBeLessThan(1e-12 * (1 + Math.abs(main)));
    const slope = Math.log(value) - 0.5 / value;
    expect(Math.abs(run.derivative![i]! - (run.slope![i]! - slope))).toBeLessThan(1e-12 * (1 + Math.abs(0.5 / value)));
  }
  const near = await evaluate({ error, all: exp(sub(0, error)) }, { z: at.map(Math.fround) }, "float32");
  expect(furthest(near.error!, run.error!)).toBeLessThan(2e-6);
});
