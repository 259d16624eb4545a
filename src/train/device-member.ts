import { shapeAt } from "../graph/shape.ts";
import type { ParameterSpec } from "../nn/parameters.ts";
import type { Backend, Value } from "../runtime/backend.ts";
import { perform } from "../runtime/drawing.ts";
import type { Kernels } from "../runtime/kernels.ts";
import { deviceArrays, type Home } from "./device-arrays.ts";
import {
  accumulated,
  averaged,
  averageName,
  kindsOf,
  lengthOf,
  scalarOf,
  shareName,
  squaresName,
  updated,
  withJoinedGradients,
} from "./device-graphs.ts";
import { type ParameterGroup, stretchesOf } from "./groups.ts";
import { type Layout, layoutOf, type Slot, viewOf } from "./layout.ts";
import type { Member } from "./member.ts";
import { outputsOf } from "./objectives.ts";
import { numbersFor, ruleOf } from "./optimizer.graph.ts";
import type { OptimizerSettings } from "./optimizer.ts";
import type { OutputsOf, Plan } from "./plan.ts";

/*
 * A training whose parameters, gradients, moments and average lie in the memory of a graphics card. Numbers are drawn by
 * the processor and go there with each run; the loss, its terms, and the gradient's norm come back. State that is not
 * trained stays with the processor, and is fed as an input is.
 */

/** The one member of such a training. */
export interface DeviceMember extends Member {
  /** Writes parameters, moments and average to the plan's arrays, and gives up those of the device. */
  download(): Promise<void>;
  /**
   * Operators of the objectives' graphs that run on the processor for want of one on the device, and how often; undefined
   * where the backend cannot tell.
   */
  fallbacks(): Promise<Readonly<Record<string, number>> | undefined>;
}

/** The outputs of an objective on a device: gradients are joined, and come with the sum of their squares. */
export function deviceOutputs(specs: readonly ParameterSpec[], groups: readonly ParameterGroup[]): OutputsOf {
  const layout = layoutOf(specs);
  return (objective, tensors, entry) =>
    withJoinedGradients(
      outputsOf(objective, tensors),
      kindsOf(layout, stretchesOf(layout, specs, objective.trains, groups), entry),
    );
}

export async function createDeviceMember(
  backend: Backend,
  kernels: Kernels,
  plan: Plan,
  layout: Layout,
): Promise<DeviceMember> {
  const { batchSize } = plan;
  const at = kernels.float32At;
  const parameters = at(plan.parameters);
  const average = plan.average && at(plan.average);
  const trained = layout.slots.filter(({ role }) => role === "trained");
  const untrained = layout.slots.filter(({ role }) => role !== "trained");
  const kinds = plan.entries.map(({ stretches }, entry) => kindsOf(layout, stretches, entry));
  const hosted = plan.entries.map(({ parts }) => {
    const { feeds, results } = parts[0]!;
    const values = feeds.map((place): [string, Value] => [
      place.name,
      { data: at(place), shape: shapeAt(place.shape, batchSize) },
    ]);
    return { feeds: Object.fromEntries(values), results: results.map((place) => [place.name, at(place)] as const) };
  });

  const homes = new Map<string, Home>(
    trained.map((slot) => [slot.path, { buffer: parameters, slots: [slot], shape: slot.shape }]),
  );
  const settle = (name: string, buffer: Float32Array, slots: readonly Slot[]) =>
    homes.set(name, { buffer, slots, shape: [lengthOf(slots)] });
  if (average) settle(averageName, average, trained);
  for (const [entry, { first, second }] of plan.entries.entries())
    for (const { slots, key } of kinds[entry]!) {
      settle(`first:${key}`, at(first), slots);
      settle(`second:${key}`, at(second), slots);
    }

  // Beside those with homes: `gradient:` of the last run, `sum:` of all batches of a step.
  const arrays = deviceArrays(backend, plan.threads, homes);
  const { graph, launch } = arrays;
  const objectives = await Promise.all(
    plan.entries.map(({ model, parts }, entry) =>
      arrays.open(
        model,
        parts[0]!.feeds.map(({ name }) => name),
        kinds[entry]!.map(({ key }) => `gradient:${key}`),
      ),
    ),
  ).catch(async (error: unknown) => {
    await arrays.release();
    throw error;
  });
  const upload = () => arrays.upload(trained.map(({ path }) => path));

  const squares: number[] = [];
  const squaresIn = (values: Readonly<Record<string, Value>>): number => Number(values[squaresName]?.data[0] ?? 0);

  const run = async (entry: number) => {
    await upload();
    const { feeds, results } = hosted[entry]!;
    const values = await launch(objectives[entry]!, feeds);
    for (const [name, array] of results) array.set(values[name]!.data as Float32Array);
    squares[entry] = squaresIn(values);
  };

  const gather = async (entry: number, weight: number, before: number): Promise<number> => {
    const own = kinds[entry]!;
    if (own.length === 0) return 0;
    if (before === 0) {
      for (const { key } of own) arrays.rename(`gradient:${key}`, `sum:${key}`);
      return squares[entry]!;
    }
    const given = { [shareName]: one(weight / (before + weight)) };
    return squaresIn(await launch(await graph(`accumulate ${entry}`, () => accumulated(own)), given));
  };

  const update = async (entry: number, settings: OptimizerSettings, step: number, scale: number) => {
    const own = kinds[entry]!;
    if (own.length === 0) return;
    const rule = ruleOf(settings);
    const scalars = own.flatMap((kind) =>
      Object.entries(numbersFor(kind, settings, step, scale)).map(([name, value]) => [
        scalarOf(name, kind),
        one(value),
      ]),
    );
    await upload();
    await launch(await graph(`${rule} ${entry}`, () => updated(own, rule)), Object.fromEntries(scalars));
    arrays.drop(own.map(({ key }) => `sum:${key}`));
  };

  const moveAverage = async (decay: number) => {
    await upload();
    await launch(await graph("average", () => averaged(trained)), { [shareName]: one(1 - decay) });
    for (const slot of untrained) kernels.average(viewOf(average!, slot), viewOf(parameters, slot), decay);
  };

  return {
    async obey(command) {
      switch (command.kind) {
        case "run":
          for (const drawing of command.drawings) perform(kernels, drawing, 0, batchSize);
          await run(command.entry);
          return 0;
        case "gather":
          return gather(command.entry, command.weights[0]!, command.before);
        case "update":
          await update(command.entry, command.settings, command.step, command.scale);
          return 0;
        case "average":
          await moveAverage(command.decay);
          return 0;
      }
    },
    download: () => arrays.download(),
    async fallbacks() {
      if (!backend.fallbacks) return undefined;
      const total: Record<string, number> = {};
      for (const [entry, { model }] of plan.entries.entries())
        for (const [name, count] of Object.entries(await backend.fallbacks(model, hosted[entry]!.feeds)))
          total[name] = (total[name] ?? 0) + count;
      return total;
    },
    release: () => arrays.release(),
  };
}

const one = (value: number): Value => ({ data: Float32Array.of(value), shape: [] });
