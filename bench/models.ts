import type { Dataset } from "../src/data/dataset.ts";
import { VaekitError } from "../src/errors.ts";
import { colours, digits } from "./data.ts";

/** A VAE that is measured. */
export interface ModelSpec {
  readonly name: string;
  readonly about: string;
  readonly images: "digits" | "colours";
  readonly batch: number;
  readonly latent: number;
  readonly hidden: readonly number[];
  readonly activation: "relu" | "tanh";
  /** Channels of each convolution of 4×4 with stride 2 and padding 1; none for a dense network. */
  readonly channels: readonly number[];
  /** Steps of a block: about a second of them. */
  readonly steps: number;
  readonly pairs: number;
}

const small = {
  images: "digits",
  latent: 50,
  hidden: [200, 200],
  activation: "tanh",
  channels: [],
  pairs: 20,
} as const;

export const dense: ModelSpec = {
  name: "dense",
  about: "a whole training step of the VAE 784-400-20, batch 128, beside PyTorch's, tfjs's and jax-js's",
  images: "digits",
  batch: 128,
  latent: 20,
  hidden: [400],
  activation: "relu",
  channels: [],
  steps: 200,
  pairs: 20,
};

export const conv28: ModelSpec = {
  name: "conv28",
  about: "the same of a convolutional VAE of 28×28 images, batch 128",
  images: "digits",
  batch: 128,
  latent: 20,
  hidden: [256],
  activation: "relu",
  channels: [32, 64],
  steps: 30,
  pairs: 10,
};

/** Those of which a training step is measured. */
export const models: readonly ModelSpec[] = [
  dense,
  { ...small, name: "dense-small", about: "the same of the VAE 784-200-200-50, batch 100", batch: 100, steps: 400 },
  { ...small, name: "dense-tiny", about: "the same of the VAE 784-200-200-50, batch 20", batch: 20, steps: 800 },
  conv28,
  {
    name: "conv64",
    about: "the same of a convolutional VAE of 64×64×3 images, batch 64",
    images: "colours",
    batch: 64,
    latent: 10,
    hidden: [256, 256],
    activation: "relu",
    channels: [32, 32, 32, 32],
    steps: 15,
    pairs: 10,
  },
];

const layersOf = ({ channels }: ModelSpec) =>
  channels.map((count) => ({ channels: count, kernel: 4, stride: 2, padding: 1 }));

/** The model as vaekit's config. */
export function configOf(model: ModelSpec) {
  const { images, batch, latent, hidden, activation } = model;
  const layers = layersOf(model);
  const network = layers.length > 0 ? { kind: "conv", layers } : { kind: "mlp" };
  return {
    data: { binarization: images === "digits" ? "dynamic" : "none" },
    model: { latent, encoder: { ...network, hidden, activation }, likelihood: { kind: "bernoulli" } },
    train: { batchSize: batch },
  };
}

/** The model as the peers' programs take it. */
export interface PeerModel {
  /** Height, width, channels. */
  readonly event: readonly [number, number, number];
  readonly batch: number;
  readonly latent: number;
  readonly hidden: readonly number[];
  readonly activation: "relu" | "tanh";
  /** Channels, kernel, stride and padding of each convolution. */
  readonly layers: readonly (readonly number[])[];
  readonly binarize: boolean;
}

export function peerModel(model: ModelSpec, event: readonly number[]): PeerModel {
  const { images, batch, latent, hidden, activation } = model;
  const [height, width, channels = 1] = event;
  return {
    ...{ event: [height!, width!, channels], batch, latent, hidden, activation, binarize: images === "digits" },
    layers: layersOf(model).map((layer) => [layer.channels, layer.kernel, layer.stride, layer.padding]),
  };
}

/** Data of grey levels. */
export type Levels = Dataset & { readonly values: Uint8Array };

export async function imagesOf({ images }: ModelSpec): Promise<Levels> {
  return greyLevels(images === "digits" ? await digits() : colours());
}

export function greyLevels(data: Dataset): Levels {
  const { values } = data;
  if (!(values instanceof Uint8Array)) throw new VaekitError(`${data.name}: expected grey levels`);
  return { ...data, values };
}
