import { NumericalError, UsageError } from "../errors.ts";
import type { ParameterSpec } from "../nn/parameters.ts";
import type { Backend, Data } from "../runtime/backend.ts";
import { type Drawing, perform } from "../runtime/drawing.ts";
import type { Kernels } from "../runtime/kernels.ts";
import { firstNonFinite } from "./diagnose.ts";
import {
  type Batches,
  checkWeight,
  commitState,
  type Gathering,
  gatherResults,
  noExamples,
  weightsOfParts,
} from "./gather.ts";
import { checkGroups, type ParameterGroup, withoutFrozen } from "./groups.ts";
import { type Layout, layoutOf, viewOf } from "./layout.ts";
import { createMember } from "./member.ts";
import { checkObjectives, lossName, type ObjectiveEntry } from "./objectives.ts";
import { checkSettings, type OptimizerSettings } from "./optimizer.ts";
import { type LoweredObjective, layOut, lowerObjectives } from "./plan.ts";
import { alone, divisionFor, type Helpers, undivided } from "./team.ts";

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
  /** Given these, each of the backend's threads computes a part of a batch where that can be done. */
  readonly helpers?: Helpers | undefined;
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
 * allocates nothing. Or, on a device with memory of its own, they stay there from the first step on: the arrays are then
 * as `download` last left them, and what is written to them counts if it is before the first step or after `download`.
 * Nothing is committed before the loss, the terms and the gradient were seen to be finite.
 */
export interface TrainingProgram {
  /** Threads that each compute a part of a batch. */
  readonly members: number;
  /** Parts in which each of them does so. */
  readonly pieces: number;
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
  /** What the next step draws into its inputs before all else, each thread the numbers of its rows. */
  draw(drawings: readonly Drawing[]): void;
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
  averageParameters(step: number, decay: number): Promise<void>;
  /** Brings parameters, moments and average to the arrays; on a processor they are there. */
  download(): Promise<void>;
  /**
   * Operators that run on the processor for want of one on the device, and how often each; undefined where all is done by
   * the processor, or it cannot be told.
   */
  fallbacks(): Promise<Readonly<Record<string, number>> | undefined>;
  release(): Promise<void>;
}

/** One objective, and where its numbers are. */
interface Entry extends Gathering, LoweredObjective {
  readonly index: number;
  /** Of each part, by name. */
  readonly results: readonly Readonly<Record<string, Float32Array>>[];
}

/** Adam squares gradients in float32: beyond its largest number the second moment would be infinite. */
const largestSquares = 3.4e38;
/** So many steps skipped in a row are no spike. */
const mostSkipped = 100;

