import { type Config, parseConfig } from "../src/config.ts";
import type { Dataset } from "../src/data/dataset.ts";
import { permutation } from "../src/data/shuffle.ts";
import { batchFetcher } from "../src/models/batches.ts";
import { loadParts } from "../src/models/parts.ts";
import { statisticsOf } from "../src/models/statistics.ts";
import { buildVae } from "../src/models/vae.ts";
import type { Backend } from "../src/runtime/backend.ts";
import { perform } from "../src/runtime/drawing.ts";
import { compileTraining } from "../src/train/compile.ts";
import { initializeParameters } from "../src/train/initialize.ts";
import type { TrainingProgram } from "../src/train/program.ts";
import { scalarsAt } from "../src/train/schedule.ts";
import type { Helpers } from "../src/train/team.ts";

/** The library's own training step, without the loop around it. */
export interface OwnTraining {
  readonly program: TrainingProgram;
  /** The next batch of the epoch, binarized, and its noise, in the program's inputs. */
  nextBatch(): void;
  /** The next batch of the epoch, which the next step draws, as training has it. */
  drawNext(): void;
  /** Forward, backward and Adam on the batch that is there; the loss in nats. */
  step(): Promise<number>;
  release(): Promise<void>;
}

/** Compiles and initializes a model for data of grey levels, as `train` does, in Node or in a browser. */
export async function openTraining(
  settings: unknown,
  data: Dataset,
  backend: Backend,
  helpers?: Helpers,
): Promise<OwnTraining> {
  const config: Config = parseConfig(settings, "bench");
  const { batchSize, seed } = config.train;
  await loadParts(config.model);
  const vae = buildVae(config.model, data.event, statisticsOf(data));
  const program = await compileTraining(backend, vae, config, helpers);
  initializeParameters(program.parameters, program.layout, vae.parameters, seed);
  const { kernels, inputs } = program;
  const arrays = {
    kernels,
    x: inputs.x!,
    noise: inputs.noise!,
    weight: inputs.weight!,
    example: kernels.uint32(batchSize),
    pixels: kernels.uint8(inputs.x!.length),
    noiseWidth: vae.noiseWidth,
    samples: 1,
  };
  const fetch = batchFetcher(data, arrays, { binarization: config.data.binarization, seed, purpose: "train" });
  const batches = Math.floor(data.count / batchSize);
  let order: Uint32Array = new Uint32Array();
  let batch = 0; // since the start
  let step = 0;
  const fetched = () => {
    const epoch = Math.floor(batch / batches);
    const place = batch % batches;
    if (place === 0) order = permutation(data.count, epoch);
    return fetch(order.subarray(place * batchSize, (place + 1) * batchSize), { epoch, step: ++batch });
  };
  return {
    program,
    nextBatch() {
      for (const drawing of fetched()) perform(kernels, drawing, 0, batchSize);
    },
    drawNext: () => program.draw(fetched()),
    async step() {
      step++;
      for (const [name, value] of Object.entries(scalarsAt(config.objective, step))) inputs[name]!.fill(value);
      return (await program.step(step, config.optimizer)).get(config.objective.kind)!.loss;
    },
    release: () => program.release(),
  };
}

/** Seconds of so many steps, each with a batch of its own if so asked. */
export async function timeSteps(training: OwnTraining, steps: number, freshBatches: boolean): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < steps; i++) {
    if (freshBatches) training.drawNext();
    await training.step();
  }
  return (performance.now() - started) / 1000;
}

/** Steps of Adam over which losses are compared. */
export const CHECKED_STEPS = 4;

/** Losses before each of the first steps, all on the batch that is there. */
export async function firstLosses({ step }: Pick<OwnTraining, "step">): Promise<number[]> {
  const losses: number[] = [];
  for (let i = 0; i < CHECKED_STEPS; i++) losses.push(await step());
  return losses;
}
