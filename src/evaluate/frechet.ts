import { ShapeError } from "../errors.ts";
import { type Points, squaredNorms, widthOf } from "./neighbours.ts";
import { columnMeans, covarianceOf, dot, jacobi, product } from "./symmetric.ts";

/**
 * The Fréchet distance between two sets of points, each taken as a normal distribution (Dowson & Landau 1982, eq. 4):
 * |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½). In features of a classifier of one's own this is no FID, which is of the features
 * of one network alone, and figures in features of different classifiers are not to be compared.
 * @throws ShapeError for sets of fewer than 2 points, or not of one space; NumericalError for points that are not finite
 */
export function frechetDistance(first: Points, second: Points): number {
  const width = widthOf(first);
  if (widthOf(second) !== width)
    throw new ShapeError(
      `frechetDistance: expected points of one space, got ${width} and ${widthOf(second)} numbers a point`,
    );
  const [a, b] = [momentsOf(first, width), momentsOf(second, width)];
  let distance = 0;
  for (let i = 0; i < width; i++)
    distance += (a.mean[i]! - b.mean[i]!) ** 2 + a.covariance[i * width + i]! + b.covariance[i * width + i]!;
  return Math.max(0, distance - 2 * traceOfRoot(a.covariance, b.covariance, width));
}

/** tr (Σ₁Σ₂)^½: with Σ₁ = VΛVᵀ, Σ₁Σ₂ has the eigenvalues of the symmetric Λ^½Vᵀ Σ₂ VΛ^½. */
function traceOfRoot(first: Float64Array, second: Float64Array, width: number): number {
  const { values, vectors } = jacobi(first, width);
  const roots = vectors.map((vector, i) => {
    const factor = Math.sqrt(Math.max(0, values[i]!));
    return vector.map((number) => number * factor);
  });
  const images = roots.map((root) => product(second, root)); // Σ₂VΛ^½, a column each
  const middle = new Float64Array(width * width);
  for (let i = 0; i < width; i++)
    for (let j = i; j < width; j++) middle[i * width + j] = middle[j * width + i] = dot(roots[i]!, images[j]!);
  return jacobi(middle, width).values.reduce((total, value) => total + Math.sqrt(Math.max(0, value)), 0);
}

/** Mean, and covariance (width, width) divided by count − 1. */
function momentsOf(points: Points, width: number) {
  const { values, count } = points;
  if (count < 2) throw new ShapeError(`frechetDistance: expected 2 points or more, got ${count}`);
  squaredNorms(points); // refuses what is not finite
  const mean = columnMeans(values, count, width);
  const unbiased = count / (count - 1);
  return { mean, covariance: covarianceOf(values, mean, count, width).map((value) => value * unbiased) };
}
