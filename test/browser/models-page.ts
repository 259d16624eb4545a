import { type TrainOptions, train, type WebOptions } from "../../src/browser.ts";
import type { MetricsRow } from "../../src/train/metrics.ts";
import { longer, splitsOf } from "../models/row.ts";
import { table } from "../models/table.ts";

/* Trains rows of the table of models in a tab. */

export interface Asked extends WebOptions {
  /** Names of rows. */
  readonly rows: readonly string[];
  readonly steps: number;
  /** How many are trained at a time. */
  readonly atOnce: number;
}

/** What each step of a row was, or the error that its training ended with. */
export type Answers = Readonly<Record<string, readonly MetricsRow["train"][] | string>>;

export async function trainRows({ rows, steps, atOnce, ...options }: Asked): Promise<Answers> {
  const answers: Record<string, readonly MetricsRow["train"][] | string> = {};
  const left = [...rows];
  const work = async (): Promise<void> => {
    // It takes one training after the other: a new one would compile ONNX Runtime anew.
    const worker = new Worker("/worker.js", { type: "module" });
    worker.terminate = () => {};
    for (let name = left.shift(); name !== undefined; name = left.shift())
      answers[name] = await trainRow(name, steps, { ...options, worker: () => worker }).catch(String);
    Worker.prototype.terminate.call(worker);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return answers;
}

async function trainRow(
  name: string,
  steps: number,
  options: Pick<TrainOptions, "worker" | keyof WebOptions>,
): Promise<MetricsRow["train"][]> {
  const row = table.find((known) => known.name === name)!;
  const found: MetricsRow["train"][] = [];
  await train({
    data: splitsOf(row),
    out: `models/${options.device}/${name.replaceAll(/\W+/g, "-")}`,
    config: longer(row, steps).config,
    ...options,
    onProgress: (event) => {
      if (event.kind === "epoch") found.push(event.row.train);
    },
  });
  return found;
}
