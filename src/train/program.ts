import { type NumericalError, UsageError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import type { Signature } from "../graph/lower.ts";
import { formatShape, sameShape, sizeAt } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ParameterSpec } from "../nn/parameters.ts";
import type { Backend, Data } from "../runtime/backend.ts";
import { createKernels, type Kernels } from "../runtime/kernels.ts";
import { compile, type Program } from "../runtime/program.ts";
import { firstNonFinite } from "./diagnose.ts";
import { type Layout, layoutOf, rangesOf, viewOf } from "./layout.ts";

/**
 * A change of state that is not a gradient step: state ← decay·state + (1 − decay)·value, where value is the total, or,
 * given a count, total / count. Totals and counts add up over ranks and accumulated batches, which means would not.
 */
export interface StateUpdate {
  readonly path: string;
  /** In the state's shape. */
  readonly total: Tensor;
  /** In the state's shape or its leading axes, down to a scalar: a count for each code of a codebook (codes, width). */
  readonly count?: Tensor;
  readonly decay: number;
}

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
}

/** Adam's scalars at one step. */
export interface AdamSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

export interface TrainingOptions {
  readonly backend: Backend;
  readonly specs: readonly ParameterSpec[];
  readonly objectives: readonly ObjectiveEntry[];
  /** Rows of a batch; a smaller last one is padded with examples of weight 0. */
  readonly batchSize: number;
  /** Bytes of the kernels' memory that the caller takes for its own arrays. */
  readonly extraBytes?: number;
  /** Keeps a moving average of the parameters beside them. */
  readonly average?: boolean;
}

/** What one step of one objective gave. */
export interface StepResult {
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly gradientNorm: number;
}

/**
 * Objectives compiled for training. Parameters, gradients and moments stay where they are in one fixed memory; a step
 * allocates nothing. Nothing is committed before the loss, the terms and the gradient were seen to be finite.
 */
export interface TrainingProgram {
  readonly kernels: Kernels;
  readonly layout: Layout;
  readonly parameters: Float32Array;
  /** Moving average of the parameters, where asked for; the caller sets where it starts. */
  readonly average: Float32Array | undefined;
  /** Moments by objective, first and second, in the layout of the parameters: for checkpoints. */
  readonly moments: ReadonlyMap<string, { readonly first: Float32Array; readonly second: Float32Array }>;
  /** The arrays behind every input that is not a parameter: fill them, then step. */
  readonly inputs: Readonly<Record<string, Float32Array>>;
  /**
   * One optimizer step of every objective that is due, in their order: each sees what those before it changed.
   * @param step counted from 1
   * @param beforeCommit called when everything of the first objective was seen to be finite, before anything changes:
   * the place for a checkpoint of parameters that are known to be good
   * @throws NumericalError naming the first tensor that is not finite; parameters and state are then unchanged by it
   */
  step(
    step: number,
    settings: AdamSettings,
    beforeCommit?: () => Promise<void>,
  ): Promise<ReadonlyMap<string, StepResult>>;
  /**
   * Moves the average towards the parameters: average ← d·average + (1 − d)·parameters, with d = decay, or less in the
   * first steps, (1 + t)/(10 + t), so that it does not cling to the initial weights.
   */
  averageParameters(step: number, decay: number): void;
  release(): Promise<void>;
}

interface Entry {
  readonly objective: ObjectiveEntry;
  readonly program: Program;
  readonly run: () => Promise<void>;
  readonly outputs: Readonly<Record<string, Float32Array>>;
  readonly reported: readonly string[];
  readonly ranges: readonly {
    parameters: Float32Array;
    gradients: Float32Array;
    first: Float32Array;
    second: Float32Array;
  }[];
}

const lossName = "loss";
/** Adam squares gradients in float32: beyond its largest number the second moment would be infinite. */
const largestSquares = 3.4e38;

