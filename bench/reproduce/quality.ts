import { type Examples, take } from "../../src/data/dataset.ts";
import { meanAndError } from "../../src/evaluate/figures.ts";
import { neighbourhoods, type Points } from "../../src/evaluate/neighbours.ts";
import { expectedCoverage, type SampleQuality, sampleQuality } from "../../src/evaluate/sample-quality.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import type { MeasuredFigure } from "./experiment.ts";
import { fractionFigure } from "./figures.ts";

/* Density and coverage of generated images, and the errors of what they are held against each other by. */

/** k of Naeem et al. (2020), section 4. */
export const NEIGHBOURS = 5;

/** What density, coverage, precision and recall depend on besides the images: goes into the names of their figures. */
export function settingOf(real: number, generated: number): string {
  const count = (n: number) => n.toLocaleString("en-US");
  return `N = ${count(real)} real, M = ${count(generated)}, k = ${NEIGHBOURS}`;
}

/** The coverage that two sets of one distribution have on average. */
export function expectedFigure(split: string, real: number, generated: number): MeasuredFigure {
  const name = `sets of one distribution: expected ${split} coverage, ${settingOf(real, generated)}`;
  return fractionFigure(name, expectedCoverage(real, generated, NEIGHBOURS), null);
}

/** A figure and its standard error. */
export interface Measured {
  readonly value: number;
  readonly standardError: number;
}

/**
 * Real images of a split, of which generated ones are held against one half, and so is the other half, for what real
 * ones reach. By turns, since files are not always in random order: the first half of MNIST's test images is the easier.
 */
export function halves(examples: Examples): { readonly reference: Examples; readonly heldOut: Examples } {
  const everyOther = (from: number) =>
    take(
      examples,
      Uint32Array.from({ length: Math.floor((examples.count - from + 1) / 2) }, (_, i) => from + 2 * i),
    );
  return { reference: everyOther(0), heldOut: everyOther(1) };
}

/** Holds several sets of points against one reference. */
export async function qualities(
  backend: Backend,
  reference: Points,
  sets: readonly Points[],
): Promise<readonly SampleQuality[]> {
  const real = await neighbourhoods(backend, reference, NEIGHBOURS);
  const found: SampleQuality[] = [];
  for (const points of sets)
    found.push(await sampleQuality(backend, real, await neighbourhoods(backend, points, NEIGHBOURS)));
  return found;
}

/** What each image of the reference has of a figure whose mean over them it is. */
export type ByReference = keyof SampleQuality["byReference"];

/**
 * By how much the figure of one model is above that of another, each measured of several sets of samples. The error has
 * two parts, of which the first is of the images of the reference and the second of the draws.
 */
export function differenceOf(
  one: readonly SampleQuality[],
  other: readonly SampleQuality[],
  figure: ByReference,
): Measured {
  const draws = one.map((quality, i) => quality[figure] - other[i]![figure]);
  const byImage = one[0]!.byReference[figure].map(
    (_, image) =>
      one.reduce(
        (total, quality, i) => total + quality.byReference[figure][image]! - other[i]!.byReference[figure][image]!,
        0,
      ) / one.length,
  );
  const { mean, standardError: ofDraws } = meanAndError(draws);
  const { standardError: ofImages } = meanAndError(byImage);
  return { value: mean, standardError: Math.hypot(ofImages!, ofDraws ?? 0) };
}

/**
 * The 97.5 % quantile of Student's t: so many standard errors, each from `freedom` + 1 numbers, are to either side of a
 * mean in its 95 % interval.
 * @param freedom degrees of freedom, a positive integer
 */
export function tQuantile(freedom: number): number {
  let [low, high] = [0, Math.PI / 2];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (centralProbability(middle, freedom) < 0.95) low = middle;
    else high = middle;
  }
  return Math.sqrt(freedom) * Math.tan(low);
}

/** P(|t| < √freedom·tan angle): Abramowitz & Stegun, 26.7.3 and 26.7.4. */
function centralProbability(angle: number, freedom: number): number {
  const odd = freedom % 2;
  let term = odd ? Math.cos(angle) : 1;
  let total = freedom === 1 ? 0 : term;
  for (let i = 2 + odd; i < freedom; i += 2) {
    term *= ((i - 1) / i) * Math.cos(angle) ** 2;
    total += term;
  }
  const within = Math.sin(angle) * total;
  return odd ? (2 / Math.PI) * (angle + within) : within;
}
