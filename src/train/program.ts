import { NumericalError, UsageError } from "../errors.ts";

import type { Signature } from "../graph/lower.ts";
import { sizeAt } from "../graph/shape.ts";
import type { ParameterSpec } from "../nn/parameters.ts";
import type { Backend, Data } from "../runtime/backend.ts";
import { createKernels, type Kernels } from "../runtime/kernels.ts";
import { compile, type Program } from "../runtime/program.ts";
import { accumulate, type Batches, type Gathering } from "./accumulate.ts";
import { firstNonFinite } from "./diagnose.ts";
import { checkGroups, type ParameterGroup, type Stretch, stretchesOf, withoutFrozen } from "./groups.ts";
import { type Layout, layoutOf, rangesOf, viewOf } from "./layout.ts";
import { checkObjectives, lossName, type ObjectiveEntry, outputsOf, type StateUpdate } from "./objectives.ts";
import { checkSettings, type OptimizerSettings, update } from "./optimizer.ts";

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
  /** A step may be made of several batches, for which gradients are kept beside each other's mean. */
  readonly accumulates?: boolean;
  readonly groups?: readonly ParameterGroup[];
}

export interface Skips {
  total: number;
  inRow: number;
}

/** What one step of one objective gave. */
export interface StepResult {
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  /** Before clipping. */
  readonly gradientNorm: number;
  /** The gradient was above `skipAbove` or not finite, and changed nothing. */
  readonly skipped: boolean;
}

export interface StepOptions {
  /**
   * Called when everything of the first objective was seen to be finite, before anything changes: the place for a
   * checkpoint of parameters that are known to be good.
   */
  readonly beforeCommit?: (() => Promise<void>) | undefined;
  /** Default: the one batch that the inputs hold. */
  readonly batches?: Batches;
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
  /** Steps that were skipped, by objective, in all and in a row up to now: for checkpoints. */
  readonly skipped: ReadonlyMap<string, Skips>;
  /** The arrays behind every input that is not a parameter: fill them, then step. */
  readonly inputs: Readonly<Record<string, Float32Array>>;
  /**
   * One optimizer step of every objective that is due, in their order: each sees what those before it changed.
   * @param step counted from 1
   * @throws NumericalError naming the first tensor that is not finite; parameters and state are then unchanged by it
   */
  step(step: number, settings: OptimizerSettings, options?: StepOptions): Promise<ReadonlyMap<string, StepResult>>;
  /**
   * Moves the average towards the parameters: average ← d·average + (1 − d)·parameters, with d = decay, or less in the
   * first steps, (1 + t)/(10 + t), so that it does not cling to the initial weights.
   */
  averageParameters(step: number, decay: number): void;
  release(): Promise<void>;
}

/** One objective, compiled. What is applied is gathered from several batches, or else the outputs themselves. */
interface Entry extends Gathering {
  readonly objective: ObjectiveEntry;
  readonly program: Program;
  readonly stretches: readonly Stretch[];
}

/** Adam squares gradients in float32: beyond its largest number the second moment would be infinite. */
const largestSquares = 3.4e38;
/** So many steps skipped in a row are no spike. */
const mostSkipped = 100;

