import { UsageError } from "../errors.ts";
import { type Lowered, lower, type Signature } from "../graph/lower.ts";
import { batchFactor, isSymbolic, sizeAt } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { flopsOf, largestRowBytes } from "../models/cost.ts";
import type { ParameterSpec } from "../nn/parameters.ts";
import type { Model } from "../runtime/backend.ts";
import { type Alias, createKernels, type Kernels, type Place, scratchBytes } from "../runtime/kernels.ts";
import { type ParameterGroup, type Stretch, stretchesOf } from "./groups.ts";
import { type Layout, layoutOf, viewOf } from "./layout.ts";
import { type ObjectiveEntry, outputsOf } from "./objectives.ts";

/*
 * A training step is the work of one or several threads, its members. Each computes some of the batch's rows, in one part
 * or in several, and then sees to its share of the parameters: adds up their gradients over the parts, and takes the
 * optimizer's step. All of it happens in one memory, where every array has its place from the start.
 */

type Named = Signature & Place;

/** One objective, of the rows of one part. */
interface PartPlan {
  /** How many rows. */
  readonly rows: number;
  /** Inputs and parameters. */
  readonly feeds: readonly Named[];
  /** Inputs of which the member's rows do not lie together, and are copied to where they do. */
  readonly copies: readonly { readonly from: Place; readonly to: Place }[];
  readonly gradients: readonly Named[];
  /** Loss, terms, totals, counts. */
  readonly results: readonly Named[];
  /** The flat buffer of the gradients. */
  readonly computed: Place;
}

/** One objective, as members need it. */
interface EntryPlan {
  readonly model: Model;
  readonly parts: readonly PartPlan[];
  /** Where gradients of several batches are added up; those of one are where each member computed its own. */
  readonly accumulated: Place | undefined;
  /** The optimizer's moments. */
  readonly first: Place;
  readonly second: Place;
  /** What is trained. */
  readonly stretches: readonly Stretch[];
}

/** What there is to do, for all members. It can be sent to another thread. */
export interface Plan {
  readonly members: number;
  /** Parts of each member's rows, which it computes one after the other. */
  readonly pieces: number;
  /** Of each member. */
  readonly threads: number;
  readonly batchSize: number;
  readonly parameters: Place;
  readonly average: Place | undefined;
  readonly entries: readonly EntryPlan[];
  /** Of each member's kernels. */
  readonly scratch: readonly Place[];
}

/** An objective and its graph. */
export interface LoweredObjective {
  readonly objective: ObjectiveEntry;
  readonly lowered: Lowered;
  /** Inputs that are no parameters. */
  readonly inputs: readonly Signature[];
  readonly cost: Cost;
}

/** What a row of an objective's graph costs. */
interface Cost {
  /** Floating-point operations of its matrix products. */
  readonly flops: number;
  /** Of its largest tensor. */
  readonly largestBytes: number;
}

const gradientOf = "gradient:";

/** The outputs of an objective's graph. @param entry its number @param tensors parameters by path */
export type OutputsOf = (
  objective: ObjectiveEntry,
  tensors: ReadonlyMap<string, Tensor>,
  entry: number,
) => Readonly<Record<string, Tensor>>;

/** @throws UsageError for an input that is no float */
export function lowerObjectives(
  objectives: readonly ObjectiveEntry[],
  specs: readonly ParameterSpec[],
  outputs: OutputsOf = outputsOf,
): LoweredObjective[] {
  const tensors = new Map(specs.map(({ path, tensor }) => [path, tensor]));
  return objectives.map((objective, entry) => {
    const made = outputs(objective, tensors, entry);
    const lowered = lower(made);
    const inputs = lowered.inputs.filter(({ name }) => !tensors.has(name));
    const stranger = inputs.find(({ dtype }) => dtype !== "float");
    if (stranger)
      throw new UsageError(
        `input "${stranger.name}": a training program takes floats, got ${stranger.dtype}; convert it in the graph with asInt`,
      );
    const all = Object.values(made);
    return { objective, lowered, inputs, cost: { flops: flopsOf(all), largestBytes: largestRowBytes(all) } };
  });
}

export interface PlanOptions {
  readonly specs: readonly ParameterSpec[];
  readonly batchSize: number;
  readonly members: number;
  readonly pieces: number;
  readonly threads: number;
  readonly average: boolean;
  readonly accumulates: boolean;
  /** Gradients lie in the memory of a device, and take no place here. */
  readonly resident: boolean;
  readonly groups: readonly ParameterGroup[];
  /** For arrays that the caller makes. */
  readonly extraBytes: number;
  /** Needed where there are several members. */
  readonly alias: Alias | undefined;
}

/** The memory of a training, and what lies in it. */
export interface Laid {
  readonly kernels: Kernels;
  readonly layout: Layout;
  readonly plan: Plan;
  /** Of the whole batch, by name. */
  readonly inputs: Readonly<Record<string, Float32Array>>;
}

export function layOut(objectives: readonly LoweredObjective[], options: PlanOptions): Laid {
  const { members, alias } = options;
  const layout = layoutOf(options.specs);
  // Twice: the first time to learn how many bytes it takes.
  let bytes = options.extraBytes;
  place(objectives, layout, options, (length) => {
    bytes += 4 * length + 64;
    return new Float32Array();
  });
  const kernels = createKernels(bytes, members > 1 ? alias : undefined);
  return { kernels, layout, ...place(objectives, layout, options, kernels.float32) };
}

