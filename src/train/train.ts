import { staticSize } from "../graph/shape.ts";
import type { Config } from "../config.ts";
import { RunError, UsageError } from "../errors.ts";
import type { Splits } from "../data/dataset.ts";
import { type ElboScorer, elboScorer } from "../evaluate/elbo.ts";
import { meanAndError } from "../evaluate/figures.ts";
import { input } from "../graph/tensor.ts";
import { batchBytes, batchFiller } from "../models/batches.ts";
import { betaObjective, negElbo, weightedMean } from "../models/objective.ts";
import { saveModel } from "../models/portable.ts";
import { buildVae, type Vae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { epochOrder } from "../runtime/shuffle.ts";
import type { Storage } from "../storage/storage.ts";
import { loadCheckpoint, saveCheckpoint, type TrainingState } from "./checkpoint.ts";
import { initializeParameters } from "./initialize.ts";
import { viewOf } from "./layout.ts";
import { appendMetrics, type MetricsRow, type Parts, truncateMetrics } from "./metrics.ts";
import { type TrainingProgram, trainingProgram } from "./program.ts";
import { learningRateAt } from "./schedule.ts";
import { checkSupport, statisticsOf } from "./statistics.ts";

export type ProgressEvent =
  | {
      readonly kind: "start";
      readonly parameters: number;
      readonly epochs: number | null;
      readonly steps: number | null;
      readonly examples: number;
      readonly resumedFrom?: number;
    }
  | ({
      readonly kind: "step";
      readonly epoch: number;
      readonly step: number;
      readonly steps: number | null;
      readonly examplesPerSecond: number;
      readonly secondsLeft: number | null;
    } & Parts)
  | { readonly kind: "epoch"; readonly row: MetricsRow }
  | { readonly kind: "note"; readonly text: string };

export interface TrainOptions {
  readonly data: Splits;
  readonly config: Config;
  /** Where the run's files go. The caller holds its lock. */
  readonly storage: Storage;
  readonly backend: Backend;
  /** Goes on from the newest checkpoint, if there is one. */
  readonly resume?: boolean;
  /** Ends the run after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}

export interface TrainResult {
  readonly stopped: "finished" | "early" | "minutes" | "signal";
  readonly epoch: number;
  readonly step: number;
  readonly seconds: number;
  /** The validation bound of the weights in model/. */
  readonly best: { readonly epoch: number; readonly step: number; readonly negElboNats: number } | null;
}

const names = ["negElboNats", "distortionNats", "rateNats"] as const;
const millisecondsBetweenReports = 100;

/**
 * Trains a VAE and leaves a run behind: metrics, checkpoints and the portable model with the best validation bound.
 * A run that was stopped at any moment and resumed ends with the same parameters, to the bit, as one never stopped.
 * @throws NumericalError when the loss or gradient is not finite; the last checkpoint is kept
 */
export async function trainModel(options: TrainOptions): Promise<TrainResult> {
  const { data, config, storage, backend } = options;
  const report = options.onProgress ?? (() => {});
  const { batchSize, seed } = config.train;
  const { binarization } = config.data;
  if (data.train.count === 0) throw new UsageError("training needs at least one example; the training split is empty");

  const statistics = statisticsOf(data.train);
  const vae = buildVae(config.model, data.train.event, statistics);
  for (const split of [data.train, data.validation]) checkSupport(split, vae.likelihood, config.model.likelihood.kind, binarization !== "none");

  const program = await compileTraining(backend, vae, config);
  const fill = batchFiller(data.train, batchArrays(program, vae, batchSize), { binarization, seed, purpose: "train" });
  initializeParameters(program.parameters, program.layout, vae.parameters, seed);
  program.average?.set(program.parameters);
  const scored = program.average ?? program.parameters; // what is validated, and becomes the model
  const best = scored.slice();
  const scorer = await elboScorer(backend, vae, viewsOf(program, scored), batchSize);

  try {
    const saved = options.resume ? await loadCheckpoint(storage, program, best) : undefined;
    const fingerprint = data.train.fingerprint;
    if (saved && saved.data !== fingerprint)
      throw new RunError(`${storage.location}: the run was trained on other data (fingerprint ${saved.data}, this is ${fingerprint}); resume with the data it began with`);
    await truncateMetrics(storage, saved?.step ?? 0);

    const stepsPerEpoch = Math.ceil(data.train.count / batchSize);
    const { epochs } = config.train;
    const totalSteps = config.train.steps ?? (epochs === null ? null : epochs * stepsPerEpoch);
    report({
      kind: "start",
      parameters: vae.parameters.reduce((total, { shape }) => total + staticSize(shape), 0),
      epochs: epochs ?? (totalSteps === null ? null : Math.ceil(totalSteps / stepsPerEpoch)),
      steps: totalSteps,
      examples: data.train.count,
      ...(saved ? { resumedFrom: saved.step } : {}),
    });

    let step = saved?.step ?? 0;
    let sums: Record<string, number> = { ...saved?.epochSums };
    let epochSteps = saved?.epochSteps ?? 0;
    let bestSoFar = saved?.best ?? null;
    let sinceBest = saved?.validationsSinceBest ?? 0;
    const secondsBefore = saved?.seconds ?? 0;
    const started = performance.now();
    const seconds = () => secondsBefore + (performance.now() - started) / 1000;
    let savedAt = seconds();
    let reportedAt = 0;
    let sessionSteps = 0;
    let order: Uint32Array | undefined;

    const checkpoint = async () => {
      const state: TrainingState = {
        version: 1,
        step,
        epochSums: sums,
        epochSteps,
        seconds: seconds(),
        best: bestSoFar,
        validationsSinceBest: sinceBest,
        data: fingerprint,
      };
      await saveCheckpoint(storage, program, best, state);
      if (bestSoFar) {
        const trained = { epoch: bestSoFar.epoch, step: bestSoFar.step, data: fingerprint, dataName: data.train.name };
        await saveModel(storage, { format: "vaekit-model", version: 1, event: vae.event, config, trained }, vae, viewsOf(program, best));
      }
      savedAt = seconds();
    };
    const ending = (): TrainResult["stopped"] | undefined => {
      if (totalSteps !== null && step >= totalSteps) return "finished";
      if (config.train.patience !== null && sinceBest >= config.train.patience) return "early";
      if (config.train.minutes !== null && seconds() >= config.train.minutes * 60) return "minutes";
      return options.signal?.aborted ? "signal" : undefined;
    };

    let stopped = ending();
    while (!stopped) {
      const epoch = Math.floor(step / stepsPerEpoch);
      const place = step % stepsPerEpoch;
      if (place === 0 || !order) order = epochOrder(data.train.count, seed, epoch);
      if (place === 0) {
        sums = {};
        epochSteps = 0;
      }
      step++;
      sessionSteps++;
      fill(order.subarray(place * batchSize, (place + 1) * batchSize), { epoch, step });
      program.inputs.beta?.fill(config.objective.beta);
      const learningRate = learningRateAt(config.optimizer, step, totalSteps);
      const result = (await program.step(step, { ...config.optimizer, learningRate })).get("elbo")!;
      if (program.average) averageWeights(program, step, config.train.average!);
      for (const [name, value] of Object.entries({ ...result.terms, gradientNorm: result.gradientNorm }))
        sums[name] = (sums[name] ?? 0) + value;
      epochSteps++;

      const rate = (sessionSteps * batchSize * 1000) / (performance.now() - started);
      if (performance.now() - reportedAt >= millisecondsBetweenReports) {
        reportedAt = performance.now();
        const left = totalSteps === null ? null : ((totalSteps - step) * batchSize) / rate;
        report({ kind: "step", epoch: epoch + 1, step, steps: totalSteps, examplesPerSecond: rate, secondsLeft: left, ...partsOf(sums, epochSteps) });
      }

      const last = totalSteps !== null && step >= totalSteps;
      if (place === stepsPerEpoch - 1 || last) {
        const validate = last || (epoch + 1) % config.train.validateEvery === 0;
        const validation = validate ? await validationParts(scorer, data.validation, config) : null;
        if (validation && (!bestSoFar || validation.negElboNats < bestSoFar.negElboNats)) {
          bestSoFar = { epoch: epoch + 1, step, negElboNats: validation.negElboNats };
          sinceBest = 0;
          best.set(scored);
        } else if (validation) sinceBest++;
        const row: MetricsRow = {
          epoch: epoch + 1,
          step,
          seconds: seconds(),
          learningRate,
          beta: config.objective.beta,
          train: partsOf(sums, epochSteps),
          validation,
          examplesPerSecond: rate,
          gradientNorm: (sums.gradientNorm ?? 0) / epochSteps,
        };
        await appendMetrics(storage, row);
        report({ kind: "epoch", row });
      }
      stopped = ending();
      if (!stopped && seconds() - savedAt >= config.train.checkpointSeconds) await checkpoint();
    }
    if (sessionSteps > 0 || !saved) await checkpoint();
    return { stopped, epoch: Math.ceil(step / stepsPerEpoch), step, seconds: seconds(), best: bestSoFar };
  } finally {
    await Promise.all([program.release(), scorer.release()]);
  }
}

/** The training program of the ELBO with β as an input. */
export async function compileTraining(backend: Backend, vae: Vae, config: Config): Promise<TrainingProgram> {
  const x = input("x", ["batch", ...vae.event]);
  const noise = input("noise", ["batch", vae.latent]);
  const weight = input("weight", ["batch"]);
  const terms = negElbo(vae, x, noise);
  const mean = (name: (typeof names)[number]) => weightedMean(terms[name], weight);
  return trainingProgram({
    backend,
    specs: vae.parameters,
    batchSize: config.train.batchSize,
    objectives: [
      {
        name: "elbo",
        minimize: weightedMean(betaObjective(terms, input("beta", [])), weight),
        trains: vae.parameters.filter(({ role }) => role === "trained").map(({ path }) => path),
        terms: { negElboNats: mean("negElboNats"), distortionNats: mean("distortionNats"), rateNats: mean("rateNats") },
      },
    ],
    extraBytes: batchBytes(config.train.batchSize, staticSize(vae.event)),
    average: config.train.average !== null,
  });
}

function batchArrays(program: TrainingProgram, vae: Vae, batchSize: number) {
  const { kernels, inputs } = program;
  return {
    kernels,
    x: inputs.x!,
    noise: inputs.noise!,
    weight: inputs.weight!,
    example: kernels.uint32(batchSize),
    pixels: kernels.uint8(inputs.x!.length),
    latent: vae.latent,
    samples: 1,
  };
}

/** Views of a flat buffer by the parameters' paths. */
function viewsOf(program: TrainingProgram, buffer: Float32Array): Record<string, Float32Array> {
  return Object.fromEntries(program.layout.slots.map((slot) => [slot.path, viewOf(buffer, slot)]));
}

/** The average forgets faster at the start, (1 + t)/(10 + t), so that it does not cling to the initial weights. */
function averageWeights(program: TrainingProgram, step: number, decay: number): void {
  program.kernels.average(program.average!, program.parameters, Math.min(decay, (1 + step) / (10 + step)));
}

function partsOf(sums: Readonly<Record<string, number>>, steps: number): Parts {
  const mean = (name: string) => (sums[name] ?? 0) / steps;
  return { negElboNats: mean("negElboNats"), distortionNats: mean("distortionNats"), rateNats: mean("rateNats") };
}

async function validationParts(scorer: ElboScorer, data: Splits["validation"], config: Config): Promise<Parts> {
  const scores = await scorer.score(data, { binarization: config.data.binarization, seed: config.train.seed, purpose: "validation" });
  const mean = (name: (typeof names)[number]) => meanAndError(scores[name]).mean;
  return { negElboNats: mean("negElboNats"), distortionNats: mean("distortionNats"), rateNats: mean("rateNats") };
}
