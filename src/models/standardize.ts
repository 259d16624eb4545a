/** Mean and scale of each column of rows (n, d), by which they are brought to mean 0 and variance 1. */
export interface Standardization {
  readonly mean: Float64Array;
  readonly scale: Float64Array;
}

/** A column that hardly varies is scaled by this share of the largest deviation there is: it stays narrow, and finite. */
const leastShare = 1e-4;
/** The same where nothing varies at all. */
const leastScale = 1e-6;

/** Of rows (n, d) that are finite. */
export function standardizationOf(values: Float32Array, d: number): Standardization {
  const count = values.length / d;
  const mean = new Float64Array(d);
  for (let at = 0; at < values.length; at++) mean[at % d]! += values[at]! / count;
  const scale = new Float64Array(d);
  for (let at = 0; at < values.length; at++) scale[at % d]! += (values[at]! - mean[at % d]!) ** 2 / count;
  for (let j = 0; j < d; j++) scale[j] = Math.sqrt(scale[j]!);
  const least = Math.max(leastShare * Math.max(...scale), leastScale);
  return { mean, scale: scale.map((own) => Math.max(own, least)) };
}

/** Rows `from` up to but not including `to`, with mean 0 and variance 1 in each column. */
export function standardizedRows(
  values: Float32Array,
  { mean, scale }: Standardization,
  from: number,
  to: number,
): Float64Array {
  const d = mean.length;
  const rows = new Float64Array((to - from) * d);
  for (let i = 0; i < rows.length; i++) rows[i] = (values[from * d + i]! - mean[i % d]!) / scale[i % d]!;
  return rows;
}
