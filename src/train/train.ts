import { staticSize } from "../graph/shape.ts";
import { epochOrder } from "../runtime/shuffle.ts";
import { appendMetrics, type MetricsRow, type Parts } from "./metrics.ts";
import type { TrainOptions } from "./options.ts";
import { learningRateAt } from "./schedule.ts";
import { openSession, type Session } from "./session.ts";

export interface TrainResult {
  readonly stopped: "finished" | "early" | "minutes" | "signal";
  readonly epoch: number;
  readonly step: number;
  readonly seconds: number;
  /** The validation bound of the weights in model/. */
  readonly best: { readonly epoch: number; readonly step: number; readonly negElboNats: number } | null;
}

const millisecondsBetweenReports = 100;

/**
 * Trains a VAE and leaves a run behind: metrics, checkpoints and the portable model with the best validation bound.
 * A run that was stopped at any moment and resumed ends with the same parameters, to the bit, as one never stopped.
 * @throws NumericalError when the loss or gradient is not finite; the last checkpoint is kept
 */
export async function trainModel(options: TrainOptions): Promise<TrainResult> {
  const session = await openSession(options);
  try {
    return await loop(session, options);
  } finally {
    await session.release();
  }
}

async function loop(
  session: Session,
  { data, config, storage, signal, onProgress }: TrainOptions,
): Promise<TrainResult> {
  const { program, cursor } = session;
  const { batchSize, seed, epochs, minutes, patience, validateEvery, average } = config.train;
  const stepsPerEpoch = Math.ceil(data.train.count / batchSize);
  const totalSteps = config.train.steps ?? (epochs === null ? null : epochs * stepsPerEpoch);
  onProgress?.({
    kind: "start",
    parameters: session.vae.parameters.reduce((total, { shape }) => total + staticSize(shape), 0),
    epochs: epochs ?? (totalSteps === null ? null : Math.ceil(totalSteps / stepsPerEpoch)),
    steps: totalSteps,
    examples: data.train.count,
    ...(session.resumed ? { resumedFrom: cursor.step } : {}),
  });

  const firstStep = cursor.step;
  const started = performance.now();
  let reported = 0;
  let savedAt = session.seconds();
  let order: Uint32Array | undefined;
  program.inputs.beta!.fill(config.objective.beta);

  const ending = (): TrainResult["stopped"] | undefined => {
    if (totalSteps !== null && cursor.step >= totalSteps) return "finished";
    if (patience !== null && cursor.validationsSinceBest >= patience) return "early";
    if (minutes !== null && session.seconds() >= minutes * 60) return "minutes";
    return signal?.aborted ? "signal" : undefined;
  };

  let stopped = ending();
  while (!stopped) {
    const epoch = Math.floor(cursor.step / stepsPerEpoch);
    const place = cursor.step % stepsPerEpoch;
    if (place === 0) {
      cursor.epochSums = {};
      cursor.epochSteps = 0;
    }
    if (place === 0 || !order) order = epochOrder(data.train.count, seed, epoch);
    const step = cursor.step + 1;
    session.fill(order.subarray(place * batchSize, (place + 1) * batchSize), { epoch, step });
    const learningRate = learningRateAt(config.optimizer, step, totalSteps);
    const { terms, gradientNorm } = (await program.step(step, { ...config.optimizer, learningRate })).get("elbo")!;
    if (average !== null) program.averageParameters(step, average);
    cursor.step = step;
    cursor.epochSteps++;
    cursor.epochSums = added(cursor.epochSums, { ...terms, gradientNorm });

    const examplesPerSecond = ((step - firstStep) * batchSize * 1000) / (performance.now() - started);
    if (performance.now() - reported >= millisecondsBetweenReports) {
      reported = performance.now();
      const secondsLeft = totalSteps === null ? null : ((totalSteps - step) * batchSize) / examplesPerSecond;
      const train = partsOf(cursor);
      onProgress?.({
        kind: "step",
        epoch: epoch + 1,
        step,
        steps: totalSteps,
        examplesPerSecond,
        secondsLeft,
        ...train,
      });
    }

    const last = step === totalSteps;
    if (place === stepsPerEpoch - 1 || last) {
      const validation = last || (epoch + 1) % validateEvery === 0 ? await session.validate() : null;
      if (validation) noteValidation(session, epoch + 1, validation.negElboNats);
      const row: MetricsRow = {
        epoch: epoch + 1,
        step,
        seconds: session.seconds(),
        learningRate,
        beta: config.objective.beta,
        train: partsOf(cursor),
        validation,
        examplesPerSecond,
        gradientNorm: (cursor.epochSums.gradientNorm ?? 0) / cursor.epochSteps,
      };
      await appendMetrics(storage, row);
      onProgress?.({ kind: "epoch", row });
    }
    stopped = ending();
    if (!stopped && session.seconds() - savedAt >= config.train.checkpointSeconds) {
      await session.checkpoint();
      savedAt = session.seconds();
    }
  }
  await session.checkpoint(); // also when nothing was left to do: a kill may have come between checkpoint and model
  return {
    stopped,
    epoch: Math.ceil(cursor.step / stepsPerEpoch),
    step: cursor.step,
    seconds: session.seconds(),
    best: cursor.best,
  };
}

function noteValidation({ cursor, keepBest }: Session, epoch: number, negElboNats: number): void {
  if (cursor.best && negElboNats >= cursor.best.negElboNats) {
    cursor.validationsSinceBest++;
    return;
  }
  cursor.best = { epoch, step: cursor.step, negElboNats };
  cursor.validationsSinceBest = 0;
  keepBest();
}

function added(
  sums: Readonly<Record<string, number>>,
  terms: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(Object.entries(terms).map(([name, value]) => [name, (sums[name] ?? 0) + value]));
}

/** Means over the epoch so far. */
function partsOf({ epochSums, epochSteps }: Session["cursor"]): Parts {
  const mean = (name: keyof Parts) => (epochSums[name] ?? 0) / epochSteps;
  return { negElboNats: mean("negElboNats"), distortionNats: mean("distortionNats"), rateNats: mean("rateNats") };
}
