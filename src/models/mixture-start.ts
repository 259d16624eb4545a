import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";

/** Where a mixture starts: centres (components, d), and the mean square distance of a row to the nearest, by column. */
export interface Start {
  readonly centres: Float64Array;
  readonly variance: number;
}

/**
 * Centres by k-means++ (Arthur & Vassilvitskii 2007): each is one of the rows, chosen with a probability in proportion to
 * the square of its distance to the nearest centre so far. Of 2 + log(components) rows so chosen the best is taken, the
 * one that leaves the least sum of these squares (section 7 there).
 * @param rows (n, d), at least as many as components
 */
export function spreadCentres(rows: Float64Array, d: number, components: number, seed: number): Start {
  const count = rows.length / d;
  const candidates = 2 + Math.floor(Math.log(components));
  const uniforms = drawn(1 + (components - 1) * candidates, seed);
  const centres = new Float64Array(components * d);
  const rowAt = (i: number) => rows.subarray(i * d, (i + 1) * d);
  const first = rowAt(Math.floor(uniforms[0]! * count));
  centres.set(first);
  let nearest = distances(rows, first, new Float64Array(count).fill(Number.POSITIVE_INFINITY));
  for (let k = 1; k < components; k++) {
    let best: { readonly row: number; readonly nearest: Float64Array; readonly total: number } | undefined;
    for (let candidate = 0; candidate < candidates; candidate++) {
      const row = inShare(nearest, uniforms[1 + (k - 1) * candidates + candidate]!);
      const after = distances(rows, rowAt(row), nearest);
      const total = sumOf(after);
      if (!best || total < best.total) best = { row, nearest: after, total };
    }
    centres.set(rowAt(best!.row), k * d);
    nearest = best!.nearest;
  }
  return { centres, variance: sumOf(nearest) / (count * d) };
}

/** Of each row, the square of its distance to a centre, or to the nearest one before if that is less. */
function distances(rows: Float64Array, centre: Float64Array, before: Float64Array): Float64Array {
  const d = centre.length;
  return before.map((least, i) => {
    let square = 0;
    for (let j = 0; j < d && square < least; j++) square += (rows[i * d + j]! - centre[j]!) ** 2;
    return Math.min(square, least);
  });
}

/** The row in whose share of the sum the number in [0, 1) lies; the last one where all shares are 0. */
function inShare(shares: Float64Array, uniform: number): number {
  let left = uniform * sumOf(shares);
  const row = shares.findIndex((share) => {
    left -= share;
    return left < 0;
  });
  return row < 0 ? shares.length - 1 : row;
}

const sumOf = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

function drawn(count: number, seed: number): Float32Array {
  const kernels = createKernels(4 * count + 192);
  const out = kernels.float32(count);
  kernels.uniforms(out, siteKey(seed, "sampler/mixture"), 0, kernels.uint32(1), count);
  return out.slice();
}
