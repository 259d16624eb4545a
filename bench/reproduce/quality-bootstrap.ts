import { meanAndError } from "../../src/evaluate/figures.ts";
import { eachDistances, type Neighbourhoods, type Points } from "../../src/evaluate/neighbours.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { type Key, philox4x32, siteKey } from "../../src/runtime/philox.ts";
import type { Measured } from "./quality.ts";

/* How well generated images cover real ones, over how well others of the real ones do, and the error of that. */

/** Which points of a set lie in the neighbourhood of each image of a reference. */
export interface Hits {
  /** Points of the set. */
  readonly count: number;
  readonly byReference: readonly Uint32Array[];
}

/** Several sets of generated images, and one of real ones, against one reference. */
export interface Covered {
  readonly generated: readonly Hits[];
  readonly heldOut: Hits;
}

export async function hitsOf(backend: Backend, { points, squaredRadii }: Neighbourhoods, set: Points): Promise<Hits> {
  const byReference: Uint32Array[] = [];
  await eachDistances(backend, points, set, (i, squared) => {
    const inside: number[] = [];
    for (let j = 0; j < squared.length; j++) if (squared[j]! < squaredRadii[i]!) inside.push(j);
    byReference.push(Uint32Array.from(inside));
  });
  return { count: set.count, byReference };
}

/** The share of the reference with a point of the set in its neighbourhood: see SampleQuality. */
export const coverageOf = ({ byReference }: Hits): number =>
  byReference.filter((inside) => inside.length > 0).length / byReference.length;

export const meanCoverage = (sets: readonly Hits[]): number => meanAndError(sets.map(coverageOf)).mean;

const DRAWS = 400;

/**
 * The coverage of generated images over that of held-out ones in each of several classes, and the least of these, with
 * errors by the bootstrap: the images of the reference, the held-out ones and those of each generated set are all drawn
 * anew. So the error of the least one is that of a minimum, and not of the class that happens to have it. Radii stay as
 * they are, since an image that is drawn twice would be its own neighbour. Since only some 63 % of a set's points are in a
 * draw of it, errors are rather too large than too small, the more so the closer a coverage is to 1: of normal points 1.3
 * times at a ratio of 0.67, and twice at one of 1.
 */
export function coverageRatios(
  classes: readonly Covered[],
  seed = 0,
): { readonly ratios: readonly Measured[]; readonly least: Measured & { readonly index: number } } {
  const values = classes.map(({ generated, heldOut }) => meanCoverage(generated) / coverageOf(heldOut));
  const drawn = Array.from({ length: DRAWS }, (_, draw) =>
    classes.map((covered, index) => drawnRatio(covered, drawing(siteKey(seed, "bootstrap"), draw, index))),
  );
  const errorOf = (of: (ratios: readonly number[]) => number) =>
    meanAndError(drawn.map(of)).standardError! * Math.sqrt(DRAWS); // the deviation of the draws
  const least = Math.min(...values);
  return {
    ratios: values.map((value, i) => ({ value, standardError: errorOf((ratios) => ratios[i]!) })),
    least: {
      ...{ value: least, index: values.indexOf(least) },
      standardError: errorOf((ratios) => Math.min(...ratios)),
    },
  };
}

function drawnRatio({ generated, heldOut }: Covered, draw: (n: number) => Uint32Array): number {
  const reference = draw(heldOut.byReference.length);
  const coverage = ({ count, byReference }: Hits) => {
    const times = draw(count);
    const covers = byReference.map((inside) => inside.some((point) => times[point]! > 0));
    return reference.reduce((total, often, i) => total + (covers[i] ? often : 0), 0) / reference.length;
  };
  return meanAndError(generated.map(coverage)).mean / coverage(heldOut);
}

/** Draws n of n with replacement, and says how often each was drawn. */
function drawing(key: Key, draw: number, index: number): (n: number) => Uint32Array {
  let block = 0;
  return (n) => {
    const times = new Uint32Array(n);
    let words: readonly number[] = [];
    for (let i = 0; i < n; i++) {
      if (i % 4 === 0) words = philox4x32([block++, index, 0, draw], key);
      times[Math.floor((words[i % 4]! / 2 ** 32) * n)]!++;
    }
    return times;
  };
}
