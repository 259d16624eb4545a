import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import type { TrainProgress } from "../../src/cli/progress.ts";
import { applySet, parseConfig } from "../../src/config.ts";
import { VaekitError } from "../../src/errors.ts";
import { directoryStorage } from "../../src/storage/directory.node.ts";
import { readMetrics } from "../../src/train/metrics.ts";
import { type ProgressEvent, type TrainResult, train } from "../../src/train/train.node.ts";
import { treeState } from "../git.ts";
import { thisMachine } from "../machine.ts";
import {
  type Budget,
  type Experiment,
  type ExperimentFile,
  type MeasuredFigure,
  type MeasureOptions,
  meets,
} from "./experiment.ts";
import { writePictures } from "./pictures.ts";
import { type ResultRecord, resultPage, trainingLog } from "./record.ts";
import { commitOf, noteSession, stopOnSignals, trains } from "./session.ts";

const FOLDER = "docs/results";

export interface ReproduceOptions {
  readonly budget: Budget;
  readonly run: string;
  readonly resume: boolean;
  readonly threads: number | undefined;
  /** Takes the test figure though the working tree differs from its commit. */
  readonly allowDirty: boolean;
  readonly progress: TrainProgress;
}

/** Trains, validates, takes the test figure once, and writes the record with its page, pictures and log. */
export async function reproduce(experiment: Experiment, options: ReproduceOptions): Promise<void> {
  const { budget, run, threads, allowDirty, progress } = options;
  const command = `npm run reproduce -- ${experiment.name}${budget === "default" ? "" : ` --budget ${budget}`}`;
  if (treeState().dirty && !allowDirty) {
    progress.note(
      "Files differ from the commit. The test figure is not taken before they are committed (--allow-dirty).",
    );
  }
  const trained = await trainRun(experiment, options);
  if (trained.stopped === "signal") {
    progress.note(`Stopped after step ${trained.step}. To go on: the same command with --resume.`);
    return;
  }

  const measuring: MeasureOptions = {
    run,
    budget,
    threads,
    note: progress.note,
    onProgress: progressLines(progress.note),
  };
  const validated = await experiment.validate(measuring);
  for (const figure of validated) progress.note(figureLine(figure));

  const tree = treeState();
  if (tree.dirty && !allowDirty) {
    throw new VaekitError(
      `the test figure is not taken: files differ from the commit, so that nobody could take it again. ` +
        `Commit them, then measure the trained run by the same command with --resume`,
    );
  }
  const commit = await commitOf(run, tree.commit);
  const tested = await experiment.test(measuring);
  await mkdir(FOLDER, { recursive: true });
  const [result] = tested;
  if (result) await logTestFigure(experiment.name, budget, commit, result);
  for (const figure of tested) progress.note(figureLine(figure));

  const figures = [...tested, ...validated];
  await writeResult(experiment, { command, commit, run, budget, seconds: trained.seconds, figures });
  progress.note(`Written: ${FOLDER}/${resultName(experiment, budget)}.json, .md, .log`);
  const missed = figures.filter((figure) => meets(figure) === false);
  if (missed.length > 0) process.exitCode = 1;
}

async function trainRun(experiment: Experiment, { budget, run, resume, threads, progress }: ReproduceOptions) {
  const { config, budgets } = await readExperiment(experiment);
  const stop = stopOnSignals(progress.note);
  const { commit } = treeState();
  let noted: Promise<void> | undefined;
  const onProgress = (event: ProgressEvent) => {
    if (trains(event)) noted = noteSession(run, commit);
    progress.onProgress(event);
  };
  let result: TrainResult;
  try {
    result = await train({
      data: experiment.data,
      out: run,
      config,
      configName: experiment.file,
      set: budgets[budget],
      resume,
      threads,
      signal: stop.signal,
      onProgress,
    });
  } finally {
    stop.release();
  }
  await noted;
  return result;
}

async function readExperiment({ file }: Experiment): Promise<ExperimentFile> {
  return JSON.parse(await readFile(file, "utf8")) as ExperimentFile;
}

interface Measured {
  readonly command: string;
  readonly commit: string;
  readonly run: string;
  readonly budget: Budget;
  readonly seconds: number;
  readonly figures: readonly MeasuredFigure[];
}

async function writeResult(experiment: Experiment, measured: Measured): Promise<void> {
  const { command, commit, run, budget, seconds, figures } = measured;
  const name = resultName(experiment, budget);
  const { config: written, budgets } = await readExperiment(experiment);
  const config = parseConfig(applySet(written, budgets[budget]), experiment.file);
  const rows = await readMetrics(directoryStorage(run));
  const last = rows.at(-1);
  const record: ResultRecord = {
    name,
    command,
    commit,
    seed: config.train.seed,
    seconds: Math.round(seconds),
    machine: thisMachine(),
    figures,
  };
  const pictures = await writePictures(run, rows, FOLDER, name);
  const log = `${name}.log`;
  const date = new Date().toISOString().slice(0, 10);
  const parts = { date, steps: last?.step ?? 0, epochs: last?.epoch ?? 0, config, pictures, log };
  await writeFile(`${FOLDER}/${log}`, trainingLog(rows, [command, `commit ${commit}`]));
  await writeFile(`${FOLDER}/${name}.json`, `${JSON.stringify(record, null, 2)}\n`);
  await writeFile(`${FOLDER}/${name}.md`, resultPage(record, experiment, parts));
}

/** NAME for the default budget, NAME-short and NAME-full for the others. */
function resultName({ name }: Experiment, budget: Budget): string {
  return budget === "default" ? name : `${name}-${budget}`;
}

/** Every time that a test figure is taken is on record, whatever became of it. */
async function logTestFigure(name: string, budget: Budget, commit: string, figure: MeasuredFigure): Promise<void> {
  const line = [new Date().toISOString(), name, budget, commit, figure.name, figure.value.toFixed(4), figure.unit];
  await appendFile(`${FOLDER}/test-figures.log`, `${line.join("\t")}\n`);
}

function figureLine(figure: MeasuredFigure): string {
  const { name, value, standardError, unit, bar, published } = figure;
  return [
    `${name}: ${value.toFixed(4)}${standardError === null ? "" : ` ± ${standardError.toFixed(4)}`} ${unit}`,
    ...(bar ? [`bar ${bar.op} ${bar.limit}: ${meets(figure) ? "met" : "not met"}`] : []),
    ...(published === null ? [] : [`published ${published}`]),
  ].join("; ");
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
