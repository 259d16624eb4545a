/** What a figure of a case has to reach: `atLeast`, `atMost` or `aboveExpected`. */
export interface Bar {
  readonly case: string;
  /** A key of the case's ratios or figures, or "floorShare". */
  readonly figure: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** So far above what is expected of it, at most. */
  readonly aboveExpected?: number;
  /** What would be better still. */
  readonly stretch?: number;
  /** What the whole interval has to be above. */
  readonly intervalAbove?: number;
}

const bar = (name: string, figure: string, limits: Omit<Bar, "case" | "figure">): Bar => ({
  ...{ case: name, figure },
  ...limits,
});

const atLeast = (name: string, figure: string, least: number, more: Pick<Bar, "stretch" | "intervalAbove"> = {}): Bar =>
  bar(name, figure, { atLeast: least, ...more });

/** The bars, for two cores; ratios are the other's time, or memory, over ours. */
export const bars: readonly Bar[] = [
  atLeast("dense", "pytorch", 1.7, { stretch: 2, intervalAbove: 1.5 }),
  atLeast("dense", "tfjs", 6),
  atLeast("dense", "jax-js", 10),
  atLeast("dense", "floorShare", 0.65, { stretch: 0.8 }),
  atLeast("dense-small", "pytorch", 1.7, { stretch: 2.5 }),
  atLeast("dense-tiny", "pytorch", 1.7, { stretch: 2.5 }),
  atLeast("conv28", "pytorch", 1.4, { stretch: 2 }),
  atLeast("conv64", "pytorch", 1.2, { stretch: 1.6 }),
  atLeast("residual", "pytorch 16×16", 1, { stretch: 1.3 }),
  atLeast("residual", "pytorch 32×32", 1, { stretch: 1.3 }),
  atLeast("encode", "pytorch dense", 1.5),
  atLeast("encode", "pytorch conv28", 1.5),
  atLeast("browser", "jax-js", 2),
  bar("browser", "longest task", { atMost: 50 }),
  atLeast("memory", "pytorch dense", 1),
  atLeast("memory", "pytorch conv28", 1 / 1.5),
  atLeast("cli", "bare program", 0.9),
  bar("start", "first step", { atMost: 1.5 }),
  bar("start", "compile", { atMost: 3 }),
  ...["batch", "width", "depth", "data"].map((curve) => bar("scaling", `exponent of ${curve}`, { aboveExpected: 0.1 })),
];

export const barFor = (name: string, figure: string): Bar | undefined =>
  bars.find((one) => one.case === name && one.figure === figure);

/** Whether a figure reaches its bar. */
export function reaches(
  { atLeast: least = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY, aboveExpected, intervalAbove }: Bar,
  { median, low, expected }: { readonly median: number; readonly low: number; readonly expected?: number | undefined },
): boolean {
  if (aboveExpected !== undefined && !(expected !== undefined && median <= expected + aboveExpected)) return false;
  return median >= least && median <= atMost && (intervalAbove === undefined || low > intervalAbove);
}
