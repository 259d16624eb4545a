import { UsageError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { formatShape, sameShape } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ParameterSpec, StateUpdate } from "../nn/parameters.ts";

/** One objective: what to minimize, over which parameters, at every how many steps, and what it reports. */
export interface ObjectiveEntry {
  readonly name: string;
  /** A scalar. */
  readonly minimize: Tensor;
  /** Paths of the parameters that it trains. Its optimizer moments are its own. */
  readonly trains: readonly string[];
  /** Runs at the steps that this divides; 1 for every step. */
  readonly every?: number;
  /** Scalars reported beside the loss. */
  readonly terms?: Readonly<Record<string, Tensor>>;
  readonly updates?: readonly StateUpdate[];
  /**
   * The input (batch) with the weights of the examples, where everything that the objective gives is a mean by them, or
   * a total: then several threads may each compute a part of the batch. An input whose first axis is k·batch has all
   * rows of its first sample first.
   */
  readonly weights?: string;
}

/** Name of the loss among the outputs. */
export const lossName = "loss";

/** @throws UsageError for what would otherwise train nothing, or something else, without a word */
export function checkObjectives(objectives: readonly ObjectiveEntry[], specs: readonly ParameterSpec[]): void {
  const find = (path: string, role: ParameterSpec["role"]) =>
    specs.find((spec) => spec.path === path && spec.role === role);
  for (const { name, trains, every = 1, updates = [], terms = {} } of objectives) {
    const where = `objective "${name}"`;
    for (const [term, { shape }] of Object.entries(terms))
      if (shape.length > 0)
        throw new UsageError(`${where}: term "${term}" ${formatShape(shape)}: expected a scalar; take its mean`);
    if (objectives.filter((other) => other.name === name).length > 1)
      throw new UsageError(`${where}: the name is given twice; moments are kept by name, choose another`);
    if (!(Number.isSafeInteger(every) && every > 0))
      throw new UsageError(`${where}: every: expected a positive integer, got ${every}`);
    const stranger = trains.find((path) => !find(path, "trained"));
    if (stranger !== undefined)
      throw new UsageError(`${where} trains "${stranger}", which is no trained parameter of the model`);
    for (const { path, total, count } of updates) {
      const state = find(path, "state");
      if (!state) throw new UsageError(`${where} updates "${path}", which is no state of the model`);
      const leading = state.shape.slice(0, count?.shape.length);
      if (!sameShape(total.shape, state.shape) || (count && !sameShape(count.shape, leading)))
        throw new UsageError(
          `${where} updates "${path}" ${formatShape(state.shape)} with a total ${formatShape(total.shape)}${count ? ` and a count ${formatShape(count.shape)}` : ""}; expected the state's shape, and its leading axes for the count`,
        );
    }
  }
}

/** The outputs of an objective's graph: loss, terms, a gradient for each parameter, totals and counts of its updates. */
export function outputsOf(objective: ObjectiveEntry, tensors: ReadonlyMap<string, Tensor>): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = { [lossName]: objective.minimize };
  for (const [name, term] of Object.entries(objective.terms ?? {})) outputs[`term:${name}`] = term;
  const gradients = grad(
    objective.minimize,
    objective.trains.map((path) => tensors.get(path)!),
  );
  for (const [i, path] of objective.trains.entries()) outputs[`gradient:${path}`] = gradients[i]!;
  for (const { path, total, count } of objective.updates ?? []) {
    outputs[`total:${path}`] = total;
    if (count) outputs[`count:${path}`] = count;
  }
  return outputs;
}
