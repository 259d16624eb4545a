import type { ObjectiveConfig } from "../config.objective.ts";
import type { Config } from "../config.ts";
import { NumericalError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import { batchRange } from "../models/batch-range.ts";
import { furtherTerms, hasBatchTerms } from "../models/objective-table.ts";
import { epochOrder } from "../runtime/shuffle.ts";
import type { Best } from "./checkpoint.ts";
import { rowsAtOnce } from "./compile.ts";
import { appendMetrics, type MetricsRow, type Parts, truncateMetrics } from "./metrics.ts";
import type { TrainOptions } from "./options.ts";
import type { StepOptions, StepResult, TrainingProgram } from "./program.ts";
import { finalObjectiveNats, learningRateAt, scalarsAt, stepsOf } from "./schedule.ts";
import { openSession, type Session } from "./session.ts";

export interface TrainResult {
  /** Steps that were taken now; a resumed run may have had nothing left to do. */
  readonly steps: number;
  readonly stopped: "finished" | "early" | "minutes" | "signal";
  readonly epoch: number;
  readonly step: number;
  readonly seconds: number;
  /** The weights in model/, and how good they are on the validation data. */
  readonly best: Best | null;
  /** What `best.objectiveNats` is of. */
  readonly objective: ObjectiveConfig;
}

/** Called when nothing more can be refused, before the first step. */
type Begin = (
  program: Pick<TrainingProgram, "members" | "pieces" | "fallbacks">,
  nothingLeft: boolean,
) => Promise<void>;

const millisecondsBetweenReports = 100;

/**
 * Trains a VAE and leaves a run behind: metrics, checkpoints and the portable model that is best on the validation data.
 * A run that was stopped at any moment and resumed ends with the same parameters, to the bit, as one never stopped.
 * @param begin called when nothing more can be refused, before the first step: writes what only a run that goes on has
 * @throws NumericalError when the loss or gradient is not finite, or what is to be saved; the last checkpoint is kept
 */
export async function trainModel(options: TrainOptions, begin: Begin = async () => undefined): Promise<TrainResult> {
  const session = await openSession(options);
  try {
    return await loop(session, options, begin);
  } finally {
    await session.release();
  }
}

async function loop(
  session: Session,
  { data, config, storage, signal, onProgress }: TrainOptions,
  begin: Begin,
): Promise<TrainResult> {
  const { program, cursor } = session;
  const { batchSize, seed, epochs, minutes, patience, validateEvery, average } = config.train;
  const stepsPerEpoch = Math.ceil(data.train.count / batchSize);
  const totalSteps = stepsOf(config, data.train.count);
  const batches = { count: data.train.count, batchSize, even: hasBatchTerms(config.objective) };
  onProgress?.({
    kind: "start",
    parameters: session.vae.parameters.reduce((total, { shape }) => total + staticSize(shape), 0),
    epochs: epochs ?? (totalSteps === null ? null : Math.ceil(totalSteps / stepsPerEpoch)),
    steps: totalSteps,
    minutes,
    examples: data.train.count,
    ...(session.resumed ? { resumedFrom: cursor.step } : {}),
  });

  const firstStep = cursor.step;
  const started = performance.now();
  let reported = 0;
  let savedAt = session.seconds();
  let examples = 0;
  let order: Uint32Array | undefined;

  const ending = (): TrainResult["stopped"] | undefined => {
    if (totalSteps !== null && cursor.step >= totalSteps) return "finished";
    if (patience !== null && cursor.validationsSinceBest >= patience) return "early";
    if (minutes !== null && session.seconds() >= minutes * 60) return "minutes";
    return signal?.aborted ? "signal" : undefined;
  };

  const save = async () => {
    await session.checkpoint();
    savedAt = session.seconds();
  };

  let stopped = ending();
  // An epoch that goes on gets its row when it ends; one that a shorter run ended within has a row already.
  const underWay = !stopped && cursor.step % stepsPerEpoch > 0 ? Math.ceil(cursor.step / stepsPerEpoch) : null;
  await truncateMetrics(storage, cursor.step, underWay);
  await begin(program, stopped !== undefined);
  while (!stopped) {
    const epoch = Math.floor(cursor.step / stepsPerEpoch);
    const place = cursor.step % stepsPerEpoch;
    if (place === 0) {
      cursor.epochSums = {};
      cursor.epochSteps = 0;
      cursor.epochExamples = 0;
    }
    if (place === 0 || !order) order = epochOrder(data.train.count, seed, epoch);
    const step = cursor.step + 1;
    const rows = order.subarray(...batchRange(place, batches));
    const learningRate = learningRateAt(config.optimizer, step, totalSteps, cursor.reductions);
    const scalars = scalarsAt(config.objective, step);
    for (const [name, value] of Object.entries(scalars)) program.inputs[name]!.fill(value);
    // A checkpoint is due before the update: the loss of these parameters has then been seen to be finite.
    const due = step > firstStep + 1 && session.seconds() - savedAt >= config.train.checkpointSeconds;
    const results = await program.step(
      step,
      { ...config.optimizer, learningRate },
      { ...(await filled(session, config, rows, { epoch, step })), ...(due ? { beforeCommit: save } : {}) },
    );
    const result = results.get(config.objective.kind)!;
    if (average !== null && !result.skipped) await program.averageParameters(step, average);
    cursor.step = step;
    note(cursor, results, config.objective.kind, rows.length);

    examples += rows.length;
    const examplesPerSecond = (examples * 1000) / (performance.now() - started);
    if (performance.now() - reported >= millisecondsBetweenReports) {
      reported = performance.now();
      const seconds = session.seconds();
      const rests = [
        ...(totalSteps === null ? [] : [((totalSteps - step) * batchSize) / examplesPerSecond]),
        ...(minutes === null ? [] : [Math.max(0, minutes * 60 - seconds)]),
      ];
      const train = partsOf(cursor);
      onProgress?.({
        kind: "step",
        epoch: epoch + 1,
        step,
        steps: totalSteps,
        examplesPerSecond,
        seconds,
        secondsLeft: rests.length === 0 ? null : Math.min(...rests),
        ...train,
      });
    }

    const last = step === totalSteps || ending() === "minutes";
    if (place === stepsPerEpoch - 1 || last) {
      const validation = last || (epoch + 1) % validateEvery === 0 ? await session.validate() : null;
      if (validation) noteValidation(session, epoch + 1, validation, config);
      const row: MetricsRow = {
        epoch: epoch + 1,
        step,
        seconds: session.seconds(),
        learningRate,
        ...scalars,
        train: trainedParts(cursor, epoch + 1),
        validation,
        examplesPerSecond,
        gradientNorm: (cursor.epochSums.gradientNorm ?? 0) / cursor.epochSteps,
        skippedSteps: cursor.epochSums.skippedSteps ?? 0,
      };
      await appendMetrics(storage, row);
      onProgress?.({ kind: "epoch", row });
    }
    stopped = last ? (ending() ?? "minutes") : ending();
  }
  await session.checkpoint(); // also when nothing was left to do: a kill may have come between checkpoint and model
  return {
    stopped,
    steps: cursor.step - firstStep,
    epoch: Math.ceil(cursor.step / stepsPerEpoch),
    step: cursor.step,
    seconds: session.seconds(),
    best: cursor.best,
    objective: config.objective,
  };
}

/** The best weights are those of the lowest objective, as it is in the end: `objectiveName` says what. */
function noteValidation(
  { cursor, keepBest }: Session,
  epoch: number,
  parts: Parts,
  { objective, optimizer: { schedule } }: Config,
): void {
  const objectiveNats = finalObjectiveNats(objective, parts);
  if (cursor.best && objectiveNats >= cursor.best.objectiveNats) {
    cursor.validationsSinceBest++;
    if (schedule.kind === "plateau" && cursor.validationsSinceBest % schedule.patience === 0) cursor.reductions++;
    return;
  }
  cursor.best = { epoch, step: cursor.step, objectiveNats, negElboNats: parts.negElboNats };
  cursor.validationsSinceBest = 0;
  keepBest();
}

/** The batch of a step: written at once, or in parts as the step asks for them. */
async function filled(
  { fill }: Session,
  config: Config,
  rows: Uint32Array,
  draw: { readonly epoch: number; readonly step: number },
): Promise<StepOptions> {
  const atOnce = rowsAtOnce(config);
  if (atOnce === config.train.batchSize) {
    await fill(rows, draw);
    return {};
  }
  return {
    batches: {
      count: Math.ceil(rows.length / atOnce),
      async fill(i) {
        const part = rows.subarray(i * atOnce, (i + 1) * atOnce);
        await fill(part, draw);
        return part.length;
      },
    },
  };
}

/**
 * Adds a step to the sums of its epoch: terms over examples, the gradient's norm over steps. A network beside the model
 * has terms alone, over the examples of the steps that it took.
 */
function note(
  cursor: Session["cursor"],
  results: ReadonlyMap<string, StepResult>,
  kind: ObjectiveConfig["kind"],
  examples: number,
): void {
  const sums = { ...cursor.epochSums };
  const add = (name: string, value: number) => {
    sums[name] = (sums[name] ?? 0) + value;
  };
  for (const [name, { terms, gradientNorm, skipped }] of results) {
    const ofModel = name === kind;
    if (skipped) {
      if (ofModel) add("skippedSteps", 1);
      continue;
    }
    if (ofModel) {
      cursor.epochSteps++;
      cursor.epochExamples += examples;
      add("gradientNorm", gradientNorm);
    }
    for (const [term, value] of Object.entries(terms)) {
      add(term, value * examples);
      if (!ofModel) add(examplesOf(term), examples);
    }
  }
  cursor.epochSums = sums;
}

/** Name of the sum of examples that a term which is not of the model was summed over. */
const examplesOf = (term: string): string => `examples of ${term}`;

/** Of a whole epoch. */
function trainedParts(cursor: Session["cursor"], epoch: number): Parts {
  if (cursor.epochExamples > 0) return partsOf(cursor);
  throw new NumericalError(
    `every step of epoch ${epoch} was skipped: the gradient's norm was above optimizer.skipAbove, or not finite, at each; raise it, or lower optimizer.learningRate`,
  );
}

/** Means over the examples of the epoch so far. */
function partsOf({ epochSums, epochExamples }: Session["cursor"]): Parts {
  const mean = (name: keyof Parts) => (epochSums[name] ?? 0) / (epochSums[examplesOf(name)] ?? epochExamples);
  return {
    ...{ negElboNats: mean("negElboNats"), distortionNats: mean("distortionNats"), rateNats: mean("rateNats") },
    ...Object.fromEntries(furtherTerms.flatMap((term) => (epochSums[term] === undefined ? [] : [[term, mean(term)]]))),
  };
}
