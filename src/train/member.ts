import { shapeAt } from "../graph/shape.ts";
import type { Backend, Value } from "../runtime/backend.ts";
import { type Drawing, perform } from "../runtime/drawing.ts";
import type { AttachedKernels, Place } from "../runtime/kernels.ts";
import { type OptimizerSettings, update } from "./optimizer.ts";
import { type Plan, rowsOf, shareOf } from "./plan.ts";

/** What all members do at once, each its part. */
export type Command =
  /** Draws numbers for its rows, then computes loss and gradient of its parts; none of one whose rows have no weight. */
  | {
      readonly kind: "run";
      readonly entry: number;
      readonly weights: readonly number[];
      readonly drawings: readonly Drawing[];
    }
  /** Adds what all parts computed to what was gathered from batches that weigh `before`, as a weighted mean. */
  | { readonly kind: "gather"; readonly entry: number; readonly weights: readonly number[]; readonly before: number }
  /** Takes the optimizer's step with its share of the parameters. */
  | {
      readonly kind: "update";
      readonly entry: number;
      readonly settings: OptimizerSettings;
      readonly step: number;
      readonly scale: number;
    }
  /** Moves its share of the average towards the parameters. */
  | { readonly kind: "average"; readonly decay: number };

/** One of the threads that a training step is the work of. */
export interface Member {
  /** Does its part. What "gather" gives is its share of the squared norm of the gradient. */
  obey(command: Command): Promise<number>;
  release(): Promise<void>;
}

/** @param kernels on the memory that the plan is for */
export async function createMember(
  backend: Backend,
  kernels: AttachedKernels,
  plan: Plan,
  index: number,
): Promise<Member> {
  const { members, pieces } = plan;
  const at = kernels.float32At;
  const rows = rowsOf(plan.batchSize, index, members);
  const models = await allOpened(plan.entries.map((_, entry) => openModel(backend, plan, entry, index, at)));
  const first = index * pieces; // of its parts
  const parameters = at(plan.parameters);
  const shares = plan.entries.map(({ parts, accumulated, ...entry }) =>
    shareOf(entry.stretches, index, members).map((stretch) => {
      const view = (place: Place) => at(place).subarray(stretch.from, stretch.to);
      return {
        ...stretch,
        parameters: view(plan.parameters),
        gradients: view(accumulated ?? parts[first]!.computed),
        first: view(entry.first),
        second: view(entry.second),
        // Its own come first: there the sum may go to.
        computed: parts.map((_, k) => (first + k) % parts.length).map((i) => ({ i, values: view(parts[i]!.computed) })),
      };
    }),
  );
  const averaged = shareOf([{ from: 0, to: parameters.length }], index, members).map(({ from, to }) => ({
    average: plan.average && at(plan.average).subarray(from, to),
    parameters: parameters.subarray(from, to),
  }));

  const gather = (entry: number, weights: readonly number[], before: number): number => {
    let squares = 0;
    for (const { gradients, computed } of shares[entry]!) {
      let total = before;
      for (const { i, values } of computed) {
        const weight = weights[i]!;
        if (!(weight > 0)) continue; // as for "run"
        total += weight;
        if (total > weight) kernels.average(gradients, values, 1 - weight / total);
        else if (values.byteOffset !== gradients.byteOffset) gradients.set(values);
      }
      squares += kernels.sumOfSquares(gradients);
    }
    return squares;
  };

  return {
    async obey(command) {
      switch (command.kind) {
        case "run":
          for (const drawing of command.drawings) perform(kernels, drawing, rows.from, rows.to);
          for (const [k, run] of models[command.entry]!.runs.entries())
            if (command.weights[first + k]! > 0) await run();
          return 0;
        case "gather":
          return gather(command.entry, command.weights, command.before);
        case "update":
          update(kernels, shares[command.entry]!, command.settings, command.step, command.scale);
          return 0;
        case "average":
          for (const share of averaged) kernels.average(share.average!, share.parameters, command.decay);
          return 0;
      }
    },
    async release() {
      await Promise.all(models.map(({ release }) => release()));
    },
  };
}

interface OpenModel {
  /** One of each part. */
  readonly runs: readonly (() => Promise<void>)[];
  release(): Promise<void>;
}

/** All models, once each is open; where one is refused, the others are released. */
async function allOpened(opening: readonly Promise<OpenModel>[]): Promise<readonly OpenModel[]> {
  try {
    return await Promise.all(opening);
  } catch (error) {
    for (const one of await Promise.allSettled(opening)) if (one.status === "fulfilled") await one.value.release();
    throw error;
  }
}

/** Compiles an objective, and ties it to the arrays of each part of a member. */
async function openModel(
  backend: Backend,
  { pieces, threads, entries }: Plan,
  entry: number,
  index: number,
  at: (place: Place) => Float32Array,
): Promise<OpenModel> {
  const { model, parts } = entries[entry]!;
  const executable = await backend.compile(model, { threads });
  const bound = () =>
    parts.slice(index * pieces, (index + 1) * pieces).map(({ rows, feeds, copies, gradients, results }) => {
      const values = (places: typeof feeds): Record<string, Value> =>
        Object.fromEntries(places.map((place) => [place.name, { data: at(place), shape: shapeAt(place.shape, rows) }]));
      const run = executable.bind(values(feeds), values([...results, ...gradients]));
      const arrays = copies.map((copy) => ({ from: at(copy.from), to: at(copy.to) }));
      return () => {
        for (const copy of arrays) copy.to.set(copy.from);
        return run();
      };
    });
  try {
    return { runs: bound(), release: () => executable.release() };
  } catch (error) {
    await executable.release();
    throw error;
  }
}
