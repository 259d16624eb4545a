import { type MedianInterval, medianInterval, type Summary, summarize } from "./statistics.ts";

/** Someone whose time is measured. */
export interface Contender {
  readonly name: string;
  /** Runs one block. Returns the time of one unit of its work, in whatever unit the case has. */
  block(): Promise<number>;
}

/** Times of blocks, by contender. */
export type Times = Readonly<Record<string, readonly number[]>>;

/** Runs a block of each, in their order, again and again: what disturbs the machine for a while disturbs all of them. */
export async function byTurns(
  contenders: readonly Contender[],
  rounds: number,
  note: (line: string) => void,
): Promise<Times> {
  for (const { block } of contenders) await block(); // the first one warms up
  const times: Record<string, number[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const { name, block } of contenders) times[name]!.push(await block());
    const latest = contenders.map(({ name }) => `${name} ${times[name]!.at(-1)!.toPrecision(3)}`);
    note(`pair ${round}: ${latest.join(", ")}`);
  }
  return times;
}

/** The name that our own times bear. */
export const OURS = "vaekit";

export const summaries = (times: Times): Readonly<Record<string, Summary>> =>
  Object.fromEntries(Object.entries(times).map(([name, values]) => [name, summarize(values)]));

/** How many times as fast as each other we are, round by round: above 1 we are faster. */
export function ratios(times: Times): Readonly<Record<string, MedianInterval>> {
  const ours = times[OURS]!;
  return Object.fromEntries(
    Object.entries(times)
      .filter(([name]) => name !== OURS)
      .map(([name, theirs]) => [name, medianInterval(theirs.map((time, i) => time / ours[i]!))]),
  );
}

const LIBRARIES = [OURS, "pytorch"] as const;

/** Times of the parts of a case, `vaekit PART` and `pytorch PART`, with what all parts take together as `vaekit`, `pytorch`. */
export function withTotals(times: Times, parts: readonly string[]): Times {
  const totals = LIBRARIES.map((library) => {
    const own = parts.map((part) => times[`${library} ${part}`]!);
    return [library, own[0]!.map((_, round) => own.reduce((sum, values) => sum + values[round]!, 0))];
  });
  return { ...Object.fromEntries(totals), ...times };
}

/** Ratios of parts, `pytorch PART`; the part "" is all of them together, `pytorch`. */
export function ratiosByPart(times: Times, parts: readonly string[]): Readonly<Record<string, MedianInterval>> {
  return Object.fromEntries(
    parts.map((part) => {
      const [ours, theirs] = LIBRARIES.map((library) => times[`${library} ${part}`.trim()]!);
      return [`pytorch ${part}`.trim(), medianInterval(theirs!.map((time, i) => time / ours![i]!))];
    }),
  );
}
