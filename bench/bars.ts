/** What a figure of a case has to reach. */
export interface Bar {
  readonly case: string;
  /** A key of the case's ratios, or "floorShare". */
  readonly figure: string;
  readonly atLeast: number;
  /** What would be better still. */
  readonly stretch?: number;
  /** What the whole interval has to be above. */
  readonly intervalAbove?: number;
}

const bar = (
  name: string,
  figure: string,
  atLeast: number,
  more: Omit<Bar, "case" | "figure" | "atLeast"> = {},
): Bar => ({
  ...{ case: name, figure, atLeast },
  ...more,
});

/** The bars, for two cores; ratios are the other's time, or memory, over ours. */
export const bars: readonly Bar[] = [
  bar("dense", "pytorch", 1.7, { stretch: 2, intervalAbove: 1.5 }),
  bar("dense", "tfjs", 6),
  bar("dense", "jax-js", 10),
  bar("dense", "floorShare", 0.65, { stretch: 0.8 }),
  bar("dense-small", "pytorch", 1.7, { stretch: 2.5 }),
  bar("dense-tiny", "pytorch", 1.7, { stretch: 2.5 }),
  bar("conv28", "pytorch", 1.4, { stretch: 2 }),
  bar("conv64", "pytorch", 1.2, { stretch: 1.6 }),
  bar("residual", "pytorch 16×16", 1, { stretch: 1.3 }),
  bar("residual", "pytorch 32×32", 1, { stretch: 1.3 }),
  bar("encode", "pytorch dense", 1.5),
  bar("encode", "pytorch conv28", 1.5),
  bar("browser", "jax-js", 2),
  bar("memory", "pytorch dense", 1),
  bar("memory", "pytorch conv28", 1 / 1.5),
  bar("cli", "bare program", 0.9),
];

export const barFor = (name: string, figure: string): Bar | undefined =>
  bars.find((one) => one.case === name && one.figure === figure);

/** Whether a figure reaches its bar. */
export const reaches = (
  { atLeast, intervalAbove }: Bar,
  { median, low }: { readonly median: number; readonly low: number },
): boolean => median >= atLeast && (intervalAbove === undefined || low > intervalAbove);
