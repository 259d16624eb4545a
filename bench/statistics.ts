export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface MedianInterval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The middle value; the mean of the two middle ones of an even count. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("median: expected at least one value, got none");
  const sorted = ascending(values);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function summarize(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * The median with a 95 % interval by order statistics, which assumes nothing of the distribution: the k-th value from
 * below and from above, k the largest for which both miss the median with probability ≤ 5 %. Fewer than 6 values
 * cannot reach 95 %: the interval is then their whole range.
 */
export function medianInterval(values: readonly number[]): MedianInterval {
  const sorted = ascending(values);
  const n = sorted.length;
  let rank = 1;
  while (rank + 1 <= n / 2 && 2 * binomialHalf(rank, n) <= 0.05) rank++;
  return { median: median(values), low: sorted[rank - 1]!, high: sorted[n - rank]! };
}

/** P(B ≤ k) of B ~ Binomial(n, 1/2). */
export function binomialHalf(k: number, n: number): number {
  let term = 0.5 ** n;
  let sum = term;
  for (let i = 1; i <= k; i++) {
    term *= (n - i + 1) / i;
    sum += term;
  }
  return sum;
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
