import * as z from "zod/mini";
import { RunError } from "../errors.ts";
import { checkShape, readJson } from "../models/json-file.ts";
import { fitting } from "../models/portable.ts";
import { decodeSafetensors } from "../storage/safetensors.ts";
import type { Storage } from "../storage/storage.ts";
import { buffersOf, checkpointNames, folder, stepOf, type TrainingState } from "./checkpoint.ts";
import { viewOf } from "./layout.ts";
import type { TrainingProgram } from "./program.ts";

const count = z.int().check(z.minimum(0));
const stateSchema: z.ZodMiniType<TrainingState> = z.object({
  version: z.literal(2),
  step: count,
  epochSums: z.catchall(z.object({}), z.number()),
  epochSteps: count,
  epochExamples: count,
  seconds: z.number().check(z.minimum(0)),
  best: z.nullable(z.object({ epoch: count, step: count, objectiveNats: z.number(), negElboNats: z.number() })),
  validationsSinceBest: count,
  reductions: count,
  skipped: z.catchall(z.object({}), z.object({ total: count, inRow: count })),
  data: z.string(),
  conditions: z.optional(z.string()),
});

/**
 * Loads the newest checkpoint into a training program; undefined when there is none. A damaged one is not passed over
 * without a word: the user decides to go on from the one before it.
 * @param check refuses the state of a run on other data, whose model's tensors may well have other shapes
 * @throws RunError when it cannot be read or does not fit the model
 */
export async function loadCheckpoint(
  storage: Storage,
  program: TrainingProgram,
  best: Float32Array,
  check: (state: TrainingState) => void,
): Promise<TrainingState | undefined> {
  const names = await checkpointNames(storage);
  const name = names.at(-1);
  if (!name) return undefined;
  const file = `${storage.location}/${folder}/${name}`;
  const bytes = await storage.read(`${folder}/${name}`);
  const advice = await adviceOnDamage(storage, names.at(-2));

  const { tensors, metadata } = advised(advice, () => decodeSafetensors(bytes, file));
  const stored = advised(advice, () => readJson(metadata.state ?? "", `${file}: training state`, damaged));
  refuseOtherVersion(stored, file);
  const state = advised(advice, () => checkShape(stored, stateSchema, `${file}: training state`, damaged));
  check(state);
  return advised(advice, () => {
    for (const [objective, skips] of program.skipped) Object.assign(skips, state.skipped[objective]);
    if (state.step !== stepOf(name)) throw new RunError(`${file}: is renamed, it holds step ${state.step}`);
    for (const [prefix, buffer] of buffersOf(program, best)) {
      for (const slot of program.layout.slots) {
        viewOf(buffer, slot).set(fitting(tensors, `${prefix}${slot.path}`, slot.shape, file));
      }
    }
    return state;
  });
}

const damaged = "the file is damaged";

function advised<Result>(advice: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    throw new RunError(`${error.message}. ${advice}`, { cause: error });
  }
}

/** What can be done when the newest checkpoint is damaged, given the one before it. */
async function adviceOnDamage(storage: Storage, before: string | undefined): Promise<string> {
  if (before !== undefined) return `Remove this file to resume from the checkpoint before it, ${before}`;
  const model = (await storage.exists("model/model.json")) ? "; the model in model/ can still be used" : "";
  return `It is the only checkpoint of the run: to train on, begin a new run in another directory${model}`;
}

function refuseOtherVersion(state: unknown, file: string): void {
  const version = (state as { readonly version?: unknown } | null)?.version;
  if (version === 1)
    throw new RunError(
      `${file}: written by an earlier version of vaekit (state version 1, this one reads 2), which stored weights in another order; begin a new run in another directory`,
    );
  if (typeof version === "number" && version > 2)
    throw new RunError(
      `${file}: written by a later version of vaekit (state version ${version}, this one reads 2); upgrade vaekit`,
    );
}
