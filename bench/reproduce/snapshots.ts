import { join } from "node:path";
import type { Config } from "../../src/config.ts";
import { RunError, UsageError } from "../../src/errors.ts";
import { fitting, loadModel } from "../../src/models/portable.ts";
import { readRecord } from "../../src/models/read-record.ts";
import { writeRecord } from "../../src/models/record.ts";
import { saveModel } from "../../src/models/save-model.ts";
import { directoryStorage } from "../../src/storage/directory.node.ts";
import { decodeSafetensors } from "../../src/storage/safetensors.ts";

/*
 * The weights of a run at some of its steps. They are kept while it trains and measured when it has ended, so that a curve
 * over training may be of test data, which are then looked at once.
 */

/** Steps at which weights are kept, rising: the last one ends the run. */
export type StepsKept = (steps: number) => readonly number[];

/** Evenly spread by their logarithm from about `first` on, about so many for each power of ten. */
export const spreadByLogarithm =
  (first: number, perDecade: number): StepsKept =>
  (steps) => {
    const decades = Math.max(Math.log10(steps / first), 0);
    const parts = Math.round(decades * perDecade);
    return Array.from({ length: parts + 1 }, (_, i) => Math.round(steps / 10 ** ((parts - i) / perDecade)));
  };

/**
 * The stages in which a run is trained: up to each step at which its weights are kept.
 * @throws UsageError for a run whose steps depend on how many they will be
 */
export function stagesOf(kept: StepsKept, { train, optimizer }: Config, where: string): readonly number[] {
  if (train.steps === null) throw new UsageError(`${where}: train.steps: expected a number of steps, got null`);
  if (optimizer.schedule.kind === "cosine")
    throw new UsageError(
      `${where}: optimizer.schedule: expected one that does not go by the length of the run, since it is trained in stages, got "cosine"; take "constant", "step" or "plateau"`,
    );
  return kept(train.steps);
}

/** Where the weights of a step are: a run of its own, which can be scored. */
export const snapshotOf = (run: string, step: number): string => join(run, "snapshots", `step-${step}`);

export const hasSnapshot = (run: string, step: number): Promise<boolean> =>
  directoryStorage(snapshotOf(run, step)).exists("model/model.json");

/** The steps of which a run's weights are kept, rising. */
export async function snapshotSteps(run: string): Promise<number[]> {
  const names = await directoryStorage(run).list("snapshots");
  return names.map((name) => Number(name.replace("step-", ""))).sort((a, b) => a - b);
}

/**
 * Keeps the weights of a run that has come to the end of a stage; those in its model/ are the best on the validation data.
 * @throws RunError where its newest checkpoint is of another step
 */
export async function takeSnapshot(run: string, step: number): Promise<void> {
  const from = directoryStorage(run);
  const { description, vae } = await loadModel(from);
  const newest = `checkpoints/${(await from.list("checkpoints")).at(-1)}`;
  const file = `${run}/${newest}`;
  const { tensors, metadata } = decodeSafetensors(await from.read(newest), file);
  const state = JSON.parse(metadata.state ?? "{}") as { readonly step?: number };
  if (state.step !== step) throw new RunError(`${file}: expected the state after step ${step}, got ${state.step}`);
  const weights = Object.fromEntries(
    vae.parameters.map(({ path, shape }) => [path, fitting(tensors, `parameters/${path}`, shape, file)]),
  );
  const to = directoryStorage(snapshotOf(run, step));
  const record = await readRecord(from);
  if (record) await writeRecord(to, record); // where the data are
  const { weightsSha256: _, trained, ...rest } = description;
  await saveModel(to, { ...rest, trained: { ...trained, step } }, vae, weights);
}
