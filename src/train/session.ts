import type { Dataset } from "../data/dataset.ts";
import { NumericalError, RunError } from "../errors.ts";
import { type ElboScores, elboScorer } from "../evaluate/elbo.ts";
import { meanAndError } from "../evaluate/figures.ts";
import { batchFetcher, type FetchBatch } from "../models/batches.ts";
import { examplesName } from "../models/objective-table.ts";
import { saveModel } from "../models/save-model.ts";
import { drawsOf } from "../models/step.ts";
import { trainingInputs, trainingParameters } from "../models/training.ts";
import type { Vae } from "../models/vae.ts";
import { saveCheckpoint, type TrainingState } from "./checkpoint.ts";
import { compileTraining, rowsAtOnce } from "./compile.ts";
import { initializeParameters } from "./initialize.ts";
import { viewOf } from "./layout.ts";
import type { Parts } from "./metrics.ts";
import type { TrainOptions } from "./options.ts";
import type { TrainingProgram } from "./program.ts";

/** What changes from step to step; with the parameters, all that a checkpoint holds. */
export type Cursor = {
  -readonly [Key in keyof Omit<
    TrainingState,
    "version" | "data" | "conditions" | "seconds" | "skipped"
  >]: TrainingState[Key];
};

/** A model being trained: compiled, filled with its initial values or an earlier session's, ready for the next step. */
export interface Session {
  readonly vae: Vae;
  readonly program: TrainingProgram;
  /** Writes a batch to the inputs of the program. */
  fill(...batch: Parameters<FetchBatch>): Promise<void>;
  readonly cursor: Cursor;
  /** Whether an earlier session's checkpoint was loaded. */
  readonly resumed: boolean;
  /** Seconds of training, earlier sessions included. */
  seconds(): number;
  /** The bound on the validation split, of the averaged weights where there is an average. */
  validate(): Promise<Parts>;
  /** Takes the weights that were just validated as the best so far. */
  keepBest(): void;
  /** Writes a checkpoint, and the portable model of the best weights so far. */
  checkpoint(): Promise<void>;
  release(): Promise<void>;
}

export async function openSession(options: TrainOptions): Promise<Session> {
  const program = await compileTraining(options.backend, options.vae, options.config, options.helpers);
  try {
    return await sessionOf(program, options);
  } catch (error) {
    await program.release();
    throw error;
  }
}

async function sessionOf(
  program: TrainingProgram,
  { data, config, vae, storage, backend, resume }: TrainOptions,
): Promise<Session> {
  const { seed } = config.train;
  const rows = rowsAtOnce(config);
  const { binarization, seed: dataSeed } = config.data;
  const { kernels, inputs, parameters, average } = program;
  const arrays = {
    kernels,
    x: inputs.x!,
    noise: inputs.noise!,
    weight: inputs.weight!,
    example: kernels.uint32(rows),
    pixels: kernels.uint8(inputs.x!.length),
    condition: vae.conditions && { conditions: vae.conditions, values: inputs.condition! },
    noiseWidth: vae.noiseWidth,
    samples: drawsOf(config.objective),
    drawn: trainingInputs(vae, config.objective).map((drawn) => ({ ...drawn, out: inputs[drawn.name]! })),
  };
  inputs[examplesName]?.fill(data.train.count);
  initializeParameters(parameters, program.layout, trainingParameters(vae, config.objective), seed);
  average?.set(parameters);
  const scored = average ?? parameters; // what is validated, and becomes the model
  const best = scored.slice();

  const { fingerprint } = data.train;
  const conditions = await vae.conditions?.fingerprint(data.train, data.validation);
  const check = (saved: TrainingState) => {
    if (saved.data !== fingerprint)
      throw new RunError(
        `${storage.location}: the run was trained on other data (fingerprint ${saved.data}, this is ${fingerprint}); resume with the data it began with`,
      );
    if (saved.conditions !== conditions)
      throw new RunError(
        `${storage.location}: the run was trained with other conditions (fingerprint ${saved.conditions}, these are ${conditions}); resume with the labels, factors and numbers it began with`,
      );
  };
  const load = async () => (await import("./load-checkpoint.ts")).loadCheckpoint(storage, program, best, check);
  const saved = resume ? await load() : undefined;
  if (resume && !saved && (await storage.exists("model/model.json")))
    throw new RunError(
      `${storage.location}: holds a trained model and no checkpoint to resume from; begin a new run in another directory, so that the model is not lost`,
    );
  const cursor: Cursor = {
    step: saved?.step ?? 0,
    epochSums: { ...saved?.epochSums },
    epochSteps: saved?.epochSteps ?? 0,
    epochExamples: saved?.epochExamples ?? 0,
    best: saved?.best ?? null,
    validationsSinceBest: saved?.validationsSinceBest ?? 0,
    reductions: saved?.reductions ?? 0,
  };

  const viewsOf = (buffer: Float32Array): Record<string, Float32Array> =>
    Object.fromEntries(program.layout.slots.map((slot) => [slot.path, viewOf(buffer, slot)]));
  const scorer = await elboScorer(backend, vae, viewsOf(scored), rows, config.objective, {
    batchesOf: data.train.count,
  });
  const fetch = batchFetcher(data.train, arrays, { binarization, seed, dataSeed, purpose: "train" });
  const started = performance.now();
  const seconds = () => (saved?.seconds ?? 0) + (performance.now() - started) / 1000;

  return {
    vae,
    program,
    fill: async (rows, draw) => program.draw(fetch(rows, draw)),
    cursor,
    resumed: saved !== undefined,
    seconds,
    async validate() {
      await program.download();
      const scores = await scorer.score(data.validation, { binarization, seed: dataSeed, purpose: "validation" });
      checkFinite(data.validation, scores);
      const mean = (values: Float64Array) => meanAndError(values).mean;
      return {
        negElboNats: mean(scores.negElboNats),
        distortionNats: mean(scores.distortionNats),
        rateNats: mean(scores.rateNats),
        ...(scores.negIwaeNats ? { negIwaeNats: mean(scores.negIwaeNats) } : {}),
        ...scores.ofBatches,
      };
    },
    keepBest: () => best.set(scored),
    async checkpoint() {
      await program.download();
      const skipped = structuredClone(Object.fromEntries(program.skipped));
      const state = { version: 2, ...cursor, skipped, seconds: seconds(), data: fingerprint, conditions } as const;
      await saveCheckpoint(storage, program, best, state);
      if (!cursor.best) return;
      const { epoch, step } = cursor.best;
      const trained = { epoch, step, data: fingerprint, dataName: data.train.name };
      await saveModel(
        storage,
        { format: "vaekit-model", version: 2, event: vae.event, config, trained },
        vae,
        viewsOf(best),
      );
    },
    release: async () => {
      await Promise.all([program.release(), scorer.release()]);
    },
  };
}

/** A bound that is not finite would be kept as the best, or never be beaten. */
function checkFinite({ name, index }: Dataset, { negElboNats, ofBatches = {} }: ElboScores): void {
  const bad = negElboNats.findIndex((nats) => !Number.isFinite(nats));
  const [term, value] = Object.entries(ofBatches).find(([, value]) => !Number.isFinite(value)) ?? [];
  if (bad < 0 && term !== undefined)
    throw new NumericalError(
      `the validation objective is not finite: its ${term} is ${value} on ${name}. Try a lower optimizer.learningRate`,
    );
  if (bad < 0) return;
  throw new NumericalError(
    `the validation bound is not finite: example ${index[bad]} of ${name} has −ELBO ${negElboNats[bad]}. ` +
      "Look for values far outside the rest in that example, or try a lower optimizer.learningRate",
  );
}
