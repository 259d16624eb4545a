import * as z from "zod/mini";
import { checkOptions, choice, options as fields, integer, section, text } from "../config.fields.ts";
import { take } from "../data/dataset.ts";
import { type OpenRun, openRun } from "../models/open.node.ts";
import { type DataChoice, loadRunSplit } from "../models/run-data.node.ts";
import { type EvaluateOptions, type Evaluation, evaluationOf, type ModelScores, scoreModel } from "./evaluate.ts";
import { pooledLikelihood } from "./pool.node.ts";

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

const schema = section({
  run: text("the run directory"),
  data: z.optional(text('a file, a folder or "sprites"')),
  split: z.optional(choice(["train", "validation", "test", "all"])),
  examples: z.optional(integer(1, "a positive integer")),
  samples: z.optional(integer(1, "a positive integer")),
  seed: z.optional(fields.seed),
  threads: fields.threads,
  signal: fields.signal,
  onProgress: fields.onProgress,
} satisfies Record<keyof EvaluateRunOptions, z.ZodMiniType>);

/** Evaluates the model of a run directory on a split of its data, or of other data of the same shape. */
export async function evaluateRun(options: EvaluateRunOptions): Promise<RunEvaluation> {
  checkOptions("evaluateRun", schema, options);
  return scored(options, (model, scores) => {
    const { epoch, step } = model.description.trained;
    return { run: options.run, epoch, step, ...evaluationOf(model, scores) };
  });
}

/** As evaluateRun, by example: what figures of two runs on the same examples are compared by. */
export async function scoreRun(options: EvaluateRunOptions): Promise<ModelScores> {
  checkOptions("scoreRun", schema, options);
  return scored(options, (_model, scores) => scores);
}

async function scored<Result>(
  options: EvaluateRunOptions,
  use: (model: OpenRun, scores: ModelScores) => Result,
): Promise<Result> {
  const { run, examples, threads, samples = 0 } = options;
  const model = await openRun(run, { threads });
  try {
    const data = await loadRunSplit(model, options);
    const count = Math.min(examples ?? data.count, data.count);
    const chosen =
      examples === undefined
        ? data
        : take(
            data,
            Uint32Array.from({ length: count }, (_, i) => i),
          );
    const pool = pooledLikelihood(model, model.backend.threads, count, samples);
    return use(model, await scoreModel(model, model.backend, chosen, options, pool));
  } finally {
    await model.close();
  }
}
