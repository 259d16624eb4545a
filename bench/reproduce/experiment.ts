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

export interface MeasureOptions {
  /** The trained run. */
  readonly run: string;
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
  /** Config and budgets, from the repository's root. */
  readonly file: string;
  /** Figures on validation data: may be looked at as often as one likes. */
  validate(options: MeasureOptions): Promise<readonly MeasuredFigure[]>;
  /** Figures on test data. Each time they are taken, that is logged. The first is the result. */
  test(options: MeasureOptions): Promise<readonly MeasuredFigure[]>;
}

/** The committed file of an experiment. */
export interface ExperimentFile {
  readonly config: unknown;
  /** Settings over the config. */
  readonly budgets: Readonly<Record<Budget, readonly string[]>>;
}

export function meets({ value, bar }: MeasuredFigure): boolean | null {
  if (!bar) return null;
  return bar.op === "<=" ? value <= bar.limit : value >= bar.limit;
}
