import { UsageError } from "../errors.ts";
import type { ParameterSpec } from "../nn/parameters.ts";
import type { Kernels, UpdateOptions } from "../runtime/kernels.ts";
import { type Layout, rangesOf } from "./layout.ts";
import type { ObjectiveEntry } from "./objectives.ts";

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

/** Parameters that take steps of their own length. */
export interface ParameterGroup {
  /** Beginnings of paths: "encoder" for all of the encoder. The first group that names a parameter has it. */
  readonly parameters: readonly string[];
  /** Factor on the learning rate; 0 freezes them. */
  readonly learningRate?: number;
  /** Weight decay in the place of the optimizer's. */
  readonly weightDecay?: number | undefined;
}

/** Views of one stretch of the flat buffers. */
export interface Buffers {
  readonly parameters: Float32Array;
  readonly gradients: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/** A stretch of parameters that one step treats alike. */
export interface Stretch extends Buffers {
  readonly rateFactor: number;
  /** undefined: the optimizer's own. */
  readonly weightDecay: number | undefined;
}

/**
 * The trained parameters among `paths`, cut where groups or weight decay begin and end.
 * @throws UsageError for a group that names no parameter
 */
export function stretchesOf(
  layout: Layout,
  specs: readonly ParameterSpec[],
  paths: readonly string[],
  groups: readonly ParameterGroup[],
  buffers: Buffers,
): Stretch[] {
  for (const start of groups.flatMap((group) => group.parameters))
    if (!specs.some(({ path }) => names({ parameters: [start] }, path)))
      throw new UsageError(
        `optimizer.groups: no parameter's path begins with "${start}"; the paths are ${specs.map(({ path }) => path).join(", ")}`,
      );
  const kinds = new Map<
    string,
    { readonly paths: Set<string>; readonly group?: ParameterGroup; readonly decays: boolean }
  >();
  for (const { path, shape } of specs) {
    if (!paths.includes(path)) continue;
    const index = groups.findIndex((group) => names(group, path));
    const decays = shape.length > 1;
    const key = `${index} ${decays}`;
    const group = groups[index];
    const kind = kinds.get(key) ?? { paths: new Set<string>(), ...(group ? { group } : {}), decays };
    kind.paths.add(path);
    kinds.set(key, kind);
  }
  return [...kinds.values()].flatMap(({ paths: own, group, decays }) =>
    rangesOf(layout, own).map(([from, to]) => ({
      parameters: buffers.parameters.subarray(from, to),
      gradients: buffers.gradients.subarray(from, to),
      first: buffers.first.subarray(from, to),
      second: buffers.second.subarray(from, to),
      rateFactor: group?.learningRate ?? 1,
      weightDecay: decays ? group?.weightDecay : 0,
    })),
  );
}

/** Whether a group names a parameter. */
const names = (group: ParameterGroup, path: string): boolean =>
  group.parameters.some((start) => path === start || path.startsWith(`${start}.`));

/**
 * The objectives without the parameters that a group freezes: they have no gradient, and no part in its norm.
 * @throws UsageError for a group with numbers that are none, or where nothing is left to train
 */
export function withoutFrozen(
  objectives: readonly ObjectiveEntry[],
  groups: readonly ParameterGroup[],
): readonly ObjectiveEntry[] {
  for (const [i, { learningRate = 1, weightDecay = 0 }] of groups.entries())
    for (const [key, value] of Object.entries({ learningRate, weightDecay }))
      if (!(Number.isFinite(value) && value >= 0))
        throw new UsageError(`optimizer.groups.${i}.${key}: expected a number of 0 or more, got ${value}`);
  return objectives.map((objective) => {
    const trains = objective.trains.filter((path) => groups.find((group) => names(group, path))?.learningRate !== 0);
    if (trains.length === 0 && objective.trains.length > 0)
      throw new UsageError(`optimizer.groups: freeze all that objective "${objective.name}" trains; leave some of it`);
    return { ...objective, trains };
  });
}

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

/** One step of the optimizer along the gradients times `scale`. @param step counted from 1 */
export function update(
  kernels: Kernels,
  stretches: readonly Stretch[],
  settings: OptimizerSettings,
  step: number,
  scale: number,
): void {
  for (const { parameters, gradients, first, second, rateFactor, weightDecay } of stretches) {
    const options: UpdateOptions = {
      learningRate: settings.learningRate * rateFactor,
      weightDecay: weightDecay ?? settings.weightDecay ?? 0,
      step,
      scale,
    };
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
