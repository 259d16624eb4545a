import * as z from "zod/mini";
import { above0, atLeast0, checkOptions, expected, options as fields, integer, section } from "../config.fields.ts";
import { type PartialConfig, parseConfig } from "../config.ts";
import { type Dataset, type Examples, imageShape, type Splits } from "../data/dataset.ts";
import { sha256 } from "../data/fingerprint.ts";
import { DataError, UsageError } from "../errors.ts";
import {
  buildClassifier,
  type ClassifierNetwork,
  type ClassifierSettings,
  classesOf,
  classifierEncoder,
  logProbabilities,
  openClassifier,
  type PortableClassifier,
} from "../evaluate/classifier.ts";
import { mul, neg } from "../graph/ops/arithmetic.ts";
import { flipHorizontal, shift as shifted } from "../graph/ops/augmentation.ts";
import { asInt } from "../graph/ops/comparison.ts";
import { oneHot } from "../graph/ops/select.ts";
import { dropout } from "../graph/ops/stochastic.ts";
import { sum } from "../graph/ops/structure.ts";
import { staticSize } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { batchBytes, batchFetcher } from "../models/batches.ts";
import { weightedMean } from "../models/objective.ts";
import type { RowSharing } from "../models/rows.ts";
import type { Backend } from "../runtime/backend.ts";
import { siteKey } from "../runtime/philox.ts";
import { epochOrder } from "../runtime/shuffle.ts";
import { initializeParameters } from "./initialize.ts";
import { viewOf } from "./layout.ts";
import { type TrainingProgram, trainingProgram } from "./program.ts";
import { learningRateAt } from "./schedule.ts";
import type { Helpers } from "./team.ts";

export interface ClassifierOptions {
  /** The network up to the last hidden layer, as a config's model.encoder. Default: see classifierEncoder. */
  readonly encoder?: NonNullable<PartialConfig["model"]>["encoder"];
  /** Default: 10. */
  readonly epochs?: number;
  /** Default: 128. */
  readonly batchSize?: number;
  /** Of Adam, falling to a hundredth of it along a cosine. Default: 0.002. */
  readonly learningRate?: number;
  /** Share of the features that are dropped in training. Default: 0.4. */
  readonly dropout?: number;
  /** Images are moved by up to so many pixels, in each direction, anew at every step. Default: 2 for images. */
  readonly shift?: number;
  /** Images are mirrored, left to right, at every other step. Default: false. */
  readonly flip?: boolean;
  /** Default: 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ClassifierProgress) => void) | undefined;
}

export interface ClassifierProgress {
  readonly epoch: number;
  readonly epochs: number;
  /** Mean cross-entropy of the epoch's steps. */
  readonly crossEntropyNats: number;
  readonly seconds: number;
}

/** What it is trained with. */
export interface ClassifierPlace {
  readonly backend: Backend;
  readonly helpers?: Helpers | undefined;
}

const rate = "a number from 0 to below 1";
const schema = section({
  encoder: z.optional(z.unknown()),
  epochs: z.optional(integer(1, "a positive integer")),
  batchSize: z.optional(integer(1, "a positive integer")),
  learningRate: z.optional(above0("a number above 0")),
  dropout: z.optional(atLeast0(rate).check(z.lt(1, expected(rate)))),
  shift: z.optional(integer(0, "an integer >= 0")),
  flip: z.optional(z.boolean(expected("true or false"))),
  seed: z.optional(fields.seed),
  signal: fields.signal,
  onProgress: fields.onProgress,
} satisfies Record<keyof ClassifierOptions, z.ZodMiniType>);

/** The share of the moving average of the weights that a step leaves: some eight passes of MNIST's half an epoch. */
const averageDecay = 0.999;

/**
 * Trains a classifier on the data's own labels, by cross-entropy with Adam, dropout before the last layer and images
 * moved by a few pixels. What is kept is the moving average of its weights. All draws are keyed by the seed and the
 * example.
 * @param data no test data: they are for measuring alone
 * @throws DataError for data without labels or of one class; UsageError for a wrong option
 */
