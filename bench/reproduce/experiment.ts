import type { Picture } from "./pictures.ts";
import type { TrainedRun } from "./record.ts";
import type { StepsKept } from "./snapshots.ts";

export const BUDGETS = ["short", "default", "full"] as const;
export type Budget = (typeof BUDGETS)[number];

/** What a figure must reach. */
export interface Bar {
  readonly op: "<=" | ">=";
  readonly limit: number;
}

export interface MeasuredFigure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly standardError: number | null;
  readonly bar: Bar | null;
  /** The published value that it is held against. */
  readonly published: number | null;
}

/** A run, and where it lies. */
export interface Run {
  /** As the experiment's file names it; null where there is one run alone. */
  readonly name: string | null;
  readonly directory: string;
}

export interface MeasureOptions {
  /** The trained runs, as in the experiment's file. */
  readonly runs: readonly Run[];
  readonly budget: Budget;
  readonly threads?: number | undefined;
  readonly note: (line: string) => void;
  readonly onProgress: (done: number, total: number) => void;
}

/** One published result, and how it is reproduced: trained by a committed config, then measured. */
export interface Experiment {
  readonly name: string;
  /** One line for the list. */
  readonly about: string;
  /** Whose result it is, and where it is published. */
  readonly source: string;
  /** What `train` takes as its data, from the repository's root. */
  readonly data: string;
  /** Config, runs and budgets, from the repository's root: see plan.ts. */
  readonly file: string;
  /** Steps at which the weights are kept for curves: see snapshots.ts. */
  readonly snapshots?: StepsKept;
  /** Figures on training or validation data: may be looked at as often as one likes. */
  validate(options: MeasureOptions): Promise<readonly MeasuredFigure[]>;
  /** Figures on test data. Each time they are taken, that is logged. The first is the result. */
  test(options: MeasureOptions): Promise<readonly MeasuredFigure[]>;
  /** Pictures of its runs, as files NAME-* in a folder. Default: curves, samples of the prior, reconstructions. */
  pictures?(runs: readonly TrainedRun[], folder: string, name: string): Promise<readonly Picture[]>;
}

export function meets({ value, bar }: MeasuredFigure): boolean | null {
  if (!bar) return null;
  return bar.op === "<=" ? value <= bar.limit : value >= bar.limit;
}
