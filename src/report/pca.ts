// biome-ignore-all lint/style/noNonNullAssertion: loops over lengths that principalPlane has checked
import { NumericalError, ShapeError } from "../errors.ts";
import { columnMeans, covarianceOf, dot, jacobi, product } from "../evaluate/symmetric.ts";

export interface Plane {
  /** (rows, 2): each row's place along the first and the second principal component, the mean at the origin. */
  readonly points: Float32Array;
  /** Share of the total variance along each of the two, in 0..1; both 0 when nothing varies. */
  readonly explained: readonly [number, number];
}

/** Vectors iterated together. More than two, so that convergence rests on the gap after the twelfth eigenvalue. */
const BLOCK = 12;
const MAX_ITERATIONS = 500;
const TOLERANCE = 1e-10;

/**
 * The first two principal components of values (rows, dimensions), by subspace iteration on the covariance with
 * Rayleigh-Ritz (Golub & Van Loan, Matrix Computations, 8.2). The same values give the same points: the start is fixed,
 * and each component's loading of greatest magnitude is positive. With one dimension the second component is 0.
 */
export function principalPlane(values: Float32Array, dimensions: number): Plane {
  const rows = values.length / dimensions;
  if (!Number.isInteger(dimensions) || dimensions < 1 || !Number.isInteger(rows) || rows < 1) {
    throw new ShapeError(`principalPlane: expected (rows, ${dimensions}) values, got ${values.length} values`);
  }
  const mean = columnMeans(values, rows, dimensions);
  const covariance = covarianceOf(values, mean, rows, dimensions);
  let total = 0;
  for (let i = 0; i < dimensions; i++) total += covariance[i * dimensions + i] ?? 0;
  if (!Number.isFinite(total)) {
    throw new NumericalError("principalPlane: expected finite values, got NaN or infinity among them");
  }
  const [first, second] = leadingEigenvectors(covariance, dimensions);
  const points = new Float32Array(rows * 2);
  for (let row = 0; row < rows; row++) {
    let x = 0;
    let y = 0;
    for (let i = 0; i < dimensions; i++) {
      const centred = (values[row * dimensions + i] ?? 0) - (mean[i] ?? 0);
      x += centred * (first.vector[i] ?? 0);
      y += centred * (second.vector[i] ?? 0);
    }
    points[row * 2] = x;
    points[row * 2 + 1] = y;
  }
  const share = (value: number) => (total > 0 ? Math.max(0, value) / total : 0);
  return { points, explained: [share(first.value), share(second.value)] };
}

interface Eigenpair {
  readonly value: number;
  readonly vector: Float64Array;
}

function leadingEigenvectors(matrix: Float64Array, size: number): [Eigenpair, Eigenpair] {
  const block = Math.min(size, BLOCK);
  // A dense start from a multiplicative hash: axes as a start would miss a component that lies along none of them.
  let basis: Float64Array[] = Array.from({ length: block }, (_, k) =>
    Float64Array.from({ length: size }, (_, i) => (Math.imul(i * block + k + 1, 2654435761) >>> 0) / 2 ** 32 - 0.5),
  );
  orthonormalize(basis);
  let values: Float64Array = new Float64Array(block);
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    const images = basis.map((vector) => product(matrix, vector));
    const small = new Float64Array(block * block); // basisᵀ · matrix · basis
    basis.forEach((vector, i) => {
      images.forEach((image, j) => {
        small[i * block + j] = dot(vector, image);
      });
    });
    const ritz = jacobi(small, block);
    values = ritz.values;
    basis = ritz.vectors.map((weights) => combine(basis, weights));
    const moved = ritz.vectors.map((weights) => combine(images, weights)); // matrix · basis
    if (converged(basis, moved, values)) break;
    basis = moved;
    orthonormalize(basis);
  }
  const pair = (k: number): Eigenpair => ({
    value: values[k] ?? 0,
    vector: positive(basis[k] ?? new Float64Array(size)),
  });
  return [pair(0), pair(1)];
}

/** Whether matrix·v − λv is negligible for the first two. */
function converged(basis: Float64Array[], moved: Float64Array[], values: Float64Array): boolean {
  const scale = Math.abs(values[0] ?? 0);
  return basis.slice(0, 2).every((vector, k) => {
    const value = values[k] ?? 0;
    let residual = 0;
    for (let i = 0; i < vector.length; i++) residual += (moved[k]![i]! - value * vector[i]!) ** 2;
    return Math.sqrt(residual) <= TOLERANCE * scale;
  });
}

function positive(vector: Float64Array): Float64Array {
  let greatest = 0;
  // A hair's margin, so that rounding does not choose between loadings of equal magnitude: the first wins.
  for (const loading of vector) if (Math.abs(loading) > Math.abs(greatest) * (1 + 1e-9)) greatest = loading;
  return greatest < 0 ? vector.map((loading) => -loading) : vector;
}

function combine(vectors: readonly Float64Array[], weights: Float64Array): Float64Array {
  const sum = new Float64Array(vectors[0]?.length ?? 0);
  vectors.forEach((vector, k) => {
    for (let i = 0; i < sum.length; i++) sum[i]! += weights[k]! * vector[i]!;
  });
  return sum;
}

/** Modified Gram-Schmidt, twice for accuracy; what depends on the vectors before it becomes 0. */
function orthonormalize(vectors: Float64Array[]): void {
  vectors.forEach((vector, k) => {
    const before = Math.sqrt(dot(vector, vector));
    for (let pass = 0; pass < 2; pass++) {
      for (const other of vectors.slice(0, k)) {
        const along = dot(other, vector);
        for (let i = 0; i < vector.length; i++) vector[i]! -= along * other[i]!;
      }
    }
    const length = Math.sqrt(dot(vector, vector));
    const factor = length > 1e-12 * before ? 1 / length : 0;
    for (let i = 0; i < vector.length; i++) vector[i]! *= factor;
  });
}
