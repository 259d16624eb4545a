/* Triangular matrices (d, d) in float64, row after row: the few d³ that fitting a mixture takes outside its graph. */

/**
 * The lower-triangular L with L·Lᵀ = A, for a symmetric positive-definite A, of which the lower triangle is read.
 * Undefined where A is not positive-definite.
 */
export function cholesky(a: Float64Array, d: number): Float64Array | undefined {
  const l = new Float64Array(d * d);
  for (let i = 0; i < d; i++)
    for (let j = 0; j <= i; j++) {
      let left = a[i * d + j]!;
      for (let k = 0; k < j; k++) left -= l[i * d + k]! * l[j * d + k]!;
      if (i !== j) l[i * d + j] = left / l[j * d + j]!;
      else if (left > 0) l[i * d + i] = Math.sqrt(left);
      else return undefined;
    }
  return l;
}

/** L⁻¹, lower-triangular as L is. */
export function inverseOfLower(l: Float64Array, d: number): Float64Array {
  const inverse = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    // Row i of L·X = I: X[i] = (eᵢ − Σₖ₍ᵢ L[i, k]·X[k]) / L[i, i]
    const row = inverse.subarray(i * d, (i + 1) * d);
    row[i] = 1;
    for (let k = 0; k < i; k++) {
      const factor = l[i * d + k]!;
      for (let j = 0; j <= k; j++) row[j]! -= factor * inverse[k * d + j]!;
    }
    for (let j = 0; j <= i; j++) row[j]! /= l[i * d + i]!;
  }
  return inverse;
}
