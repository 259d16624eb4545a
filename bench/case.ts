import type { MedianInterval, Summary } from "./statistics.ts";

export interface CaseOptions {
  /** Pairs of blocks, ours and theirs in turn. */
  readonly pairs?: number | undefined;
  /** Length of a block: steps, or epochs. */
  readonly length?: number | undefined;
  /** Threads of ours; default: one a core. */
  readonly threads?: number | undefined;
  /** Says what is going on, on standard error. */
  readonly note: (line: string) => void;
}

/** What one case measured. */
export interface CaseResult {
  readonly case: string;
  readonly unit: string;
  /** By who was measured; a step's time, say, over the blocks. */
  readonly results: Readonly<Record<string, Summary>>;
  /** How many times as fast as the other we are (or what `about` says), pair by pair. */
  readonly ratios: Readonly<Record<string, MedianInterval>>;
  /** Of the time of a step, the share that its matrix products alone would take. */
  readonly floorShare?: number;
  readonly pairs: number;
  /** What the numbers mean, and settings that were chosen. */
  readonly about: Readonly<Record<string, string | number>>;
}

export interface BenchCase {
  readonly name: string;
  readonly about: string;
  run(options: CaseOptions): Promise<CaseResult>;
}
