import type { Config } from "../config.ts";
import { staticSize } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import type { ConditionColumn } from "../models/conditions.ts";
import { flopsOf, flopsOnce, layerOutputs, peakBytes, productsOf } from "../models/cost.ts";
import { completeModel } from "../models/networks.ts";
import { loadObjective } from "../models/objective-table.ts";
import { loadModel } from "../models/portable.ts";
import { trainingParameters, trainingSteps } from "../models/training.ts";
import type { Vae } from "../models/vae.ts";
import { weightOf } from "../nn/parameters.ts";
import { directoryStorage } from "../storage/directory.node.ts";

/** What a run's model is made of. */
export interface RunInspection {
  readonly kind: "run";
  readonly run: string;
  /** Shape of one example. */
  readonly event: readonly number[];
  readonly latent: number;
  /** What a conditional model is conditional on, with the classes there are. */
  readonly conditions?: readonly ConditionColumn[];
  readonly trained: { readonly epoch: number; readonly step: number; readonly dataName: string };
  readonly layers: readonly LayerInspection[];
  readonly parameters: number;
  /** Floating-point operations of the matrix products for one example; a multiplication and an addition are two. */
  readonly flops: {
    readonly encode: number;
    readonly decode: number;
    readonly trainingStep: number;
    /** Of a training step, beside those of its examples: of the pseudo-inputs of a VampPrior. */
    readonly trainingStepOnce: number;
  };
  readonly bytes: {
    readonly weights: number;
    /** Weights, gradients, Adam's two moments, the best weights so far, the average where there is one. */
    readonly training: number;
    /** One batch of examples. */
    readonly batch: number;
    /** What a training step keeps of a batch from layer to layer and back, as far as the graph tells. */
    readonly activations: number;
  };
  /** With the layers that the shape of the examples decided. */
  readonly config: Config;
}

export interface LayerInspection {
  readonly path: string;
  /** The parameters' shapes by name. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Shape of what the layer gives for one example; null for parameters that are no layer. */
  readonly output: readonly number[] | null;
  readonly parameters: number;
  readonly flops: number;
}

/** Loads a run's model and says what it is made of. */
export async function inspectRun(run: string): Promise<RunInspection> {
  const { description, vae } = await loadModel(directoryStorage(run));
  const { event, trained } = description;
  const config = { ...description.config, model: completeModel(description.config.model, event) };
  const encoded = Object.values(vae.encode(input("x", ["batch", ...event])).parameters);
  const decoded = Object.values(vae.decode(input("z", ["batch", vae.latent])).parameters);
  await loadObjective(description.config.objective);
  const steps = trainingSteps(vae, config.objective);
  const trainedNumbers = sum(trainingParameters(vae, config.objective).map(({ shape }) => staticSize(shape)));
  const layers = layersOf(vae, [...encoded, ...decoded]);
  const parameters = sum(layers.map((layer) => layer.parameters));
  const rows = config.train.microBatch ?? config.train.batchSize;
  const copies = 2 + 3 * steps.length + (config.train.average === null ? 0 : 1);
  return {
    kind: "run",
    run,
    event,
    latent: vae.latent,
    ...(vae.conditions ? { conditions: vae.conditions.columns } : {}),
    trained: { epoch: trained.epoch, step: trained.step, dataName: trained.dataName },
    layers,
    parameters,
    flops: {
      ...{ encode: flopsOf(encoded), decode: flopsOf(decoded) },
      ...{ trainingStep: sum(steps.map(flopsOf)), trainingStepOnce: sum(steps.map(flopsOnce)) },
    },
    bytes: {
      weights: parameters * 4,
      training: trainedNumbers * 4 * copies,
      batch: config.train.batchSize * (staticSize(event) + vae.conditionWidth) * 4,
      activations: Math.max(...steps.map((step) => peakBytes(step, rows))),
    },
    config,
  };
}

/** Parameters of one layer have a path in common up to the last dot, where a weight in two parameters counts as one. */
function layersOf(vae: Vae, outputs: Parameters<typeof productsOf>[0]): LayerInspection[] {
  const layerOf = (path: string) => path.slice(0, Math.max(weightOf(path).lastIndexOf("."), 0));
  const given = new Map(Array.from(layerOutputs(outputs), ([path, shape]) => [layerOf(path), shape]));
  const products = productsOf(outputs);
  return Array.from(new Set(vae.parameters.map(({ path }) => layerOf(path))), (layer) => {
    const own = vae.parameters.filter(({ path }) => layerOf(path) === layer);
    const flops = products.filter(({ parameter }) => parameter !== undefined && layerOf(parameter) === layer);
    return {
      path: layer,
      shapes: Object.fromEntries(
        own.map(({ path, shape }) => [path.slice(layer === "" ? 0 : layer.length + 1), shape]),
      ),
      output: given.get(layer) ?? null,
      parameters: sum(own.map(({ shape }) => staticSize(shape))),
      flops: sum(flops.map((product) => product.flops)),
    };
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
