import { VaekitError } from "../src/errors.ts";
import type { Peer } from "./peer.ts";
import { median } from "./statistics.ts";
import type { Contender } from "./turns.ts";

/** Another library in its fastest setting, as a process. */
export interface Rival {
  readonly name: string;
  readonly peer: Peer;
  /** In words: threads, and how the work is written. */
  readonly setting: string;
  readonly version: string;
  /** Units of work in a block. */
  readonly block: number;
}

/** Seconds that a peer takes for so many units of its work, or that a unit takes it in the best way that it finds. */
export async function timeOf(peer: Peer, question: { readonly run: number } | { readonly tune: number }) {
  return (await peer.ask(question)) as { readonly seconds: number; readonly choice?: object };
}

/** A candidate, and its times. */
interface Candidate {
  readonly rival: Rival;
  readonly times: number[];
}

/** The fastest of some; the others are ended. By turns: a busy moment of the machine would otherwise decide. */
export async function fastestOf(rivals: readonly Rival[], rounds: number, note: (line: string) => void) {
  const candidates = rivals.map((rival): Candidate => ({ rival, times: [] }));
  for (let round = 0; round < rounds; round++)
    for (const { rival, times } of candidates) {
      const amount = Math.ceil(rival.block / 2);
      times.push((await timeOf(rival.peer, { run: amount })).seconds / amount);
    }
  candidates.sort((a, b) => median(a.times) - median(b.times));
  for (const { rival, times } of candidates)
    note(`  ${rival.name}, ${rival.setting}: ${(1000 * median(times)).toFixed(2)} ms`);
  const [best, ...others] = candidates;
  for (const { rival } of others) await rival.peer.close();
  if (!best) throw new VaekitError("no setting of the peer could be measured");
  return best.rival;
}

/** A rival as contender, in milliseconds for one unit of work. */
export function contender({ name, peer, block }: Rival): Contender {
  return { name, block: async () => (1000 * (await timeOf(peer, { run: block })).seconds) / block };
}

/** Version and setting of each, for what a result says about itself; `part` where each part of a case has its own. */
export function aboutRivals(rivals: readonly Rival[], part = ""): Record<string, string> {
  return Object.fromEntries(
    rivals.flatMap(({ name, version, setting }) => [
      [name, version],
      [`${name}Setting${part && ` ${part}`}`, setting],
    ]),
  );
}
