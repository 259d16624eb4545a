import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { directoryStorage } from "../../src/storage/directory.node.ts";
import { readMetrics } from "../../src/train/metrics.ts";
import { thisMachine } from "../machine.ts";
import type { Budget, Experiment, MeasuredFigure } from "./experiment.ts";
import { writePictures } from "./pictures.ts";
import type { Plan } from "./plan.ts";
import { costFigures, type ResultRecord, resultPage, type TrainedRun, trainingLog } from "./record.ts";

/** A result that was measured. */
export interface Measured {
  readonly command: string;
  readonly commit: string;
  readonly plan: Plan;
  readonly budget: Budget;
  readonly figures: readonly MeasuredFigure[];
}

/** Writes the record of a result into a folder, as NAME.json, with its page NAME.md, the pictures on it, and NAME.log. */
export async function writeResult(folder: string, experiment: Experiment, measured: Measured): Promise<void> {
  const { command, commit, plan, budget, figures } = measured;
  const name = resultName(experiment, budget);
  const runs: TrainedRun[] = [];
  for (const run of plan.runs) {
    const rows = await readMetrics(directoryStorage(run.directory));
    runs.push({ ...run, objective: run.config.objective, rows });
  }
  const record: ResultRecord = {
    name,
    command,
    commit,
    seed: plan.config.train.seed,
    seconds: Math.round(runs.reduce((total, { rows }) => total + (rows.at(-1)?.seconds ?? 0), 0)),
    machine: thisMachine(),
    figures: runs.length > 1 ? [...figures, ...costFigures(runs)] : figures,
  };
  const pictures = await (experiment.pictures?.(runs, folder, name) ?? writePictures(runs, folder, name));
  const log = `${name}.log`;
  const date = new Date().toISOString().slice(0, 10);
  await writeFile(join(folder, log), trainingLog(runs, [command, `commit ${commit}`]));
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
  const page = resultPage(record, experiment, { date, runs, config: plan.config, pictures, log });
  await writeFile(join(folder, `${name}.md`), page);
}

/** NAME for the default budget, NAME-short and NAME-full for the others. */
export function resultName({ name }: Experiment, budget: Budget): string {
  return budget === "default" ? name : `${name}-${budget}`;
}
