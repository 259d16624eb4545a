import { UsageError } from "../errors.ts";
import type { Kernels } from "../runtime/kernels.ts";

/** The batches that one step is made of, where there are several: their weighted mean is the step's. */
export interface Batches {
  readonly count: number;
  /**
   * Writes batch i to the inputs of an objective. Returns its weight, the sum of its examples'; one of weight 0 is left
   * out.
   */
  fill(i: number, objective: string): number;
}

/** Where a run's numbers lie, and where those of several runs are gathered. */
export interface Gathering {
  readonly run: () => Promise<void>;
  /** By name, as computed. */
  readonly outputs: Readonly<Record<string, Float32Array>>;
  /** By name, gathered: of totals and counts, which `sums` names, the sums, of the others the weighted means. */
  readonly applied: Readonly<Record<string, Float32Array>>;
  readonly sums: ReadonlySet<string>;
  readonly gradients: readonly { readonly computed: Float32Array; readonly applied: Float32Array }[];
}

/**
 * Runs the batches and gathers their numbers.
 * @returns the first batch whose numbers are not finite; undefined where all are
 * @throws UsageError for weights that are no weights, or all 0
 */
export async function accumulate(
  kernels: Kernels,
  objective: string,
  { outputs, applied, gradients, sums, run }: Gathering,
  { count, fill }: Batches,
): Promise<number | undefined> {
  let total = 0;
  let bad: number | undefined;
  for (let i = 0; i < count; i++) {
    const weight = fill(i, objective);
    if (!(Number.isFinite(weight) && weight >= 0))
      throw new UsageError(`batch ${i} of objective "${objective}": expected a weight of 0 or more, got ${weight}`);
    if (weight === 0) continue;
    await run();
    const first = total === 0;
    total += weight;
    const share = weight / total;
    let squares = 0;
    for (const gradient of gradients) {
      squares += kernels.sumOfSquares(gradient.computed);
      if (first) gradient.applied.set(gradient.computed);
      else kernels.average(gradient.applied, gradient.computed, 1 - share);
    }
    let finite = Number.isFinite(squares);
    for (const [name, gathered] of Object.entries(applied)) {
      const value = outputs[name]!;
      finite &&= value.every(Number.isFinite);
      for (let j = 0; j < gathered.length; j++)
        if (first) gathered[j] = value[j]!;
        else gathered[j]! += sums.has(name) ? value[j]! : share * (value[j]! - gathered[j]!);
    }
    if (!finite) bad ??= i;
  }
  if (total === 0)
    throw new UsageError(
      `objective "${objective}": every batch of the step has weight 0; give it at least one example`,
    );
  return bad;
}
