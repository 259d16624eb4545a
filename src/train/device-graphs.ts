import { add, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { concat, split } from "../graph/ops/join.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { input, parameter, type Tensor } from "../graph/tensor.ts";
import type { Stretch } from "./groups.ts";
import type { Layout, Slot } from "./layout.ts";
import { type RuleName, rules } from "./optimizer.graph.ts";

/*
 * What a training computes in the memory of a graphics card, beside loss and gradient: sums of gradients, the optimizer's
 * step, the average. Parameters lie there by path, so that they are fed as they are; gradients, moments and the average
 * are flat vectors. An array that a graph gives anew has the name of the old one, with `fresh` before it. All names but
 * those of parameters and of an objective's inputs have a prefix, so that a parameter may be called "average" or "scale".
 */

type Outputs = Readonly<Record<string, Tensor>>;

/** Stands before the names of outputs that stay on the device, and take the place of what the rest of the name says. */
export const fresh = "new:";
/** Name of the sum of squares of an objective's gradient; as a gradient it is none of the results. */
export const squaresName = "gradient:squares";
/** Name of the average of all parameters. */
export const averageName = "average:all";
/** Name of the scalar by which a mean moves towards what is new. */
export const shareName = "scalar:share";

/** Parameters that every step of an objective treats alike. */
export interface Kind extends Pick<Stretch, "rateFactor" | "weightDecay"> {
  readonly slots: readonly Slot[];
  /** "0:1" is the second kind of the first objective: the end of its arrays' names. */
  readonly key: string;
}

/** The parameters that lie in some stretches, by kind. @param entry number of the objective */
export function kindsOf({ slots }: Layout, stretches: readonly Stretch[], entry: number): Kind[] {
  const kinds = new Map<string, Stretch[]>();
  for (const stretch of stretches) {
    const key = `${stretch.rateFactor} ${stretch.weightDecay}`;
    kinds.set(key, [...(kinds.get(key) ?? []), stretch]);
  }
  return [...kinds.values()].map((alike, k) => ({
    rateFactor: alike[0]!.rateFactor,
    weightDecay: alike[0]!.weightDecay,
    slots: slots.filter(({ offset }) => alike.some(({ from, to }) => from <= offset && offset < to)),
    key: `${entry}:${k}`,
  }));
}

export const lengthOf = (slots: readonly Slot[]): number => slots.reduce((total, { length }) => total + length, 0);

const joined = (tensors: readonly Tensor[], slots: readonly Slot[]): Tensor =>
  concat(
    tensors.map((tensor, i) => reshape(tensor, [slots[i]!.length])),
    0,
  );

const parametersOf = (slots: readonly Slot[]): Tensor =>
  joined(
    slots.map(({ path, shape }) => parameter(path, shape)),
    slots,
  );

/** A flat vector of numbers of each parameter of a kind. */
const flat = (name: string, { slots, key }: Kind): Tensor => input(`${name}:${key}`, [lengthOf(slots)]);

const scalar = (name: string): Tensor => input(name, []);

const towards = (from: Tensor, to: Tensor): Tensor => add(from, mul(scalar(shareName), sub(to, from)));

/** Σg² over all vectors, which there is at least one of. */
const squares = (vectors: readonly Tensor[]): Tensor => vectors.map((vector) => sum(square(vector))).reduce(add);

/** The outputs of an objective with its gradients joined by kind, and with their sum of squares. */
export function withJoinedGradients(outputs: Outputs, kinds: readonly Kind[]): Outputs {
  const gradients = kinds.map(({ slots }) =>
    joined(
      slots.map(({ path }) => outputs[`gradient:${path}`]!),
      slots,
    ),
  );
  return {
    ...Object.fromEntries(Object.entries(outputs).filter(([name]) => !name.startsWith("gradient:"))),
    ...Object.fromEntries(gradients.map((gradient, k) => [`gradient:${kinds[k]!.key}`, gradient])),
    ...(kinds.length > 0 ? { [squaresName]: squares(gradients) } : {}),
  };
}

/** sum ← sum + share·(gradient − sum), and the squares of that. */
export function accumulated(kinds: readonly Kind[]): Outputs {
  const sums = kinds.map((kind) => towards(flat("sum", kind), flat("gradient", kind)));
  return {
    ...Object.fromEntries(sums.map((vector, k) => [`${fresh}sum:${kinds[k]!.key}`, vector])),
    [squaresName]: squares(sums),
  };
}

/** The scalars that differ from kind to kind; the rest are the optimizer's. */
const ofKinds = new Set(["rate", "decay"]);

/** Name of a scalar of the optimizer's rule, as an input. */
export const scalarOf = (name: string, { key }: Kind): string => `scalar:${name}${ofKinds.has(name) ? `:${key}` : ""}`;

/** One step of the optimizer. */
export function updated(kinds: readonly Kind[], rule: RuleName): Outputs {
  const outputs: Record<string, Tensor> = {};
  for (const kind of kinds) {
    const { slots, key } = kind;
    const { parameters, ...moments }: Partial<Readonly<Record<string, Tensor>>> = rules[rule](
      {
        parameters: parametersOf(slots),
        gradients: flat("sum", kind),
        first: flat("first", kind),
        second: flat("second", kind),
      },
      (name) => scalar(scalarOf(name, kind)),
    );
    const sizes = slots.map(({ length }) => length);
    for (const [i, part] of split(parameters!, 0, sizes).entries())
      outputs[`${fresh}${slots[i]!.path}`] = reshape(part, slots[i]!.shape);
    for (const [name, moment] of Object.entries(moments)) outputs[`${fresh}${name}:${key}`] = moment!;
  }
  return outputs;
}

/** average ← average + share·(parameters − average) */
export function averaged(slots: readonly Slot[]): Outputs {
  return { [`${fresh}${averageName}`]: towards(input(averageName, [lengthOf(slots)]), parametersOf(slots)) };
}

/** Gives what it is fed: the way onto a device, and off it. @param prefix of the outputs' names */
export function carried(
  arrays: readonly { readonly name: string; readonly shape: readonly number[] }[],
  prefix: string,
) {
  return Object.fromEntries(arrays.map(({ name, shape }) => [`${prefix}${name}`, input(name, shape)]));
}
