import { NumericalError, ShapeError, UsageError } from "../errors.ts";
import { matmul } from "../graph/ops/linear.ts";
import { input } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";

/* Distances between the points of two sets in float64, a block of them at a time, and what is made of them. */

/** Points of a space, such as features of images. */
export interface Points {
  /** (count, width) */
  readonly values: Float32Array | Float64Array;
  readonly count: number;
}

/** A set, and how far each of its points is from its k-th nearest neighbour in it, itself not counted. */
export interface Neighbourhoods {
  readonly points: Points;
  readonly k: number;
  /** (count): squared distances. */
  readonly squaredRadii: Float64Array;
}

/** Distances that are in memory at once: 8 MiB. */
const blockNumbers = 2 ** 20;

/**
 * Calls back with the squared Euclidean distances of point i of `a` to all points of `b`, for one i after the other. The
 * array is used again for the next.
 * @throws ShapeError for sets that are empty or not of one space; NumericalError for points that are not finite
 */
export async function eachDistances(
  backend: Backend,
  a: Points,
  b: Points,
  visit: (i: number, squared: Float64Array) => void,
): Promise<void> {
  const width = widthOf(a);
  if (widthOf(b) !== width)
    throw new ShapeError(`distances: expected points of one space, got ${width} and ${widthOf(b)} numbers a point`);
  const [normsA, normsB] = [squaredNorms(a), squaredNorms(b)];
  const rows = Math.max(1, Math.min(a.count, Math.floor(blockNumbers / b.count)));
  const product = matmul(input("a", ["batch", width]), input("b", [b.count, width]), { transposeB: true });
  const program = await compile(backend, { product }, { precision: "float64" }); // (rows, count of b)
  try {
    const block = new Float64Array(rows * width);
    const products = new Float64Array(rows * b.count);
    const run = program.bind(rows, { a: block, b: Float64Array.from(b.values) }, { product: products });
    for (let from = 0; from < a.count; from += rows) {
      const count = Math.min(rows, a.count - from);
      block.set(a.values.subarray(from * width, (from + count) * width));
      await run();
      for (let row = 0; row < count; row++) {
        const squared = products.subarray(row * b.count, (row + 1) * b.count);
        const norm = normsA[from + row]!;
        // |a − b|² = |a|² + |b|² − 2 a·b, which rounding may leave below 0
        for (let j = 0; j < squared.length; j++) squared[j] = Math.max(0, norm + normsB[j]! - 2 * squared[j]!);
        visit(from + row, squared);
      }
    }
  } finally {
    await program.release();
  }
}

/**
 * The distance of every point to its k-th nearest neighbour.
 * @throws UsageError when k is no positive integer below the number of points
 */
export async function neighbourhoods(backend: Backend, points: Points, k: number): Promise<Neighbourhoods> {
  if (!(Number.isSafeInteger(k) && k >= 1 && k < points.count))
    throw new UsageError(`k: expected an integer from 1 to ${points.count - 1}, below the number of points, got ${k}`);
  const squaredRadii = new Float64Array(points.count);
  const nearest = new Float64Array(k);
  await eachDistances(backend, points, points, (i, squared) => {
    squared[i] = Number.POSITIVE_INFINITY;
    squaredRadii[i] = smallest(squared, nearest);
  });
  return { points, k, squaredRadii };
}

/** The k-th smallest number. @param nearest k numbers of room, in which the k smallest come to lie in order */
function smallest(values: Float64Array, nearest: Float64Array): number {
  const last = nearest.length - 1;
  nearest.fill(Number.POSITIVE_INFINITY);
  for (let j = 0; j < values.length; j++) {
    const value = values[j]!;
    if (value >= nearest[last]!) continue;
    let place = last;
    for (; place > 0 && nearest[place - 1]! > value; place--) nearest[place] = nearest[place - 1]!;
    nearest[place] = value;
  }
  return nearest[last]!;
}

/** Numbers of a point. */
export function widthOf({ values, count }: Points): number {
  const width = values.length / count;
  if (Number.isInteger(width) && width > 0) return width;
  throw new ShapeError(`points: expected ${count} of one or more numbers each, got ${values.length} numbers`);
}

/** The squared length of every point. @throws NumericalError where one is not finite */
export function squaredNorms(points: Points): Float64Array {
  const width = widthOf(points);
  return Float64Array.from({ length: points.count }, (_, i) => {
    let total = 0;
    for (let j = i * width; j < (i + 1) * width; j++) total += points.values[j]! ** 2;
    if (Number.isFinite(total)) return total;
    throw new NumericalError(
      `points: point ${i} is not finite, or too far away to square; look for NaN in what it was made of`,
    );
  });
}