export async function trainingProgram(options: TrainingOptions): Promise<TrainingProgram> {
  const { backend, specs, batchSize, groups = [], helpers } = options;
  checkObjectives(options.objectives, specs);
  checkGroups(groups, specs);
  const resident = backend.resident ?? false;
  const device = resident ? await import("./device-member.ts") : undefined;
  const objectives = lowerObjectives(
    withoutFrozen(options.objectives, groups),
    specs,
    device?.deviceOutputs(specs, groups),
  );
  const threads = helpers ? backend.threads : 1;
  const { members, pieces } = resident ? undivided : divisionFor(threads, batchSize, layoutOf(specs).total, objectives);
  const parts = members * pieces;
  const { accumulates = false } = options;
  const { kernels, layout, plan, inputs } = layOut(objectives, {
    specs,
    batchSize,
    members,
    pieces,
    threads: Math.floor(backend.threads / members),
    average: options.average ?? false,
    accumulates,
    resident,
    groups,
    extraBytes: options.extraBytes ?? 0,
    alias: helpers?.alias,
  });
  const onDevice = await device?.createDeviceMember(backend, kernels, plan, layout);
  const member = onDevice ?? (await createMember(backend, kernels, plan, 0));
  const team =
    helpers && members > 1 ? await helpers.assemble(member, plan, kernels.memory, helpers.start) : alone(member);
  const download = async () => onDevice?.download();
  const at = kernels.float32At;
  const parameters = at(plan.parameters);
  const slots = new Map(layout.slots.map((slot) => [slot.path, slot]));
  const skipped = new Map(objectives.map(({ objective }): [string, Skips] => [objective.name, { total: 0, inRow: 0 }]));
  const moments = new Map(
    objectives.map(({ objective: { name } }, i) => {
      const { first, second } = plan.entries[i]!;
      return [name, { first: at(first), second: at(second) }];
    }),
  );

  const entries = objectives.map((objective, index): Entry => {
    const results = plan.entries[index]!.parts.map((part) =>
      Object.fromEntries(part.results.map((place) => [place.name, at(place)])),
    );
    const gathered = Object.fromEntries(Object.entries(results[0]!).map(([name, array]) => [name, array.slice()]));
    const sums = new Set(Object.keys(gathered).filter((name) => /^(total|count):/.test(name)));
    return { ...objective, index, results, gathered, sums };
  });

  const feedsOf = ({ lowered }: Entry): Record<string, Data> =>
    Object.fromEntries(
      lowered.inputs.map(({ name }) => {
        const slot = slots.get(name);
        return [name, slot ? viewOf(parameters, slot) : inputs[name]!];
      }),
    );

  const diagnose = async (entry: Entry, step: number, what: string): Promise<NumericalError> => {
    await download();
    const where = `${what} of objective "${entry.objective.name}" at step ${step}`;
    return firstNonFinite(backend, entry.lowered, feedsOf(entry), where);
  };

  let toDraw: readonly Drawing[] = [];

  /** Computes the loss and its gradient, of one batch or of several. */
  const compute = async (entry: Entry, batches: Batches | undefined) => {
    const { name } = entry.objective;
    let before = 0;
    let squares = 0;
    let bad: number | undefined;
    for (let i = 0; i < (batches?.count ?? 1); i++) {
      const weight = await batches?.fill(i, name);
      if (weight !== undefined) checkWeight(weight, i, name);
      if (weight === 0) {
        toDraw = [];
        continue;
      }
      const weights = weightsOfParts(entry.objective, inputs, { batchSize, parts, total: weight });
      const drawings = toDraw;
      toDraw = []; // the other objectives take the same numbers
      await team.together({ kind: "run", entry: entry.index, weights, drawings });
      squares = await team.together({ kind: "gather", entry: entry.index, weights, before });
      let finite = Number.isFinite(squares);
      for (const [j, part] of weights.entries()) {
        if (part === 0) continue;
        finite = gatherResults(entry, entry.results[j]!, part, before) && finite;
        before += part;
      }
      if (!finite) bad ??= i;
    }
    if (before === 0) noExamples(name);
    return { squares, bad };
  };

  /** What is wrong with the numbers that a run gave, or the squared norm of the gradient. */
  const inspected = ({ objective, gathered, sums }: Entry, squares: number): number | string => {
    const loss = gathered[lossName]![0]!;
    const terms = Object.keys(objective.terms ?? {}).map((name) => gathered[`term:${name}`]![0]!);
    if (!Number.isFinite(loss) || !terms.every(Number.isFinite)) return `the loss (${loss})`;
    if (!(squares < largestSquares)) return "the gradient";
    for (const name of sums) if (!gathered[name]!.every(Number.isFinite)) return `the ${name.replace(":", " for ")}`;
    return squares;
  };

  const runEntry = async (
    entry: Entry,
    step: number,
    settings: OptimizerSettings,
    { beforeCommit, batches }: StepOptions,
  ): Promise<StepResult> => {
    const { objective, gathered } = entry;
    const { name, every = 1 } = objective;
    const computed = await compute(entry, batches);
    const squares = inspected(entry, computed.squares);
    const { clip, skipAbove } = settings;
    const result = {
      loss: gathered[lossName]![0]!,
      terms: Object.fromEntries(
        Object.keys(objective.terms ?? {}).map((term) => [term, gathered[`term:${term}`]![0]!]),
      ),
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
      if (computed.bad !== undefined) {
        await batches?.fill(computed.bad, name);
        for (const drawing of toDraw) perform(kernels, drawing, 0, batchSize);
      }
      throw await diagnose(entry, step, squares);
    }
    skips.inRow = 0;
    await beforeCommit?.();
    const taken = Math.floor(step / every) - skips.total; // Adam corrects for the steps that its moments have seen
    const scale = typeof clip === "number" && result.gradientNorm > clip ? clip / result.gradientNorm : 1;
    await team.together({ kind: "update", entry: entry.index, settings, step: taken, scale });
    for (const change of objective.updates ?? [])
      commitState(viewOf(parameters, slots.get(change.path)!), change, gathered);
    return { ...result, skipped: false };
  };

  return {
    members,
    pieces,
    kernels,
    layout,
    parameters,
    average: plan.average && at(plan.average),
    moments,
    skipped,
    inputs,
    draw(drawings) {
      toDraw = [...toDraw, ...drawings];
    },
    async step(step, settings, stepOptions = {}) {
      checkSettings(settings);
      if (stepOptions.batches && !accumulates)
        throw new UsageError(
          "step: batches: the program was made without `accumulates`, and has no room for their sums",
        );
      const { beforeCommit: _, ...others } = stepOptions;
      const results = new Map<string, StepResult>();
      try {
        for (const entry of entries) {
          if (step % (entry.objective.every ?? 1) !== 0) continue;
          const own = results.size === 0 ? stepOptions : others;
          results.set(entry.objective.name, await runEntry(entry, step, settings, own));
        }
      } finally {
        toDraw = []; // what was not drawn is of no other step
      }
      return results;
    },
    async averageParameters(step, decay) {
      if (plan.average) await team.together({ kind: "average", decay: Math.min(decay, (1 + step) / (10 + step)) });
    },
    download,
    fallbacks: async () => onDevice?.fallbacks(),
    release: () => team.release(),
  };
}

function tooManySkipped(objective: string, step: number, norm: number, skipAbove: number): NumericalError {
  return new NumericalError(
    `objective "${objective}" at step ${step}: the gradient's norm (${norm}) is above optimizer.skipAbove, ${skipAbove}, for the ${mostSkipped + 1}st time in a row: that is no spike. Raise optimizer.skipAbove, or lower optimizer.learningRate`,
  );
}
