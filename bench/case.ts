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
  /** Numbers that are no ratios. */
  readonly figures?: Readonly<Record<string, Measure>>;
  /** Of the time of a step, the share that its matrix products alone would take. */
  readonly floorShare?: number;
  /** What was measured at several sizes. */
  readonly curves?: readonly Curve[];
  readonly pairs: number;
  /** What the numbers mean, and settings that were chosen. */
  readonly about: Readonly<Record<string, string | number>>;
}

/** A number with its unit, "" where it has none. */
export interface Measure {
  readonly value: number;
  /** The 95 % interval of a median. */
  readonly low?: number;
  readonly high?: number;
  readonly unit: string;
  /** What it should be by the arithmetic. */
  readonly expected?: number;
}

/** Times at several sizes, beside the operations that these take. */
export interface Curve {
  readonly name: string;
  /** What the sizes are. */
  readonly axis: string;
  readonly unit: string;
  readonly points: readonly CurvePoint[];
}

export interface CurvePoint extends Summary {
  readonly size: number;
  /** Floating-point operations of the matrix products. */
  readonly flops: number;
}

export interface BenchCase {
  readonly name: string;
  readonly about: string;
  run(options: CaseOptions): Promise<CaseResult>;
}
