import type { ModelScores } from "../../src/evaluate/evaluate.ts";
import { type Figure, meanAndError } from "../../src/evaluate/figures.ts";
import type { MeasuredFigure } from "./experiment.ts";

/* Figures as a record has them, of what an evaluation gives. */

/** "test −log p(x), 1,000 images, 5,000 samples" */
const nameOf = (what: string, examples: number, samples: number): string =>
  `${what}, ${count(examples, "image")}, ${count(samples, "sample")}`;

const count = (n: number, noun: string): string => `${n.toLocaleString("en-US")} ${noun}${n === 1 ? "" : "s"}`;

/** A figure with no bar of its own. */
export function measuredFigure(
  what: string,
  { mean, standardError, unit, examples, samples }: Omit<Figure, "measure" | "binarization">,
): MeasuredFigure {
  return { name: nameOf(what, examples, samples), value: mean, unit, standardError, bar: null, published: null };
}

/** A share of 1, or a figure that is 1 where all is as it should be. */
export function fractionFigure(name: string, value: number, standardError: number | null): MeasuredFigure {
  return { name, value, unit: "fraction", standardError, bar: null, published: null };
}

/** What a score of several examples is of. */
export type Score = "negElboNats" | "nllNats";

/** The mean of a score over the examples. */
export function meanFigure(what: string, scores: ModelScores, score: Score): MeasuredFigure {
  return figureOf(what, valuesOf(scores, score), scores, score);
}

/**
 * The mean over the examples of how much less `other` has of a score than `first`, with the error of that difference:
 * what the examples have in common goes out of it, so that it is far smaller than the error of either mean.
 * @throws RangeError for scores that are not of the same examples, drawn and measured alike
 */
export function pairedFigure(what: string, first: ModelScores, other: ModelScores, score: Score): MeasuredFigure {
  for (const key of ["data", "split", "given", "measure", "binarization", "seed", "samples"] as const)
    if (first[key] !== other[key])
      throw new RangeError(`${what}: expected scores with the same ${key}, got ${first[key]} and ${other[key]}`);
  if (first.index.length !== other.index.length || first.index.some((row, i) => row !== other.index[i]))
    throw new RangeError(`${what}: expected scores of the same examples`);
  const [from, less] = [valuesOf(first, score), valuesOf(other, score)];
  const difference = from.map((nats, i) => nats - less[i]!);
  return figureOf(what, difference, first, score);
}

function valuesOf(scores: ModelScores, score: Score): Float64Array {
  const values = scores[score];
  if (!values) throw new RangeError(`${score}: was not scored; ask for samples`);
  return values;
}

function figureOf(what: string, values: Float64Array, { samples = 1 }: ModelScores, score: Score): MeasuredFigure {
  const drawn = score === "nllNats" ? samples : 1;
  return measuredFigure(what, { ...meanAndError(values), unit: "nats", examples: values.length, samples: drawn });
}
