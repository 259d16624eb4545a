import { shapeAt } from "../graph/shape.ts";
import type { Backend, Value } from "../runtime/backend.ts";
import { type Drawing, perform } from "../runtime/drawing.ts";
import type { AttachedKernels, Place } from "../runtime/kernels.ts";
import { type OptimizerSettings, update } from "./optimizer.ts";
import { type Plan, rowsOf, shareOf } from "./plan.ts";

/** What all members do at once, each its part. */
export type Command =
  /** Draws numbers for its rows. */
  | { readonly kind: "draw"; readonly drawings: readonly Drawing[] }
  /** Computes loss and gradient of its rows; a member whose rows have no weight has nothing to do. */
  | { readonly kind: "run"; readonly entry: number; readonly weights: readonly number[] }
  /** Adds what the members computed to what was gathered from batches that weigh `before`, as a weighted mean. */
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
  const { members } = plan;
  const at = kernels.float32At;
  const rows = rowsOf(plan.batchSize, index, members);
  const models = await Promise.all(plan.entries.map((_, entry) => openModel(backend, plan, entry, index, at)));
  const others = Array.from({ length: members }, (_, i) => i).filter((i) => i !== index);
  const parameters = at(plan.parameters);
  const shares = plan.entries.map(({ parts, accumulated, first, second, stretches }) =>
    shareOf(stretches, index, members).map((stretch) => {
      const view = (place: Place) => at(place).subarray(stretch.from, stretch.to);
      return {
        ...stretch,
        parameters: view(plan.parameters),
        gradients: view(accumulated ?? parts[index]!.computed),
        first: view(first),
        second: view(second),
        // Its own comes first: that may lie already where the sum goes to.
        computed: [index, ...others].map((i) => ({ i, values: view(parts[i]!.computed) })),
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
        case "draw":
          for (const drawing of command.drawings) perform(kernels, drawing, rows.from, rows.to);
          return 0;
        case "run":
          if (command.weights[index]! > 0) await models[command.entry]!.run();
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

/** Compiles an objective for a member's rows, and ties it to their arrays. */
async function openModel(
  backend: Backend,
  { members, threads, batchSize, entries }: Plan,
  entry: number,
  index: number,
  at: (place: Place) => Float32Array,
): Promise<{ run(): Promise<void>; release(): Promise<void> }> {
  const { model, parts } = entries[entry]!;
  const { feeds, copies, gradients, results } = parts[index]!;
  const executable = await backend.compile(model, { threads });
  const { from, to } = rowsOf(batchSize, index, members);
  const values = (places: typeof feeds): Record<string, Value> =>
    Object.fromEntries(
      places.map((place) => [place.name, { data: at(place), shape: shapeAt(place.shape, to - from) }]),
    );
  const run = executable.bind(values(feeds), values([...results, ...gradients]));
  const arrays = copies.map((copy) => ({ from: at(copy.from), to: at(copy.to) }));
  return {
    run() {
      for (const copy of arrays) copy.to.set(copy.from);
      return run();
    },
    release: () => executable.release(),
  };
}
