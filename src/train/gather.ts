import { UsageError } from "../errors.ts";
import type { StateUpdate } from "../nn/parameters.ts";
import type { ObjectiveEntry } from "./objectives.ts";
import { rowsOf } from "./plan.ts";

/** The batches that one step is made of, where there are several: their weighted mean is the step's. */
export interface Batches {
  readonly count: number;
  /**
   * Writes batch i to the inputs of an objective. Returns its weight, the sum of its examples'; one of weight 0 is left
   * out.
   */
  fill(i: number, objective: string): number | Promise<number>;
}

/** What several runs gave, by name, gathered: of totals and counts, which `sums` names, the sums, else weighted means. */
export interface Gathering {
  readonly gathered: Readonly<Record<string, Float32Array>>;
  readonly sums: ReadonlySet<string>;
}

/**
 * Adds what a run gave to what was gathered before.
 * @param before weight of all runs before
 * @returns whether all of it is finite
 */
export function gatherResults(
  { gathered, sums }: Gathering,
  results: Readonly<Record<string, Float32Array>>,
  weight: number,
  before: number,
): boolean {
  const share = weight / (before + weight);
  let finite = true;
  for (const [name, into] of Object.entries(gathered)) {
    const value = results[name]!;
    finite &&= value.every(Number.isFinite);
    for (let j = 0; j < into.length; j++)
      if (before === 0) into[j] = value[j]!;
      else into[j]! += sums.has(name) ? value[j]! : share * (value[j]! - into[j]!);
  }
  return finite;
}

/** state ← decay·state + (1 − decay)·total/count; where nothing was counted the state stays as it is. */
export function commitState(
  state: Float32Array,
  { path, decay }: StateUpdate,
  gathered: Readonly<Record<string, Float32Array>>,
): void {
  const total = gathered[`total:${path}`]!;
  const count = gathered[`count:${path}`];
  const share = count ? state.length / count.length : 1; // elements that one count is for
  for (let i = 0; i < state.length; i++) {
    const counted = count ? count[Math.floor(i / share)]! : 1;
    if (counted > 0) state[i] = decay * state[i]! + ((1 - decay) * total[i]!) / counted;
  }
}

/** @throws UsageError for a weight that is none */
export function checkWeight(weight: number, batch: number, objective: string): void {
  if (!(Number.isFinite(weight) && weight >= 0))
    throw new UsageError(`batch ${batch} of objective "${objective}": expected a weight of 0 or more, got ${weight}`);
}

interface BatchParts {
  readonly batchSize: number;
  readonly parts: number;
  /** Weight of the batch; undefined: the sum of its examples'. */
  readonly total: number | undefined;
}

/**
 * The weight of each part's rows, together that of the batch; 1 for the only part, where no weight was given.
 * @throws UsageError for an example with a negative weight
 */
export function weightsOfParts(
  { name, weights }: Pick<ObjectiveEntry, "name" | "weights">,
  inputs: Readonly<Record<string, Float32Array>>,
  { batchSize, parts, total }: BatchParts,
): number[] {
  const all = weights === undefined ? undefined : inputs[weights];
  const bad = all?.findIndex((weight) => weight < 0) ?? -1;
  if (bad >= 0)
    throw new UsageError(
      `objective "${name}": input "${weights}": expected weights of 0 or more, got ${all![bad]} at example ${bad} of the batch`,
    );
  if (parts === 1) return [total ?? 1];
  const sums = Array.from({ length: parts }, (_, i) => {
    const { from, to } = rowsOf(batchSize, i, parts);
    return all!.subarray(from, to).reduce((sum, weight) => sum + weight, 0);
  });
  if (sums.some(Number.isNaN)) return sums.map(() => 1); // all compute, and the loss shows what is wrong
  const sum = sums.reduce((a, b) => a + b);
  return total === undefined ? sums : sums.map((weight) => (weight * total) / sum);
}

/** Refuses a step without any example: it has no mean. @throws UsageError, always */
export function noExamples(objective: string): never {
  throw new UsageError(`objective "${objective}": every batch of the step has weight 0; give it at least one example`);
}
