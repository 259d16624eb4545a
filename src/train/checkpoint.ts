import { NumericalError } from "../errors.ts";
import { encodeSafetensors, type NamedArray } from "../storage/safetensors-encode.ts";
import type { Storage } from "../storage/storage.ts";
import { divergenceAdvice, firstBad } from "./diagnose.ts";
import { type Layout, viewOf } from "./layout.ts";
import type { Skips, TrainingProgram } from "./program.ts";

/** Which weights were the best so far, and how good: chosen by `finalObjectiveNats` of the validation data. */
export interface Best {
  readonly epoch: number;
  readonly step: number;
  readonly objectiveNats: number;
  readonly negElboNats: number;
}

/** Everything of a run that is not a tensor, so that a resumed run goes on to the bit. */
export interface TrainingState {
  /** 1 had the weights of hidden dense layers the other way round. */
  readonly version: 2;
  /** Optimizer steps taken: the epoch, the place in it and every draw follow from it. */
  readonly step: number;
  /** Sums of the epoch so far, by term, and of what they were summed over. */
  readonly epochSums: Readonly<Record<string, number>>;
  readonly epochSteps: number;
  readonly epochExamples: number;
  /** Seconds of training, over all sessions of the run. */
  readonly seconds: number;
  readonly best: Best | null;
  readonly validationsSinceBest: number;
  /** How often the plateau schedule has lowered the learning rate. */
  readonly reductions: number;
  /** Steps that were skipped, by objective. */
  readonly skipped: Readonly<Record<string, Readonly<Skips>>>;
  /** Fingerprint of the training data, which a resumed run must see again. */
  readonly data: string;
  /** The same of what a conditional model is given with them and with the validation data. */
  readonly conditions?: string | undefined;
}

/** Of the checkpoints, in their run. */
export const folder = "checkpoints";
const nameOf = (step: number): string => `step-${String(step).padStart(12, "0")}.safetensors`;

/** How many checkpoints are kept: the newest, and the one before in case the newest is damaged by the disk. */
const kept = 2;

/** The tensors of one flat buffer under a prefix. */
function tensorsOf(prefix: string, layout: Layout, buffer: Float32Array): [string, NamedArray][] {
  return layout.slots.map((slot) => [`${prefix}${slot.path}`, { shape: slot.shape, data: viewOf(buffer, slot) }]);
}

/** The flat buffers of a training program and the prefix of each within a checkpoint. */
export function buffersOf(program: TrainingProgram, best: Float32Array): (readonly [string, Float32Array])[] {
  return [
    ["parameters/", program.parameters],
    ["best/", best],
    ...(program.average ? ([["average/", program.average]] as const) : []),
    ...[...program.moments].flatMap(([name, { first, second }]) => [
      [`first/${name}/`, first] as const,
      [`second/${name}/`, second] as const,
    ]),
  ];
}

/**
 * Writes a checkpoint, then removes those that are no longer needed. Parameters, moments and state are one file.
 * @throws NumericalError for numbers that are not finite: nobody could go on with them, and the checkpoints there are stay
 */
export async function saveCheckpoint(
  storage: Storage,
  program: TrainingProgram,
  best: Float32Array,
  state: TrainingState,
): Promise<void> {
  const buffers = buffersOf(program, best);
  for (const [prefix, buffer] of buffers) checkFinite(prefix, program.layout, buffer, state.step);
  const tensors = new Map(buffers.flatMap(([prefix, buffer]) => tensorsOf(prefix, program.layout, buffer)));
  await storage.write(`${folder}/${nameOf(state.step)}`, encodeSafetensors(tensors, { state: JSON.stringify(state) }));
  const names = await checkpointNames(storage);
  for (const name of names.slice(0, -kept)) await storage.remove(`${folder}/${name}`);
}

function checkFinite(prefix: string, { slots }: Layout, buffer: Float32Array, step: number): void {
  for (const slot of slots) {
    const values = viewOf(buffer, slot);
    const at = firstBad(values);
    if (at >= 0)
      throw new NumericalError(
        `"${prefix}${slot.path}" holds ${values[at]} at element ${at} after step ${step}: no checkpoint of that is written, and those of before stay. ${divergenceAdvice}`,
      );
  }
}

/** Names of the checkpoints there are, oldest first: by number, since names may have more or fewer digits. */
export async function checkpointNames(storage: Storage): Promise<string[]> {
  const names = (await storage.list(folder)).filter((name) => pattern.test(name));
  return names.sort((a, b) => stepOf(a) - stepOf(b));
}

const pattern = /^step-(\d+)\.safetensors$/;
export const stepOf = (name: string): number => Number(pattern.exec(name)![1]);