export async function trainClassifier(
  data: Pick<Splits, "train" | "validation">,
  place: ClassifierPlace,
  options: ClassifierOptions = {},
): Promise<PortableClassifier> {
  checkOptions("trainClassifier", schema, options);
  const { train, validation } = data;
  const { event } = train;
  const settings = classifierSettings(event, options);
  const greatest = (labels: Uint8Array) => labels.reduce((most, label) => Math.max(most, label), 0);
  const classes = Math.max(greatest(labelsOf(train)), greatest(labelsOf(validation))) + 1;
  if (classes < 2) throw new DataError(`${train.name}: its labels are all 0; a classifier needs two classes or more`);
  const encoder = classifierEncoder(event, options.encoder);
  const network = await buildClassifier(encoder, event, classes);
  const program = await compileClassifier(network, event, classes, settings, place);
  try {
    await trainSteps(program, network, train, settings, options);
    const weights = Object.fromEntries(
      program.layout.slots.map((slot) => [slot.path, viewOf(program.average!, slot).slice()]),
    );
    const names = { data: train.fingerprint, labels: await labelsHash(train), dataName: train.name };
    const trained = { ...names, settings, validationAccuracy: 0 };
    const made: PortableClassifier = {
      description: { format: "vaekit-classifier", version: 1, event, classes, encoder, trained },
      network,
      weights,
    };
    const validationAccuracy = await accuracyOf(made, place.backend, validation);
    return { ...made, description: { ...made.description, trained: { ...trained, validationAccuracy } } };
  } finally {
    await program.release();
  }
}

/**
 * The options with their defaults.
 * @throws UsageError for examples that are no images and are to be moved
 */
export function classifierSettings(event: readonly number[], options: ClassifierOptions): ClassifierSettings {
  const { epochs = 10, batchSize = 128, learningRate = 0.002, dropout = 0.4, flip = false, seed = 0 } = options;
  const image = imageShape(event);
  const { shift = image ? 2 : 0 } = options;
  if (!image && (shift > 0 || flip))
    throw new UsageError(
      `trainClassifier: ${flip ? "flip" : "shift"}: moves images, and the examples have shape [${event.join(", ")}]; leave it out`,
    );
  return { epochs, batchSize, learningRate, dropout, shift, flip, seed };
}

/**
 * A hash of the labels, which the fingerprint of the examples says nothing of.
 * @throws DataError for examples without labels
 */
export const labelsHash = async (examples: Examples): Promise<string> =>
  (await sha256(labelsOf(examples))).slice(0, 16);

function labelsOf({ labels, name, split }: Examples): Uint8Array {
  if (labels) return labels;
  throw new DataError(`${name}: the ${split} examples have no labels; a classifier is trained on labelled data`);
}

/** The training program. Its inputs: x, label, weight, and, where they are used, dropped, down, right and mirrored. */
function compileClassifier(
  network: ClassifierNetwork,
  event: readonly number[],
  classes: number,
  { batchSize, dropout: rate, shift, flip }: ClassifierSettings,
  { backend, helpers }: ClassifierPlace,
): Promise<TrainingProgram> {
  const perRow = (name: string) => input(name, ["batch"]);
  const x = input("x", ["batch", ...event]);
  const moved = shift > 0 ? shifted(x, perRow("down"), perRow("right")) : x;
  const image = flip ? flipHorizontal(moved, perRow("mirrored")) : moved;
  const features = dropout(network.features(image), input("dropped", ["batch", network.width]), rate);
  const crossEntropy = crossEntropyNats(network.logits(features), asInt(perRow("label")), classes);
  return trainingProgram({
    backend,
    helpers,
    specs: network.parameters,
    batchSize,
    average: true,
    objectives: [
      {
        name: "classes",
        minimize: weightedMean(crossEntropy, perRow("weight")),
        trains: network.parameters.map(({ path }) => path),
        weights: "weight",
      },
    ],
    extraBytes: batchBytes(batchSize, staticSize(event)) + 4 * 3 * batchSize + 64,
  });
}

