import type { Config } from "../config.ts";
import { staticSize } from "../graph/shape.ts";
import { loadModel } from "../models/portable.ts";
import { directoryStorage } from "../storage/directory.node.ts";

/** What a run's model is made of. */
export interface RunInspection {
  readonly kind: "run";
  readonly run: string;
  /** Shape of one example. */
  readonly event: readonly number[];
  readonly latent: number;
  readonly trained: { readonly epoch: number; readonly step: number; readonly dataName: string };
  readonly layers: readonly LayerInspection[];
  readonly parameters: number;
  /** Floating-point operations of the matrix products for one example; a multiplication and an addition are two. */
  readonly flops: { readonly encode: number; readonly decode: number; readonly trainingStep: number };
  readonly bytes: {
    readonly weights: number;
    /** Weights, gradients, Adam's two moments, the best weights so far, the average where there is one. */
    readonly training: number;
    /** One batch of examples. */
    readonly batch: number;
  };
  readonly config: Config;
}

export interface LayerInspection {
  readonly path: string;
  /** The parameters' shapes by name. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly parameters: number;
  readonly flops: number;
}

/** Loads a run's model and says what it is made of. */
export async function inspectRun(run: string): Promise<RunInspection> {
  const { description, vae } = await loadModel(directoryStorage(run));
  const { config, event, trained } = description;
  const layers = layersOf(vae.parameters);
  const parameters = sum(layers.map((layer) => layer.parameters));
  const encode = sum(layers.filter(({ path }) => path.startsWith("encoder")).map(({ flops }) => flops));
  const decode = sum(layers.filter(({ path }) => path.startsWith("decoder")).map(({ flops }) => flops));
  const first = layers.find(({ path }) => path.startsWith("encoder"))?.flops ?? 0;
  const copies = 5 + (config.train.average === null ? 0 : 1);
  return {
    kind: "run",
    run,
    event,
    latent: config.model.latent,
    trained: { epoch: trained.epoch, step: trained.step, dataName: trained.dataName },
    layers,
    parameters,
    // Backward, each product costs two more, but the data need no gradient.
    flops: { encode, decode, trainingStep: 3 * (encode + decode) - first },
    bytes: {
      weights: parameters * 4,
      training: parameters * 4 * copies,
      batch: config.train.batchSize * staticSize(event) * 4,
    },
    config,
  };
}

/** Parameters of one layer have a path in common up to the last dot. */
function layersOf(specs: readonly { readonly path: string; readonly shape: readonly number[] }[]): LayerInspection[] {
  const layers = new Map<string, { shapes: Record<string, readonly number[]>; parameters: number; flops: number }>();
  for (const { path, shape } of specs) {
    const dot = path.lastIndexOf(".");
    const layerPath = path.slice(0, Math.max(dot, 0));
    const layer = layers.get(layerPath) ?? { shapes: {}, parameters: 0, flops: 0 };
    const size = staticSize(shape);
    layer.shapes[path.slice(dot + 1)] = shape;
    layer.parameters += size;
    if (shape.length === 2) layer.flops += 2 * size; // a matrix; biases are not counted
    layers.set(layerPath, layer);
  }
  return Array.from(layers, ([path, layer]) => ({ path, ...layer }));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
