import { mirrored, type NetworkConfig } from "../config.networks.ts";
import type { Config } from "../config.ts";
import { UsageError } from "../errors.ts";
import { topologicalOrder } from "../graph/grad.ts";
import { batchFactor, isSymbolic, type Shape, sizeAt, staticSize } from "../graph/shape.ts";
import { isLeaf, parameterOperator, type Tensor } from "../graph/tensor.ts";
import { batchBytes } from "../models/batches.ts";
import type { Conditions } from "../models/conditions.ts";
import { flopsOf, largestRowBytes, peakBytes } from "../models/cost.ts";
import { completeModel } from "../models/networks.ts";
import { batchLoss } from "../models/step.ts";
import { trainingParameters, trainingSteps } from "../models/training.ts";
import { buildVae } from "../models/vae.ts";
import { mostKernelBytes } from "../runtime/kernels.ts";
import { rowsAtOnce } from "./compile.ts";
import { layoutOf } from "./layout.ts";
import { divisionFor } from "./team.ts";

interface Need {
  /** Of parameters, gradients, each part of a batch having its own, and moments. */
  readonly model: number;
  /** Of a batch, in the same memory. */
  readonly batch: number;
  /** Beside it: the best parameters so far, and what a step keeps of a batch from layer to layer and back. */
  readonly beside: number;
}

/** What examples are: their shape, and what goes with them. */
interface ExamplesShape {
  readonly event: readonly number[];
  readonly conditions: Conditions | undefined;
}

/** What a training may use. */
export interface Limits {
  /** Memory of the machine. Default: not known. */
  readonly bytes?: number | undefined;
  /** Threads among which a batch may be divided. Default: 1. */
  readonly threads?: number | undefined;
}

/**
 * Refuses a model or batch that would need more memory than there is.
 * @param event shape of one example
 * @param conditions of a conditional model
 * @throws UsageError naming the key that matters most
 */
export function checkMemory(
  config: Config,
  event: readonly number[],
  limits: Limits = {},
  conditions?: Conditions,
): void {
  const { bytes: machineBytes = Number.POSITIVE_INFINITY, threads = 1 } = limits;
  const examples = { event, conditions };
  const need = needOf(config, examples, threads);
  const shared = need.model + need.batch;
  const total = totalOf(need);
  if (shared <= mostKernelBytes && total <= machineBytes) return;
  const { key, value } = mostCostly(config, examples, threads);
  const limit =
    shared > mostKernelBytes
      ? `together more than the ${formatBytes(mostKernelBytes)} that one training can use`
      : `with the rest ${formatBytes(total)}, more than the ${formatBytes(machineBytes)} of this machine`;
  throw new UsageError(
    `${key} = ${value}: parameters, gradients and moments take ${formatBytes(need.model)} and a batch ${formatBytes(need.batch)}, ${limit}; lower ${key}`,
  );
}

/** As trainingProgram and its caller take it, but for some numbers of the objective, for which there is room enough. */
function needOf({ model, objective, train }: Config, { event, conditions }: ExamplesShape, threads: number): Need {
  const { average } = train;
  const batchSize = rowsAtOnce({ train });
  const size = staticSize(event);
  const vae = buildVae(model, event, undefined, conditions);
  const floats = layoutOf(trainingParameters(vae, objective)).total;
  const steps = trainingSteps(vae, objective);
  const step = steps[0]!;
  const cost = { flops: flopsOf(step), largestBytes: largestRowBytes(step) };
  const inputs = inputsOf(steps.flat());
  const entry = { objective: batchLoss(vae, objective), inputs, cost };
  const { members, pieces } = divisionFor(threads, batchSize, floats, [entry]);
  const parts = members * pieces;
  // What has the rows of a batch several times over is copied for each part, where its own lie together.
  const isCopied = ([dim]: Shape) => parts > 1 && dim !== undefined && isSymbolic(dim) && batchFactor(dim) > 1;
  const floatsOf = (shape: Shape) => sizeAt(shape, batchSize) * (isCopied(shape) ? 2 : 1);
  // Parameters; the average; for each loss two moments, gradients of each part, sums of the gradients of several batches.
  const ofLoss = 2 + parts + (batchSize < train.batchSize ? 1 : 0);
  const copies = 1 + (average === null ? 0 : 1) + steps.length * ofLoss;
  return {
    model: 4 * floats * copies,
    batch: 4 * inputs.reduce((sum, { shape }) => sum + floatsOf(shape), 0) + batchBytes(batchSize, size) + 4096,
    beside: 4 * floats + members * Math.max(...steps.map((one) => peakBytes(one, Math.ceil(batchSize / parts)))),
  };
}

/** Inputs of graphs that are no parameters. */
function inputsOf(outputs: readonly Tensor[]): readonly { readonly name: string; readonly shape: Shape }[] {
  const leaves = topologicalOrder(outputs).filter((tensor) => isLeaf(tensor) && tensor.operator !== parameterOperator);
  return [...new Map(leaves.map(({ label, shape }) => [label!, { name: label!, shape }])).values()];
}

const totalOf = ({ model, batch, beside }: Need): number => model + batch + beside;

