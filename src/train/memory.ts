import type { Config } from "../config.ts";
import { UsageError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import { batchBytes } from "../models/batches.ts";
import { buildVae } from "../models/vae.ts";
import { mostKernelBytes } from "../runtime/kernels.ts";
import { rowsAtOnce } from "./compile.ts";
import { layoutOf } from "./layout.ts";

interface Need {
  /** Of parameters, gradients and moments. */
  readonly model: number;
  /** Of a batch, in the same memory. */
  readonly batch: number;
  /** Beside it: the best parameters so far, and what each hidden layer keeps of a batch for the backward pass. */
  readonly beside: number;
}

/**
 * Refuses a model or batch that would need more memory than there is.
 * @param event shape of one example
 * @param machineBytes memory of the machine, where that is known
 * @throws UsageError naming the key that matters most
 */
export function checkMemory(config: Config, event: readonly number[], machineBytes = Number.POSITIVE_INFINITY): void {
  const need = needOf(config, event);
  const shared = need.model + need.batch;
  const total = totalOf(need);
  if (shared <= mostKernelBytes && total <= machineBytes) return;
  const { key, value } = mostCostly(config, event);
  const limit =
    shared > mostKernelBytes
      ? `together more than the ${formatBytes(mostKernelBytes)} that one training can use`
      : `with the rest ${formatBytes(total)}, more than the ${formatBytes(machineBytes)} of this machine`;
  throw new UsageError(
    `${key} = ${value}: parameters, gradients and moments take ${formatBytes(need.model)} and a batch ${formatBytes(need.batch)}, ${limit}; lower ${key}`,
  );
}

/** As trainingProgram and its caller take it, but for some numbers of the objective, for which there is room enough. */
function needOf({ model, train }: Config, event: readonly number[]): Need {
  const { average } = train;
  const batchSize = rowsAtOnce({ train });
  const size = staticSize(event);
  const parameters = 4 * layoutOf(buildVae(model, event).parameters).total;
  const units = [...model.encoder.hidden, ...model.decoder.hidden].reduce((sum, width) => sum + width, 0);
  return {
    model: parameters * ((average === null ? 4 : 5) + (batchSize < train.batchSize ? 1 : 0)),
    batch: 4 * batchSize * (size + model.latent + 1) + batchBytes(batchSize, size) + 4096,
    beside: parameters + 4 * batchSize * units,
  };
}

const totalOf = ({ model, batch, beside }: Need): number => model + batch + beside;

/** The size in the config that saves most memory when it is made 1. */
function mostCostly(config: Config, event: readonly number[]): { readonly key: string; readonly value: number } {
  const { model, train } = config;
  const sizes = [
    ...(["encoder", "decoder"] as const).flatMap((network) =>
      model[network].hidden.map((value, i) => {
        const hidden = model[network].hidden.with(i, 1);
        return {
          key: `model.${network}.hidden.${i}`,
          value,
          without: { ...config, model: { ...model, [network]: { ...model[network], hidden } } },
        };
      }),
    ),
    { key: "model.latent", value: model.latent, without: { ...config, model: { ...model, latent: 1 } } },
    train.microBatch === null
      ? { key: "train.batchSize", value: train.batchSize, without: { ...config, train: { ...train, batchSize: 1 } } }
      : {
          key: "train.microBatch",
          value: train.microBatch,
          without: { ...config, train: { ...train, microBatch: 1 } },
        },
  ];
  const left = sizes.map(({ without }) => totalOf(needOf(without, event)));
  return sizes[left.indexOf(Math.min(...left))]!;
}

const units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];

/** 1.2 TB */
function formatBytes(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${value >= 1e6 ? value.toExponential(1) : Number(value.toPrecision(2))} ${units[power]}`;
}
