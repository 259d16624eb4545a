import { RunError } from "../errors.ts";
import { fitting } from "../models/portable.ts";
import { decodeSafetensors, encodeSafetensors, type NamedArray } from "../storage/safetensors.ts";
import type { Storage } from "../storage/storage.ts";
import { type Layout, viewOf } from "./layout.ts";
import type { TrainingProgram } from "./program.ts";

/** Which weights were the best so far, and how good: chosen by the objective, distortion + β·rate, on validation data. */
export interface Best {
  readonly epoch: number;
  readonly step: number;
  readonly objectiveNats: number;
  readonly negElboNats: number;
}

/** Everything of a run that is not a tensor, so that a resumed run goes on to the bit. */
export interface TrainingState {
  readonly version: 1;
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
  /** Fingerprint of the training data, which a resumed run must see again. */
  readonly data: string;
}

const folder = "checkpoints";
const nameOf = (step: number): string => `step-${String(step).padStart(12, "0")}.safetensors`;

/** How many checkpoints are kept: the newest, and the one before in case the newest is damaged by the disk. */
const kept = 2;

/** The tensors of one flat buffer under a prefix. */
function tensorsOf(prefix: string, layout: Layout, buffer: Float32Array): [string, NamedArray][] {
  return layout.slots.map((slot) => [`${prefix}${slot.path}`, { shape: slot.shape, data: viewOf(buffer, slot) }]);
}

/** The flat buffers of a training program and the prefix of each within a checkpoint. */
function buffersOf(program: TrainingProgram, best: Float32Array): (readonly [string, Float32Array])[] {
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

/** Writes a checkpoint, then removes those that are no longer needed. Parameters, moments and state are one file. */
export async function saveCheckpoint(
  storage: Storage,
  program: TrainingProgram,
  best: Float32Array,
  state: TrainingState,
): Promise<void> {
  const tensors = new Map(
    buffersOf(program, best).flatMap(([prefix, buffer]) => tensorsOf(prefix, program.layout, buffer)),
  );
  await storage.write(`${folder}/${nameOf(state.step)}`, encodeSafetensors(tensors, { state: JSON.stringify(state) }));
  const names = await checkpointNames(storage);
  for (const name of names.slice(0, -kept)) await storage.remove(`${folder}/${name}`);
}

/** Names of the checkpoints there are, oldest first. */
async function checkpointNames(storage: Storage): Promise<string[]> {
  return (await storage.list(folder)).filter((name) => /^step-\d+\.safetensors$/.test(name)).sort();
}

/**
 * Loads the newest checkpoint into a training program; undefined when there is none.
 * @throws RunError when it cannot be read or does not fit the model
 */
export async function loadCheckpoint(
  storage: Storage,
  program: TrainingProgram,
  best: Float32Array,
): Promise<TrainingState | undefined> {
  const name = (await checkpointNames(storage)).at(-1);
  if (!name) return undefined;
  const path = `${folder}/${name}`;
  const file = `${storage.location}/${path}`;
  const { tensors, metadata } = decoded(await storage.read(path), file);
  const state = parseState(metadata.state, file);
  for (const [prefix, buffer] of buffersOf(program, best)) {
    for (const slot of program.layout.slots) {
      viewOf(buffer, slot).set(fitting(tensors, `${prefix}${slot.path}`, slot.shape, file));
    }
  }
  return state;
}

/** A damaged checkpoint is not passed over without a word: the user decides to go on from the one before it. */
function decoded(bytes: Uint8Array, file: string): ReturnType<typeof decodeSafetensors> {
  try {
    return decodeSafetensors(bytes, file);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    throw new RunError(`${error.message}. Remove this file to resume from the checkpoint before it`, { cause: error });
  }
}

function parseState(text: string | undefined, file: string): TrainingState {
  let state: { readonly version?: unknown };
  try {
    state = JSON.parse(text ?? "") as { readonly version?: unknown };
  } catch {
    throw new RunError(
      `${file}: its metadata holds no training state; remove this file to resume from the checkpoint before it`,
    );
  }
  if (state.version !== 1)
    throw new RunError(
      `${file}: written by a later version of vaekit (state version ${state.version}, this one reads 1); upgrade vaekit`,
    );
  return state as TrainingState;
}