/** The size in the config that saves most memory when it is made the least there is. */
function mostCostly(config: Config, examples: ExamplesShape, threads: number): Pick<Size, "key" | "value"> {
  const { train, objective } = config;
  const model = completeModel(config.model, examples.event);
  const rows = train.microBatch === null ? "batchSize" : "microBatch";
  const { encoder, decoder, posterior } = model;
  const given = (network: NetworkConfig, key: string, modelWith: (network: NetworkConfig) => Partial<typeof model>) =>
    sizesOf(network, key).map(({ without, ...size }) => ({
      ...size,
      without: { ...config, model: { ...model, ...modelWith(without) } },
    }));
  // A decoder that mirrors the encoder follows it.
  const follows = JSON.stringify(mirrored(encoder)) === JSON.stringify(decoder);
  const sizes = [
    ...given(encoder, "model.encoder", (network) => ({
      encoder: network,
      ...(follows ? { decoder: mirrored(network) } : {}),
    })),
    ...(follows ? [] : given(decoder, "model.decoder", (network) => ({ decoder: network }))),
    // 2, and not 1: what correlates latents needs two of them.
    { key: "model.latent", value: model.latent, without: { ...config, model: { ...model, latent: 2 } } },
    { key: `train.${rows}`, value: rowsAtOnce(config), without: { ...config, train: { ...train, [rows]: 1 } } },
    ...partSizes("objective", objective, (least) => ({ ...config, objective: least })),
    ...(objective.kind === "factor"
      ? partSizes("objective.discriminator", objective.discriminator, (discriminator) => ({
          ...config,
          objective: { ...objective, discriminator },
        }))
      : []),
    ...partSizes("model.prior", model.prior, (prior) => ({ ...config, model: { ...model, prior } })),
    ...partSizes("model.likelihood", model.likelihood, (likelihood) => ({
      ...config,
      model: { ...model, likelihood },
    })),
    ...(posterior.flow
      ? partSizes("model.posterior.flow", posterior.flow, (flow) => ({
          ...config,
          model: { ...model, posterior: { ...posterior, flow } },
        }))
      : []),
  ];
  const left = sizes.map(({ without }) => totalOf(needOf(without, examples, threads)));
  return sizes[left.indexOf(Math.min(...left))]!;
}

/** A size in the config, and the config with the least in its place. */
interface Size {
  readonly key: string;
  readonly value: number;
  readonly without: Config;
}

/** The least that each size of an objective, a prior, a flow or a likelihood may be. */
const leastOf: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  iwae: { samples: 1 },
  miwae: { samples: 1, bounds: 1 },
  ciwae: { samples: 1 },
  mixture: { components: 1 },
  vampprior: { components: 1 },
  planar: { steps: 1 },
  realnvp: { steps: 1 },
  iaf: { steps: 1 },
  maf: { steps: 1 },
  categorical: { classes: 2 },
  "discretized-logistic-mixture": { components: 1 },
};

/** The sizes of a part of the config that has them by name, and those of its hidden layers. */
function partSizes<Part extends object>(
  place: string,
  part: Part,
  configWith: (part: Part) => Config,
): readonly Size[] {
  const values = part as Readonly<Record<string, unknown>>;
  const named = Object.entries(leastOf[String(values.kind)] ?? {}).map(([name, least]) => ({
    key: `${place}.${name}`,
    value: values[name] as number,
    without: configWith({ ...part, [name]: least }),
  }));
  const hidden = "hidden" in part ? (part.hidden as readonly number[]) : [];
  const layers = hidden.map((value, i) => ({
    key: `${place}.hidden.${i}`,
    value,
    without: configWith({ ...part, hidden: hidden.with(i, 1) }),
  }));
  return [...named, ...largest(layers)];
}

/** Sizes of each list that are tried at most: lists may be long, and each try builds the network anew. */
const mostTried = 12;

const largest = <Size extends { readonly value: number }>(sizes: readonly Size[]): readonly Size[] =>
  sizes.toSorted((a, b) => b.value - a.value).slice(0, mostTried);

/** The sizes of a network, each with the network that has 1 in its place. */
function sizesOf(
  network: NetworkConfig,
  key: string,
): readonly { readonly key: string; readonly value: number; readonly without: NetworkConfig }[] {
  const size = (place: string, value: number, without: NetworkConfig) => ({ key: `${key}.${place}`, value, without });
  const sizes = (name: string, values: readonly number[], having: (values: readonly number[]) => NetworkConfig) =>
    largest(values.map((value, i) => size(`${name}.${i}`, value, having(values.with(i, 1)))));
  const units = sizes("hidden", network.hidden, (hidden) => ({ ...network, hidden }));
  if (network.kind === "mlp") return units;
  if (network.kind === "residual") {
    const depths =
      typeof network.blocks === "number"
        ? [size("blocks", network.blocks, { ...network, blocks: 1 })]
        : sizes("blocks", network.blocks, (blocks) => ({ ...network, blocks }));
    return [
      ...sizes("channels", network.channels ?? [], (channels) => ({ ...network, channels })),
      ...depths,
      ...units,
    ];
  }
  const layers = network.layers ?? [];
  const narrow = layers.map((layer, i) =>
    size(`layers.${i}.channels`, layer.channels, {
      ...network,
      layers: layers.with(i, { ...layer, channels: 1 }),
    } as NetworkConfig),
  );
  return [...largest(narrow), ...units];
}

const units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];

/** 1.2 TB */
function formatBytes(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${value >= 1e6 ? value.toExponential(1) : Number(value.toPrecision(2))} ${units[power]}`;
}