/** @throws UsageError for what would otherwise train nothing, or something else, without a word */
function checkObjectives(objectives: readonly ObjectiveEntry[], specs: readonly ParameterSpec[]): void {
  const find = (path: string, role: ParameterSpec["role"]) =>
    specs.find((spec) => spec.path === path && spec.role === role);
  for (const { name, trains, every = 1, updates = [] } of objectives) {
    const where = `objective "${name}"`;
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
function outputsOf(objective: ObjectiveEntry, tensors: ReadonlyMap<string, Tensor>): Record<string, Tensor> {
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

export async function trainingProgram(options: TrainingOptions): Promise<TrainingProgram> {
  const { backend, specs, objectives, batchSize } = options;
  checkObjectives(objectives, specs);
  const layout = layoutOf(specs);
  const tensors = new Map(specs.map(({ path, tensor }) => [path, tensor]));
  const compiled = await Promise.all(
    objectives.map(async (objective) => {
      const outputs = outputsOf(objective, tensors);
      return { objective, program: await compile(backend, outputs) };
    }),
  );
  const floats = (signature: Signature): number => Math.ceil(sizeAt(signature.shape, batchSize) / 16) * 16;
  const given = compiled.flatMap(({ program }) => program.inputs.filter(({ name }) => !tensors.has(name)));
  const results = compiled.flatMap(({ program }) =>
    program.outputs.filter(({ name }) => !name.startsWith("gradient:")),
  );
  const buffers = (options.average ? 2 : 1) + 3 * objectives.length;
  const total = buffers * layout.total + [...given, ...results].reduce((sum, signature) => sum + floats(signature), 0);
  const kernels = createKernels(4 * total + 64 * (given.length + results.length + buffers) + (options.extraBytes ?? 0));

  const parameters = kernels.float32(layout.total);
  const average = options.average ? kernels.float32(layout.total) : undefined;
  const slots = new Map(layout.slots.map((slot) => [slot.path, slot]));
  const inputs: Record<string, Float32Array> = {};
  for (const { name, shape, dtype } of given) {
    if (dtype !== "float")
      throw new UsageError(
        `input "${name}": a training program takes floats, got ${dtype}; convert it in the graph with asInt`,
      );
    inputs[name] ??= kernels.float32(sizeAt(shape, batchSize));
  }
  const feedsOf = (program: Program): Record<string, Data> =>
    Object.fromEntries(
      program.inputs.map(({ name }) => {
        const slot = slots.get(name);
        return [name, slot ? viewOf(parameters, slot) : inputs[name]!];
      }),
    );
  const moments = new Map<string, { first: Float32Array; second: Float32Array }>();

  const entries = compiled.map(({ objective, program }): Entry => {
    const gradients = kernels.float32(layout.total);
    const own = { first: kernels.float32(layout.total), second: kernels.float32(layout.total) };
    moments.set(objective.name, own);
    const outputs: Record<string, Float32Array> = {};
    for (const { name, shape } of program.outputs) {
      const slot = name.startsWith("gradient:") ? slots.get(name.slice("gradient:".length)) : undefined;
      outputs[name] = slot ? viewOf(gradients, slot) : kernels.float32(sizeAt(shape, batchSize));
    }
    return {
      objective,
      program,
      run: program.bind(batchSize, feedsOf(program), outputs),
      outputs,
      reported: Object.keys(objective.terms ?? {}),
      ranges: rangesOf(layout, new Set(objective.trains)).map(([from, to]) => ({
        parameters: parameters.subarray(from, to),
        gradients: gradients.subarray(from, to),
        first: own.first.subarray(from, to),
        second: own.second.subarray(from, to),
      })),
    };
  });

  const diagnose = ({ program, objective }: Entry, step: number, what: string): Promise<NumericalError> =>
    firstNonFinite(
      backend,
      program.lowered,
      feedsOf(program),
      `${what} of objective "${objective.name}" at step ${step}`,
    );

  const runEntry = async (
    entry: Entry,
    step: number,
    settings: AdamSettings,
    beforeCommit: (() => Promise<void>) | undefined,
  ): Promise<StepResult> => {
    const { objective, outputs } = entry;
    await entry.run();
    const loss = outputs[lossName]![0]!;
    const terms: Record<string, number> = {};
    let finite = Number.isFinite(loss);
    for (const name of entry.reported) {
      const value = outputs[`term:${name}`]![0]!;
      terms[name] = value;
      finite &&= Number.isFinite(value);
    }
    if (!finite) throw await diagnose(entry, step, `the loss (${loss})`);
    let squares = 0;
    for (const { gradients } of entry.ranges) squares += kernels.sumOfSquares(gradients);
    if (!(squares < largestSquares)) throw await diagnose(entry, step, "the gradient");
    for (const { path } of objective.updates ?? [])
      for (const name of [`total:${path}`, `count:${path}`])
        if (outputs[name] && !Number.isFinite(kernels.sumOfSquares(outputs[name])))
          throw await diagnose(entry, step, `the ${name.replace(":", " for ")}`);
    await beforeCommit?.();
    const count = Math.floor(step / (objective.every ?? 1));
    for (const { parameters, gradients, first, second } of entry.ranges)
      kernels.adam(parameters, gradients, first, second, { ...settings, step: count });
    for (const { path, count: hasCount, decay } of objective.updates ?? []) {
      commit(
        viewOf(parameters, slots.get(path)!),
        outputs[`total:${path}`]!,
        hasCount ? outputs[`count:${path}`] : undefined,
        decay,
      );
    }
    return { loss, terms, gradientNorm: Math.sqrt(squares) };
  };

  return {
    kernels,
    layout,
    parameters,
    average,
    moments,
    inputs,
    async step(step, settings, beforeCommit) {
      const results = new Map<string, StepResult>();
      for (const entry of entries) {
        if (step % (entry.objective.every ?? 1) !== 0) continue;
        const first = results.size === 0;
        results.set(entry.objective.name, await runEntry(entry, step, settings, first ? beforeCommit : undefined));
      }
      return results;
    },
    averageParameters(step, decay) {
      if (average) kernels.average(average, parameters, Math.min(decay, (1 + step) / (10 + step)));
    },
    async release() {
      await Promise.all(entries.map(({ program }) => program.release()));
    },
  };
}

/** state ← decay·state + (1 − decay)·total/count; where nothing was counted the state stays as it is. */
function commit(state: Float32Array, total: Float32Array, count: Float32Array | undefined, decay: number): void {
  const share = count ? state.length / count.length : 1; // elements that one count is for
  for (let i = 0; i < state.length; i++) {
    const counted = count ? count[Math.floor(i / share)]! : 1;
    if (counted > 0) state[i] = decay * state[i]! + ((1 - decay) * total[i]!) / counted;
  }
}
