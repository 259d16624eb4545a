import { abs, add, div, maximum, mul, sqrt, square, sub } from "../graph/ops/arithmetic.ts";
import type { Tensor } from "../graph/tensor.ts";
import { adamaxNumbers, adamNumbers, momentumNumbers } from "../runtime/updates.ts";
import type { Stretch } from "./groups.ts";
import { type OptimizerSettings, optionsOn } from "./optimizer.ts";

/*
 * The optimizers as graphs, for parameters that lie in the memory of a graphics card. The kernels (runtime/assembly) are
 * the same rules as loops on a processor; tests hold each to the other. Scalars are inputs: nothing is recompiled from
 * step to step.
 */

/** Flat vectors of one length. */
export interface Flat {
  readonly parameters: Tensor;
  readonly first: Tensor;
  readonly second: Tensor;
}

/** @param number the scalar of a name, of those that `numbersFor` gives */
type Rule = (flat: Flat & { readonly gradients: Tensor }, number: (name: string) => Tensor) => Partial<Flat>;

/**
 * As in the kernels, second moments are at least this, so that a gradient that is always 0 divides nothing by 0. Their
 * other guard against subnormal numbers, first moments in multiples of 6e-33, is not needed: a card is no slower at them.
 */
const floor = 1e-33;

/** from + weight·(to − from): once rounded to float32, β and 1 − β would not add up to 1. */
const towards = (from: Tensor, to: Tensor, weight: Tensor): Tensor => add(from, mul(weight, sub(to, from)));

/** θ − (decay·θ + change) */
const stepped = (parameters: Tensor, decay: Tensor, change: Tensor): Tensor =>
  sub(parameters, add(mul(decay, parameters), change));

/** What changes of parameters and moments in one step. */
export const rules = {
  /** Kingma & Ba (2015), algorithm 1, in the order given after it. */
  adam({ parameters, gradients, first, second }, number) {
    const g = mul(number("scale"), gradients);
    const m = towards(first, g, number("weight1"));
    const v = maximum(towards(second, square(g), number("weight2")), floor);
    const change = div(mul(number("rate"), m), add(sqrt(v), number("epsilon")));
    return { parameters: stepped(parameters, number("decay"), change), first: m, second: v };
  },
  /** Kingma & Ba (2015), algorithm 2; `second` is the infinity norm u. */
  adamax({ parameters, gradients, first, second }, number) {
    const g = mul(number("scale"), gradients);
    const m = towards(first, g, number("weight1"));
    const u = maximum(mul(number("beta2"), second), add(abs(g), number("epsilon")));
    const change = div(mul(number("rate"), m), u);
    return { parameters: stepped(parameters, number("decay"), change), first: m, second: u };
  },
  /** Gradient descent with velocity v = `first`, in the form of Sutskever et al. (2013). */
  sgd({ parameters, gradients, first }, number) {
    const g = mul(number("scale"), gradients);
    const v = add(mul(number("momentum"), first), g);
    const along = add(mul(number("velocityWeight"), v), mul(number("gradientWeight"), g));
    return { parameters: stepped(parameters, number("decay"), mul(number("rate"), along)), first: v };
  },
} satisfies Readonly<Record<string, Rule>>;

export type RuleName = keyof typeof rules;

/** AdamW is Adam with a weight decay of its own default. */
export const ruleOf = ({ kind }: OptimizerSettings): RuleName => (kind === "adamax" || kind === "sgd" ? kind : "adam");

/** The scalars of a rule's step on a stretch. @param step counted from 1 */
export function numbersFor(
  stretch: Pick<Stretch, "rateFactor" | "weightDecay">,
  settings: OptimizerSettings,
  step: number,
  scale: number,
): Readonly<Record<string, number>> {
  const options = optionsOn(stretch, settings, step, scale);
  if (settings.kind === "sgd") return momentumNumbers({ ...settings, ...options });
  return (settings.kind === "adamax" ? adamaxNumbers : adamNumbers)({ ...settings, ...options });
}
