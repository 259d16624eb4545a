import { UsageError } from "../errors.ts";
import type { Kernels } from "../runtime/kernels.ts";
import type { UpdateOptions } from "../runtime/updates.ts";
import type { Stretch } from "./groups.ts";

/** What holds for every optimizer at one step. */
interface CommonSettings {
  readonly learningRate: number;
  /** Decoupled weight decay of the parameters of rank 2 or more, not of biases (Loshchilov & Hutter 2019). */
  readonly weightDecay?: number;
  /** The gradient's greatest norm: a longer one is scaled down to it (Pascanu et al. 2013). */
  readonly clip?: number | null;
  /** A gradient whose norm is above this, or not finite, changes nothing (Child 2021, section 3.3). */
  readonly skipAbove?: number | null;
}

/** Kingma & Ba (2015), algorithms 1 and 2; "adamw" is the first, with weightDecay. */
interface MomentSettings extends CommonSettings {
  readonly kind?: "adam" | "adamw" | "adamax";
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** Gradient descent, with momentum and Nesterov's look ahead by option. */
interface DescentSettings extends CommonSettings {
  readonly kind: "sgd";
  readonly momentum: number;
  readonly nesterov: boolean;
}

export type OptimizerSettings = MomentSettings | DescentSettings;

/** @throws UsageError for settings with which a step would be none */
export function checkSettings(settings: OptimizerSettings): void {
  const { learningRate, weightDecay = 0, clip, skipAbove } = settings;
  const refuse = (key: string, what: string, value: unknown) => {
    throw new UsageError(`optimizer.${key}: expected ${what}, got ${value}`);
  };
  if (!(learningRate >= 0)) refuse("learningRate", "a number of 0 or more", learningRate);
  if (!(weightDecay >= 0)) refuse("weightDecay", "a number of 0 or more", weightDecay);
  for (const [key, value] of Object.entries({ clip, skipAbove }))
    if (typeof value === "number" && !(value > 0)) refuse(key, "a number above 0", value);
  const numbers = settings.kind === "sgd" ? ["momentum"] : ["beta1", "beta2", "epsilon"];
  const given = settings as unknown as Readonly<Record<string, unknown>>;
  for (const key of numbers) if (!Number.isFinite(given[key])) refuse(key, "a number", given[key]);
}

/** The views of one stretch of the flat buffers. */
export interface StretchBuffers {
  readonly parameters: Float32Array;
  readonly gradients: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/** What one step is made with on a stretch: its own where it has some, else the optimizer's. */
export function optionsOn(
  { rateFactor, weightDecay }: Pick<Stretch, "rateFactor" | "weightDecay">,
  settings: OptimizerSettings,
  step: number,
  scale: number,
): UpdateOptions {
  return {
    learningRate: settings.learningRate * rateFactor,
    weightDecay: weightDecay ?? settings.weightDecay ?? 0,
    step,
    scale,
  };
}

/** One step of the optimizer along the gradients times `scale`. @param step counted from 1 */
export function update(
  kernels: Pick<Kernels, "adam" | "adamax" | "momentum">,
  stretches: readonly (Stretch & StretchBuffers)[],
  settings: OptimizerSettings,
  step: number,
  scale: number,
): void {
  for (const { parameters, gradients, first, second, ...stretch } of stretches) {
    const options = optionsOn(stretch, settings, step, scale);
    if (settings.kind === "sgd") {
      const { momentum, nesterov } = settings;
      kernels.momentum(parameters, gradients, first, { ...options, momentum, nesterov });
    } else {
      const { beta1, beta2, epsilon } = settings;
      kernels[settings.kind === "adamax" ? "adamax" : "adam"](parameters, gradients, first, second, {
        ...options,
        beta1,
        beta2,
        epsilon,
      });
    }
  }
}
