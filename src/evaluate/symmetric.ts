// biome-ignore-all lint/style/noNonNullAssertion: loops over lengths that the callers have checked

/* Means, covariances and eigenvalues in float64, of matrices that are small enough for plain loops. */

type Numbers = Float32Array | Float64Array;

/** Means of the columns of values (rows, dimensions). */
export function columnMeans(values: Numbers, rows: number, dimensions: number): Float64Array {
  const mean = new Float64Array(dimensions);
  for (let k = 0; k < values.length; k++) mean[k % dimensions]! += values[k]! / rows;
  return mean;
}

/** Covariance of the columns, (dimensions, dimensions): sums of products divided by rows. */
export function covarianceOf(values: Numbers, mean: Float64Array, rows: number, dimensions: number): Float64Array {
  const covariance = new Float64Array(dimensions * dimensions);
  const centred = new Float64Array(dimensions);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < dimensions; i++) centred[i] = values[row * dimensions + i]! - mean[i]!;
    for (let i = 0; i < dimensions; i++) {
      const factor = centred[i]! / rows;
      for (let j = i; j < dimensions; j++) covariance[i * dimensions + j]! += factor * centred[j]!;
    }
  }
  for (let i = 0; i < dimensions; i++) {
    for (let j = 0; j < i; j++) covariance[i * dimensions + j] = covariance[j * dimensions + i]!;
  }
  return covariance;
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** matrix · vector, of a square matrix. */
export function product(matrix: Float64Array, vector: Float64Array): Float64Array {
  const size = vector.length;
  return Float64Array.from({ length: size }, (_, i) => dot(matrix.subarray(i * size, (i + 1) * size), vector));
}

/** All eigenpairs of a symmetric matrix by cyclic Jacobi rotations (Golub & Van Loan, 8.5), greatest first. */
export function jacobi(matrix: Float64Array, size: number): { values: Float64Array; vectors: Float64Array[] } {
  const a = matrix.slice();
  const vectors = Array.from({ length: size }, (_, k) => Float64Array.from({ length: size }, (_, i) => +(i === k)));
  for (let sweep = 0; sweep < 50; sweep++) {
    let off = 0;
    let diagonal = 0;
    for (let p = 0; p < size; p++) {
      diagonal += a[p * size + p]! ** 2;
      for (let q = p + 1; q < size; q++) off += a[p * size + q]! ** 2;
    }
    if (off <= 1e-32 * diagonal) break;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(a, vectors, size, p, q);
  }
  const order = Array.from({ length: size }, (_, k) => k).sort((p, q) => a[q * size + q]! - a[p * size + p]!);
  return { values: Float64Array.from(order, (k) => a[k * size + k]!), vectors: order.map((k) => vectors[k]!) };
}

/** Rotates axes p and q so that a[p, q] becomes 0. */
function rotate(a: Float64Array, vectors: Float64Array[], size: number, p: number, q: number): void {
  const apq = a[p * size + q]!;
  if (apq === 0) return;
  const ratio = (a[q * size + q]! - a[p * size + p]!) / (2 * apq);
  const tangent = Math.sign(ratio || 1) / (Math.abs(ratio) + Math.hypot(1, ratio));
  const cosine = 1 / Math.hypot(1, tangent);
  const sine = tangent * cosine;
  for (let k = 0; k < size; k++) {
    const kp = a[k * size + p]!;
    const kq = a[k * size + q]!;
    a[k * size + p] = cosine * kp - sine * kq;
    a[k * size + q] = sine * kp + cosine * kq;
  }
  for (let k = 0; k < size; k++) {
    const pk = a[p * size + k]!;
    const qk = a[q * size + k]!;
    a[p * size + k] = cosine * pk - sine * qk;
    a[q * size + k] = sine * pk + cosine * qk;
    const vp = vectors[p]![k]!;
    const vq = vectors[q]![k]!;
    vectors[p]![k] = cosine * vp - sine * vq;
    vectors[q]![k] = sine * vp + cosine * vq;
  }
}
