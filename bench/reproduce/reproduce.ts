import { appendFile, mkdir } from "node:fs/promises";
import type { TrainProgress } from "../../src/cli/progress.ts";
import { VaekitError } from "../../src/errors.ts";
import { treeState } from "../git.ts";
import { type Budget, type Experiment, type MeasuredFigure, type MeasureOptions, meets } from "./experiment.ts";
import { readPlan } from "./plan.ts";
import { figureText } from "./record.ts";
import { resultName, writeResult } from "./result.ts";
import { commitOf } from "./session.ts";
import { type TrainingOptions, trainRuns } from "./training.ts";

const FOLDER = "docs/results";

export interface ReproduceOptions extends TrainingOptions {
  readonly budget: Budget;
  /** Where the run lies; a folder of runs, where there are several. */
  readonly out: string;
  /** Takes the test figure though the working tree differs from its commit. */
  readonly allowDirty: boolean;
  readonly progress: TrainProgress;
}

/** Trains, validates, takes the test figure once, and writes the record with its page, pictures and log. */
export async function reproduce(experiment: Experiment, options: ReproduceOptions): Promise<void> {
  const { budget, out, threads, allowDirty, progress } = options;
  const command = `npm run reproduce -- ${experiment.name}${budget === "default" ? "" : ` --budget ${budget}`}`;
  const plan = await readPlan(experiment.file, budget, out);
  if (treeState().dirty && !allowDirty) {
    progress.note(
      "Files differ from the commit. The test figure is not taken before they are committed (--allow-dirty).",
    );
  }
  if (!(await trainRuns(experiment, plan, options))) return;

  const measuring: MeasureOptions = {
    runs: plan.runs,
    budget,
    threads,
    note: progress.note,
    onProgress: progressLines(progress.note),
  };
  const validated = await experiment.validate(measuring);
  for (const figure of validated) progress.note(figureText(figure));

  const tree = treeState();
  if (tree.dirty && !allowDirty) {
    throw new VaekitError(
      `the result is not taken: files differ from the commit, so that nobody could take it again. ` +
        `Commit them, then measure what is trained by the same command with --resume`,
    );
  }
  const commit = await commitOf(
    plan.runs.map(({ directory }) => directory),
    tree.commit,
  );
  const tested = await experiment.test(measuring);
  await mkdir(FOLDER, { recursive: true });
  const [result] = tested;
  if (result) await logTestFigure(experiment.name, budget, commit, result);
  for (const figure of tested) progress.note(figureText(figure));

  const figures = [...tested, ...validated];
  await writeResult(FOLDER, experiment, { command, commit, plan, budget, figures });
  progress.note(`Written: ${FOLDER}/${resultName(experiment, budget)}.json, .md, .log`);
  const missed = figures.filter((figure) => meets(figure) === false);
  if (missed.length > 0) process.exitCode = 1;
}

/** Every time that a test figure is taken is on record, whatever became of it. */
async function logTestFigure(name: string, budget: Budget, commit: string, figure: MeasuredFigure): Promise<void> {
  const line = [new Date().toISOString(), name, budget, commit, figure.name, figure.value.toFixed(4), figure.unit];
  await appendFile(`${FOLDER}/test-figures.log`, `${line.join("\t")}\n`);
}

const LINE_EVERY_MS = 30_000;

/** Progress of a measurement, a line each half minute. */
function progressLines(note: (line: string) => void): (done: number, total: number) => void {
  let writtenAt = Date.now();
  return (done, total) => {
    if (Date.now() - writtenAt < LINE_EVERY_MS) return;
    writtenAt = Date.now();
    note(`  ${done} of ${total}`);
  };
}
