/**
 * Where each of the ⌈count / batchSize⌉ batches of so many examples begins and ends.
 * @param even whether their sizes differ by one at most; else the last has what the others leave over
 */
export function batchRange(
  place: number,
  { count, batchSize, even }: { readonly count: number; readonly batchSize: number; readonly even: boolean },
): readonly [from: number, to: number] {
  if (!even) return [place * batchSize, Math.min((place + 1) * batchSize, count)];
  const batches = Math.ceil(count / batchSize);
  const start = (batch: number) => Math.floor((batch * count) / batches);
  return [start(place), start(place + 1)];
}
