import { take } from "../data/dataset.ts";
import { type OpenRun, openRun } from "../models/open.node.ts";
import { type DataChoice, loadRunSplit } from "../models/run-data.node.ts";
import { checkPositive, type EvaluateOptions, type Evaluation, evaluateModel } from "./evaluate.ts";

export interface EvaluateRunOptions extends EvaluateOptions, DataChoice {
  /** The run directory. */
  readonly run: string;
  /** Only the first so many examples. Default: all. */
  readonly examples?: number | undefined;
  readonly threads?: number | undefined;
}

export interface RunEvaluation extends Evaluation {
  readonly run: string;
  readonly epoch: number;
  readonly step: number;
}

/** Evaluates the model of a run directory on a split of its data, or of other data of the same shape. */
export async function evaluateRun(options: EvaluateRunOptions): Promise<RunEvaluation> {
  const { run, examples, samples, threads } = options;
  checkPositive("samples", samples);
  checkPositive("examples", examples);
  const model: OpenRun = await openRun(run, { threads });
  try {
    const data = await loadRunSplit(model, options);
    const scored =
      examples === undefined
        ? data
        : take(
            data,
            Uint32Array.from({ length: Math.min(examples, data.count) }, (_, i) => i),
          );
    const { epoch, step } = model.description.trained;
    return { run, epoch, step, ...(await evaluateModel(model, model.backend, scored, options)) };
  } finally {
    await model.close();
  }
}
