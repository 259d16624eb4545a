import { UsageError } from "../errors.ts";
import type { ParameterSpec } from "../nn/parameters.ts";
import { type Layout, rangesOf } from "./layout.ts";
import type { ObjectiveEntry } from "./objectives.ts";

/** Parameters that take steps of their own length. */
export interface ParameterGroup {
  /** Beginnings of paths: "encoder" for all of the encoder. The first group that names a parameter has it. */
  readonly parameters: readonly string[];
  /** Factor on the learning rate; 0 freezes them. */
  readonly learningRate?: number;
  /** Weight decay in the place of the optimizer's. */
  readonly weightDecay?: number | undefined;
}

const startsWith = (path: string, start: string): boolean => path === start || path.startsWith(`${start}.`);

const covers = ({ parameters }: ParameterGroup, path: string): boolean =>
  parameters.some((start) => startsWith(path, start));

/**
 * @param model the parameters among them of which some must be left to train
 * @throws UsageError for a group that names no parameter or has numbers that are none, or if all is frozen
 */
export function checkGroups(
  groups: readonly ParameterGroup[],
  specs: readonly ParameterSpec[],
  model: readonly ParameterSpec[] = specs,
): void {
  for (const [i, { parameters, learningRate = 1, weightDecay = 0 }] of groups.entries()) {
    const stranger = parameters.find((start) => !specs.some(({ path }) => startsWith(path, start)));
    if (stranger !== undefined)
      throw new UsageError(
        `optimizer.groups.${i}: no parameter's path begins with "${stranger}"; the paths are ${specs.map(({ path }) => path).join(", ")}`,
      );
    for (const [key, value] of Object.entries({ learningRate, weightDecay }))
      if (!(Number.isFinite(value) && value >= 0))
        throw new UsageError(`optimizer.groups.${i}.${key}: expected a number of 0 or more, got ${value}`);
  }
  const trained = model.filter(({ role }) => role === "trained");
  if (groups.length > 0 && trained.every(({ path }) => isFrozen(groups, path)))
    throw new UsageError("optimizer.groups: freeze every parameter of the model; leave some to train");
}

const isFrozen = (groups: readonly ParameterGroup[], path: string): boolean =>
  groups.find((group) => covers(group, path))?.learningRate === 0;

/** The objectives without the parameters that a group freezes: they have no gradient, and no part in its norm. */
export function withoutFrozen(
  objectives: readonly ObjectiveEntry[],
  groups: readonly ParameterGroup[],
): readonly ObjectiveEntry[] {
  return objectives.map((objective) => ({
    ...objective,
    trains: objective.trains.filter((path) => !isFrozen(groups, path)),
  }));
}

/** A stretch of the flat buffers that one step treats alike. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly rateFactor: number;
  /** undefined: the optimizer's own. */
  readonly weightDecay: number | undefined;
}

/** The trained parameters among `paths`, cut where groups or weight decay begin and end. */
export function stretchesOf(
  layout: Layout,
  specs: readonly ParameterSpec[],
  paths: readonly string[],
  groups: readonly ParameterGroup[],
): Stretch[] {
  const kinds = new Map<
    string,
    { readonly paths: Set<string>; readonly group?: ParameterGroup; readonly decays: boolean }
  >();
  for (const { path, shape } of specs) {
    if (!paths.includes(path)) continue;
    const index = groups.findIndex((group) => covers(group, path));
    const decays = shape.length > 1;
    const key = `${index} ${decays}`;
    const group = groups[index];
    const kind = kinds.get(key) ?? { paths: new Set<string>(), ...(group ? { group } : {}), decays };
    kind.paths.add(path);
    kinds.set(key, kind);
  }
  return [...kinds.values()].flatMap(({ paths: own, group, decays }) =>
    rangesOf(layout, own).map(([from, to]) => ({
      from,
      to,
      rateFactor: group?.learningRate ?? 1,
      weightDecay: decays ? group?.weightDecay : 0,
    })),
  );
}
