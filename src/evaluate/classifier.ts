import { type Config, parseConfig } from "../config.ts";
import { imageShape } from "../data/dataset.ts";
import { ShapeError } from "../errors.ts";
import { sub } from "../graph/ops/arithmetic.ts";
import { exp } from "../graph/ops/functions.ts";
import { logsumexp } from "../graph/ops/reduce.ts";
import { staticSize } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { encoderNetwork, loadNetworks } from "../models/networks.ts";
import { openRows, type RowSharing, type RowValues, rowNetwork } from "../models/rows.ts";
import { dense } from "../nn/dense.ts";
import { type ParameterSpec, parameterTree } from "../nn/parameters.ts";
import type { Backend } from "../runtime/backend.ts";

/* A classifier of a data set's own classes: its probabilities read generated images, its features are a space to
   compare sets of images in. */

/** The network up to the last hidden layer, as a config names those of a VAE. */
export type ClassifierEncoder = Config["model"]["encoder"];

/** How a classifier is trained: see ClassifierOptions of src/train/classifier.ts. */
export interface ClassifierSettings {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly dropout: number;
  readonly shift: number;
  readonly flip: boolean;
  readonly seed: number;
}

/** What a classifier's files say besides its weights. Data, never code. */
export interface ClassifierDescription {
  readonly format: "vaekit-classifier";
  readonly version: 1;
  readonly event: readonly number[];
  readonly classes: number;
  readonly encoder: ClassifierEncoder;
  /** Where the weights come from, and what share of the validation examples they classify right. */
  readonly trained: {
    /** Fingerprint of the training examples. */
    readonly data: string;
    /** Hash of their labels. */
    readonly labels: string;
    readonly dataName: string;
    readonly settings: ClassifierSettings;
    readonly validationAccuracy: number;
  };
}

/** Pure functions from symbolic tensors to symbolic tensors, and the parameters they use. */
export interface ClassifierNetwork {
  /** Of the last hidden layer. */
  readonly width: number;
  readonly parameters: readonly ParameterSpec[];
  /** The last hidden layer: (batch, ...event) → (batch, width). */
  features(x: Tensor): Tensor;
  /** Logits of the classes: (batch, width) → (batch, classes). */
  logits(features: Tensor): Tensor;
}

export interface PortableClassifier {
  readonly description: ClassifierDescription;
  readonly network: ClassifierNetwork;
  /** By path. */
  readonly weights: Readonly<Record<string, Float32Array>>;
}

/** What a classifier says of some rows. */
export interface Classified {
  /** (rows, classes) */
  readonly probabilities: Float32Array;
  /** (rows, width): the last hidden layer. */
  readonly features: Float32Array;
}

/** A trained classifier, ready for use. */
export interface Classifier {
  readonly classes: number;
  /** Numbers of a row of features. */
  readonly width: number;
  /**
   * x (rows, ...event); bytes are grey levels v, which mean v/255. A row's result does not depend on the rows beside it.
   * @throws ShapeError for values that are not so many rows
   */
  classify(x: RowValues, rows: number): Promise<Classified>;
  close(): Promise<void>;
}

/**
 * A classifier's network with every default: layers of windows for images, dense layers for all else, and a last hidden
 * layer of 128.
 * @throws UsageError for keys and values of `given` that a config would refuse
 */
export function classifierEncoder(
  event: readonly number[],
  given: unknown = imageShape(event) ? { kind: "conv", hidden: [128] } : { kind: "mlp", hidden: [256, 128] },
): ClassifierEncoder {
  return parseConfig({ model: { encoder: given } }, "classifier").model.encoder;
}

/** Builds the network of a classifier. */
export async function buildClassifier(
  encoder: ClassifierEncoder,
  event: readonly number[],
  classes: number,
): Promise<ClassifierNetwork> {
  await loadNetworks([encoder.kind]);
  const { root, specs } = parameterTree();
  const { features: width, apply } = encoderNetwork(root.at("features"), event, encoder);
  const logits = dense(root.at("classes"), width, classes, { initialization: "glorot" });
  return { width, parameters: specs, features: apply, logits };
}

/** log p(class|x) of logits (batch, classes). */
export const logProbabilities = (logits: Tensor): Tensor => sub(logits, logsumexp(logits, [1], true));

/**
 * Compiles a classifier.
 * @param sharing of the rows of large calls among threads; the backend then has one, so that rows are the same to the bit
 */
export async function openClassifier(
  { description: { event, classes }, network, weights }: PortableClassifier,
  backend: Backend,
  sharing?: RowSharing,
): Promise<Classifier> {
  const size = staticSize(event);
  const { width } = network;
  const x = input("x", ["batch", ...event]);
  const features = network.features(x);
  const probabilities = exp(logProbabilities(network.logits(features)));
  const rowsOf = rowNetwork(x, { probabilities, features }, weights, backend);
  const own = await openRows(backend, rowsOf);
  const runner = sharing ? sharing.share(rowsOf, own) : own;
  return {
    classes,
    width,
    async classify(values, rows) {
      if (values.length !== rows * size)
        throw new ShapeError(`classify: expected ${rows} rows of ${size} values, got ${values.length} values`);
      const results = {
        probabilities: new Float32Array(rows * classes),
        features: new Float32Array(rows * width),
      };
      await runner.apply(values, rows, results);
      return results;
    },
    async close() {
      await runner.release();
      await sharing?.close();
    },
  };
}

/** The class that each row is read as: the one of the greatest probability, the first of several. */
export function classesOf({ probabilities }: Pick<Classified, "probabilities">, classes: number): Uint8Array {
  return Uint8Array.from({ length: probabilities.length / classes }, (_, row) => {
    const own = probabilities.subarray(row * classes, (row + 1) * classes);
    return own.indexOf(Math.max(...own));
  });
}