/** −log p(label|x) of logits (batch, classes): (batch). */
function crossEntropyNats(logits: Tensor, label: Tensor, classes: number): Tensor {
  return neg(sum(mul(oneHot(label, classes), logProbabilities(logits)), [1]));
}

/** Fills a batch with rows of the data, and draws what moves and drops them. */
function batchWriter(
  program: TrainingProgram,
  network: ClassifierNetwork,
  train: Dataset,
  settings: ClassifierSettings,
) {
  const { kernels, inputs } = program;
  const { batchSize, shift, seed } = settings;
  const arrays = {
    ...{ kernels, x: inputs.x!, weight: inputs.weight!, noiseWidth: 0, samples: 1 },
    example: kernels.uint32(batchSize),
    pixels: kernels.uint8(inputs.x!.length),
  };
  const fetch = batchFetcher(train, arrays, { binarization: "none", seed, purpose: "classifier" });
  const places = kernels.float32(3 * batchSize);
  const [placeKey, dropKey] = [siteKey(seed, "classifier/place"), siteKey(seed, "classifier/dropout")];
  const { label, dropped, down, right, mirrored } = inputs;
  const labels = labelsOf(train);
  const pixelsOf = (uniform: number) => Math.floor(uniform * (2 * shift + 1)) - shift;
  return async (rows: Uint32Array, epoch: number, step: number) => {
    program.draw(fetch(rows, { epoch, step }));
    kernels.uniforms(places, placeKey, step, arrays.example, 3);
    if (dropped) kernels.uniforms(dropped, dropKey, step, arrays.example, network.width);
    for (let i = 0; i < batchSize; i++) {
      label![i] = labels[rows[i] ?? rows[0]!]!;
      if (down) down[i] = pixelsOf(places[3 * i]!);
      if (right) right[i] = pixelsOf(places[3 * i + 1]!);
      if (mirrored) mirrored[i] = places[3 * i + 2]! < 0.5 ? 1 : 0;
    }
  };
}

async function trainSteps(
  program: TrainingProgram,
  network: ClassifierNetwork,
  train: Dataset,
  settings: ClassifierSettings,
  { signal, onProgress }: ClassifierOptions,
): Promise<void> {
  const { epochs, batchSize, learningRate, seed } = settings;
  initializeParameters(program.parameters, program.layout, network.parameters, seed);
  program.average!.set(program.parameters);
  const write = batchWriter(program, network, train, settings);
  const schedule = { kind: "cosine", final: 0.01 } as const;
  const { optimizer } = parseConfig({ optimizer: { kind: "adam", learningRate, schedule } });
  const perEpoch = Math.ceil(train.count / batchSize);
  const started = performance.now();
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = epochOrder(train.count, seed, epoch);
    let total = 0;
    for (let place = 0; place < perEpoch; place++) {
      signal?.throwIfAborted();
      const step = epoch * perEpoch + place + 1;
      await write(order.subarray(place * batchSize, (place + 1) * batchSize), epoch, step);
      const rate = learningRateAt(optimizer, step, epochs * perEpoch);
      const results = await program.step(step, { ...optimizer, learningRate: rate });
      await program.averageParameters(step, averageDecay);
      total += results.get("classes")!.loss;
    }
    const seconds = (performance.now() - started) / 1000;
    onProgress?.({ epoch: epoch + 1, epochs, crossEntropyNats: total / perEpoch, seconds });
  }
  await program.download();
}

/** The share of labelled examples that a classifier reads as their label says. */
export async function accuracyOf(
  classifier: PortableClassifier,
  backend: Backend,
  examples: Examples,
  sharing?: RowSharing,
): Promise<number> {
  const opened = await openClassifier(classifier, backend, sharing);
  try {
    const labels = labelsOf(examples);
    const read = classesOf(await opened.classify(examples.values, examples.count), opened.classes);
    return read.reduce((right, label, i) => right + (label === labels[i] ? 1 : 0), 0) / examples.count;
  } finally {
    await opened.close();
  }
}
