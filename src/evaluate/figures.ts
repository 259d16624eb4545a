/** A measured figure with what is needed to compare it: figures of unlike unit or binarization are never compared. */
export interface Figure {
  readonly mean: number;
  /** Standard error of the mean over the examples. */
  readonly standardError: number;
  readonly unit: "nats" | "bits/dim" | "samples";
  /** Whether p(x) is a probability of discrete data or a density; the two are never compared. */
  readonly measure: "probability" | "density";
  readonly examples: number;
  /** Samples of the latents for each example. */
  readonly samples: number;
  readonly binarization: "none" | "static" | "dynamic";
}

/** Mean and its standard error, s/√n. */
export function meanAndError(values: ArrayLike<number>): { readonly mean: number; readonly standardError: number } {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i]! - mean) ** 2;
  return { mean, standardError: n > 1 ? Math.sqrt(squares / (n - 1) / n) : 0 };
}
