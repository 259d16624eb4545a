/** A number measured at a size. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The exponent p of y ≈ c·xᵖ: the slope of the least-squares line through the logarithms.
 * @throws RangeError for fewer than two sizes, or numbers that are not positive
 */
export function exponentOf(points: readonly Point[]): number {
  if (!points.every(({ x, y }) => x > 0 && y > 0))
    throw new RangeError(`exponent: expected positive numbers, got ${JSON.stringify(points)}`);
  const logs = points.map(({ x, y }) => ({ x: Math.log(x), y: Math.log(y) }));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [x, y] = [mean(logs.map((log) => log.x)), mean(logs.map((log) => log.y))];
  const spread = logs.reduce((sum, log) => sum + (log.x - x) ** 2, 0);
  if (!(spread > 0)) throw new RangeError(`exponent: expected two sizes or more, got ${JSON.stringify(points)}`);
  return logs.reduce((sum, log) => sum + (log.x - x) * (log.y - y), 0) / spread;
}

/** The larger sizes, where what takes the same time at every size matters least; the middle one of an odd number too. */
export const upperHalf = <Size>(sizes: readonly Size[]): readonly Size[] => sizes.slice(Math.floor(sizes.length / 2));
