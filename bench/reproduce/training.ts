import type { TrainProgress } from "../../src/cli/progress.ts";
import { directoryStorage, kindOfPlace } from "../../src/storage/directory.node.ts";
import { isFresh } from "../../src/train/resume.ts";
import { type ProgressEvent, train } from "../../src/train/train.node.ts";
import { treeState } from "../git.ts";
import type { Experiment } from "./experiment.ts";
import type { Plan, PlannedRun } from "./plan.ts";
import { noteSession, stopOnSignals, trains } from "./session.ts";
import { hasSnapshot, stagesOf, takeSnapshot } from "./snapshots.ts";

export interface TrainingOptions {
  /** Goes on where runs were left: one that is complete is not trained again, one that is not there yet begins. */
  readonly resume: boolean;
  readonly threads: number | undefined;
  readonly progress: TrainProgress;
}

/** Trains the runs of an experiment, one after the other. False when a signal stopped it. */
export async function trainRuns(experiment: Experiment, plan: Plan, options: TrainingOptions): Promise<boolean> {
  const { resume, progress } = options;
  // Before the first of them is trained, the others are seen to be free.
  if (!resume) for (const { directory } of plan.runs) await isFresh(directoryStorage(directory), false);
  const stop = stopOnSignals(progress.note);
  try {
    for (const [i, run] of plan.runs.entries()) {
      if (run.name !== null) progress.note(`Run ${i + 1} of ${plan.runs.length}: ${run.name}`);
      const begun = i === 0 || (await kindOfPlace(run.directory)) !== "none";
      const stopped = await trainRun(experiment, plan, run, { ...options, resume: resume && begun }, stop.signal);
      if (!stopped) continue;
      progress.note(`Stopped after step ${stopped.step}. To go on: the same command with --resume.`);
      return false;
    }
  } finally {
    stop.release();
  }
  return true;
}

/** Trains a run: at one go, or in stages where its weights are kept. The step at which a signal stopped it. */
async function trainRun(
  experiment: Experiment,
  plan: Plan,
  run: PlannedRun,
  options: TrainingOptions,
  signal: AbortSignal,
): Promise<{ readonly step: number } | undefined> {
  const { snapshots, file } = experiment;
  if (!snapshots) return trainTo(undefined, experiment, plan, run, options, signal);
  let { resume } = options;
  for (const step of stagesOf(snapshots, run.config, file)) {
    if (resume && (await hasSnapshot(run.directory, step))) continue;
    const stopped = await trainTo(step, experiment, plan, run, { ...options, resume }, signal);
    if (stopped) return stopped;
    await takeSnapshot(run.directory, step);
    resume = true;
  }
  return undefined;
}

/** @param steps where to stop; default: where the config says */
async function trainTo(
  steps: number | undefined,
  { data, file }: Experiment,
  { base }: Plan,
  { directory, set }: PlannedRun,
  { resume, threads, progress }: TrainingOptions,
  signal: AbortSignal,
): Promise<{ readonly step: number } | undefined> {
  const { commit } = treeState();
  let noted: Promise<void> | undefined;
  const onProgress = (event: ProgressEvent) => {
    if (trains(event)) noted = noteSession(directory, commit);
    progress.onProgress(event);
  };
  const names = { data, out: directory, configName: file };
  const result = await train({ ...names, config: base, set, steps, resume, threads, signal, onProgress });
  await noted;
  return result.stopped === "signal" ? { step: result.step } : undefined;
}