function place(
  objectives: readonly LoweredObjective[],
  layout: Layout,
  { specs, batchSize, members, pieces, threads, average, accumulates, resident, groups }: PlanOptions,
  allocate: (length: number) => Float32Array,
): Pick<Laid, "plan" | "inputs"> {
  const flat = () => allocate(layout.total);
  const slots = new Map(layout.slots.map((slot) => [slot.path, slot]));
  const parameters = flat();
  const averaged = average ? flat() : undefined;
  const inputs: Record<string, Float32Array> = {}; // objectives may share them
  for (const { name, shape } of objectives.flatMap((entry) => entry.inputs))
    inputs[name] ??= allocate(sizeAt(shape, batchSize));

  const parts = members * pieces;
  const partOf = ({ lowered, inputs: given }: LoweredObjective, index: number): PartPlan => {
    const rows = rowsOf(batchSize, index, parts);
    const computed = allocate(resident ? 0 : layout.total);
    const copies: { from: Place; to: Place }[] = [];
    const feedOf = (input: Signature): Named => {
      const whole = inputs[input.name]!;
      const parts = partsOf(input, batchSize, rows).map(({ from, to }) => whole.subarray(from, to));
      if (parts.length === 1) return named(input, parts[0]!);
      const together = allocate(sizeAt(input.shape, rows.to - rows.from));
      for (const [k, part] of parts.entries())
        copies.push({
          from: placeOf(part),
          to: placeOf(together.subarray(k * part.length, (k + 1) * part.length)),
        });
      return named(input, together);
    };
    const inFlat = (signature: Signature, path: string, buffer: Float32Array): Named[] => {
      const slot = slots.get(path);
      return slot ? [named(signature, viewOf(buffer, slot))] : [];
    };
    return {
      rows: rows.to - rows.from,
      feeds: [...given.map(feedOf), ...lowered.inputs.flatMap((input) => inFlat(input, input.name, parameters))],
      copies,
      computed: placeOf(computed),
      gradients: lowered.outputs.flatMap((output) =>
        output.name.startsWith(gradientOf) ? inFlat(output, output.name.slice(gradientOf.length), computed) : [],
      ),
      results: lowered.outputs
        .filter(({ name }) => !name.startsWith(gradientOf))
        .map((output) => named(output, allocate(sizeAt(output.shape, batchSize)))),
    };
  };

  const plan: Plan = {
    scratch: Array.from({ length: members }, () => placeOf(allocate(scratchBytes / 4))),
    members,
    pieces,
    threads,
    batchSize,
    parameters: placeOf(parameters),
    average: averaged && placeOf(averaged),
    entries: objectives.map((entry) => ({
      model: { bytes: entry.lowered.bytes, precision: entry.lowered.precision },
      first: placeOf(flat()),
      second: placeOf(flat()),
      parts: Array.from({ length: parts }, (_, index) => partOf(entry, index)),
      accumulated: accumulates && !resident ? placeOf(flat()) : undefined,
      stretches: stretchesOf(layout, specs, entry.objective.trains, groups),
    })),
  };
  return { plan, inputs };
}

const placeOf = ({ byteOffset, length }: Float32Array): Place => ({ byteOffset, length });

const named = ({ name, shape, dtype }: Signature, array: Float32Array): Named => ({
  name,
  shape,
  dtype,
  ...placeOf(array),
});

interface Range {
  readonly from: number;
  readonly to: number;
}

/** The rows of a batch that a member, or a part, computes of so many. */
export function rowsOf(batchSize: number, index: number, members: number): Range {
  const border = (i: number) => Math.floor((batchSize * i) / members);
  return { from: border(index), to: border(index + 1) };
}

/** Where some rows lie within an input: once, or for each of the samples that are folded into the batch; else all. */
function partsOf({ shape }: Signature, batchSize: number, rows: Range): Range[] {
  const dim = shape[0];
  if (dim === undefined || !isSymbolic(dim)) return [{ from: 0, to: sizeAt(shape, batchSize) }];
  const size = sizeAt(shape.slice(1), batchSize); // of one row
  return Array.from({ length: batchFactor(dim) }, (_, k) => ({
    from: (k * batchSize + rows.from) * size,
    to: (k * batchSize + rows.to) * size,
  }));
}

/** Multiples of it keep the kernels' loops whole, and two members from writing to one cache line. */
const unit = 16;

/** A member's share of some stretches. */
export function shareOf<Part extends Range>(stretches: readonly Part[], index: number, members: number): Part[] {
  const total = stretches.reduce((sum, { from, to }) => sum + to - from, 0);
  const border = (i: number) => (i === members ? total : Math.round((total * i) / members / unit) * unit);
  const [begin, end] = [border(index), border(index + 1)];
  let passed = 0;
  return stretches.flatMap((stretch) => {
    const from = Math.max(stretch.from, stretch.from + begin - passed);
    const to = Math.min(stretch.to, stretch.from + end - passed);
    passed += stretch.to - stretch.from;
    return from < to ? [{ ...stretch, from, to }] : [];
  });
}