export async function trainingProgram(options: TrainingOptions): Promise<TrainingProgram> {
  const { backend, specs, batchSize, groups = [], accumulates = false } = options;
  checkObjectives(options.objectives, specs);
  checkGroups(groups, specs);
  const objectives = withoutFrozen(options.objectives, groups);
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
  const buffers = (options.average ? 2 : 1) + (accumulates ? 4 : 3) * objectives.length;
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
  const skipped = new Map(objectives.map(({ name }): [string, Skips] => [name, { total: 0, inRow: 0 }]));
  const moments = new Map<string, { first: Float32Array; second: Float32Array }>();

  const entries = compiled.map(({ objective, program }): Entry => {
    const computed = kernels.float32(layout.total);
    const gradients = accumulates ? kernels.float32(layout.total) : computed;
    const own = { first: kernels.float32(layout.total), second: kernels.float32(layout.total) };
    moments.set(objective.name, own);
    const outputs: Record<string, Float32Array> = {};
    for (const { name, shape } of program.outputs) {
      const slot = name.startsWith("gradient:") ? slots.get(name.slice("gradient:".length)) : undefined;
      outputs[name] = slot ? viewOf(computed, slot) : kernels.float32(sizeAt(shape, batchSize));
    }
    const sums = new Set(Object.keys(outputs).filter((name) => /^(total|count):/.test(name)));
    const scalars = Object.entries(outputs).filter(([name]) => !name.startsWith("gradient:"));
    return {
      objective,
      program,
      sums,
      run: program.bind(batchSize, feedsOf(program), outputs),
      outputs,
      applied: accumulates ? Object.fromEntries(scalars.map(([name, value]) => [name, value.slice()])) : outputs,
      gradients: rangesOf(layout, new Set(objective.trains)).map(([from, to]) => ({
        computed: computed.subarray(from, to),
        applied: gradients.subarray(from, to),
      })),
      stretches: stretchesOf(layout, specs, objective.trains, groups, { parameters, gradients, ...own }),
    };
  });

  const diagnose = ({ program, objective }: Entry, step: number, what: string): Promise<NumericalError> =>
    firstNonFinite(
      backend,
      program.lowered,
      feedsOf(program),
      `${what} of objective "${objective.name}" at step ${step}`,
    );

  /** What is wrong with the numbers that a run gave, or the squared norm of the gradient. */
  const inspected = (entry: Entry): number | string => {
    const { objective, applied } = entry;
    const loss = applied[lossName]![0]!;
    const terms = Object.keys(objective.terms ?? {}).map((name) => applied[`term:${name}`]![0]!);
    if (!Number.isFinite(loss) || !terms.every(Number.isFinite)) return `the loss (${loss})`;
    let squares = 0;
    for (const gradient of entry.gradients) squares += kernels.sumOfSquares(gradient.applied);
    if (!(squares < largestSquares)) return "the gradient";
    for (const name of entry.sums)
      if (!applied[name]!.every(Number.isFinite)) return `the ${name.replace(":", " for ")}`;
    return squares;
  };

  const runEntry = async (
    entry: Entry,
    step: number,
    settings: OptimizerSettings,
    { beforeCommit, batches }: StepOptions,
  ): Promise<StepResult> => {
    const { objective, applied } = entry;
    const { name, every = 1 } = objective;
    const bad = batches ? await accumulate(kernels, name, entry, batches) : await entry.run();
    const squares = inspected(entry);
    const { clip, skipAbove } = settings;
    const result = {
      loss: applied[lossName]![0]!,
      terms: Object.fromEntries(Object.keys(objective.terms ?? {}).map((term) => [term, applied[`term:${term}`]![0]!])),
      gradientNorm: typeof squares === "number" ? Math.sqrt(squares) : Number.NaN,
    };
    const skips = skipped.get(name)!;
    if (typeof skipAbove === "number" && !(result.gradientNorm <= skipAbove)) {
      if (skips.inRow >= mostSkipped) throw tooManySkipped(name, step, result.gradientNorm, skipAbove);
      skips.total++;
      skips.inRow++;
      return { ...result, skipped: true };
    }
    if (typeof squares === "string") {
      if (bad !== undefined) batches?.fill(bad, name);
      throw await diagnose(entry, step, squares);
    }
    skips.inRow = 0;
    await beforeCommit?.();
    const taken = Math.floor(step / every) - skips.total; // Adam corrects for the steps that its moments have seen
    const scale = typeof clip === "number" && result.gradientNorm > clip ? clip / result.gradientNorm : 1;
    update(kernels, entry.stretches, settings, taken, scale);
    for (const change of objective.updates ?? []) commit(viewOf(parameters, slots.get(change.path)!), change, applied);
    return { ...result, skipped: false };
  };

  return {
    kernels,
    layout,
    parameters,
    average,
    moments,
    skipped,
    inputs,
    async step(step, settings, stepOptions = {}) {
      checkSettings(settings);
      if (stepOptions.batches && !accumulates)
        throw new UsageError(
          "step: batches: the program was made without `accumulates`, and has no room for their sums",
        );
      const { beforeCommit: _, ...others } = stepOptions;
      const results = new Map<string, StepResult>();
      for (const entry of entries) {
        if (step % (entry.objective.every ?? 1) !== 0) continue;
        const own = results.size === 0 ? stepOptions : others;
        results.set(entry.objective.name, await runEntry(entry, step, settings, own));
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

function tooManySkipped(objective: string, step: number, norm: number, skipAbove: number): NumericalError {
  return new NumericalError(
    `objective "${objective}" at step ${step}: the gradient's norm (${norm}) is above optimizer.skipAbove, ${skipAbove}, for the ${mostSkipped + 1}st time in a row: that is no spike. Raise optimizer.skipAbove, or lower optimizer.learningRate`,
  );
}

/** state ← decay·state + (1 − decay)·total/count; where nothing was counted the state stays as it is. */
function commit(
  state: Float32Array,
  { path, decay }: StateUpdate,
  applied: Readonly<Record<string, Float32Array>>,
): void {
  const total = applied[`total:${path}`]!;
  const count = applied[`count:${path}`];
  const share = count ? state.length / count.length : 1; // elements that one count is for
  for (let i = 0; i < state.length; i++) {
    const counted = count ? count[Math.floor(i / share)]! : 1;
    if (counted > 0) state[i] = decay * state[i]! + ((1 - decay) * total[i]!) / counted;
  }
}
