import type { ObjectiveConfig } from "../config.objective.ts";
import { grad } from "../graph/grad.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import type { ParameterSpec } from "../nn/parameters.ts";
import type { Adversary } from "./adversary.ts";
import type { DrawnInput } from "./drawn-inputs.ts";
import { coded } from "./objective.ts";
import { isLoaded, loadedObjectives } from "./objective-table.ts";
import { drawnInputsOf, noiseInput, trainingStep } from "./step.ts";
import type { Vae } from "./vae.ts";

/* What the training of an objective takes beside the model. */

/**
 * The network that an objective trains in turn with the model, of a batch of inputs x, noise and weight; undefined where
 * it has none.
 * @throws UsageError where the objective's code is not loaded
 */
export function adversaryOf(vae: Vae, objective: ObjectiveConfig): Adversary | undefined {
  const make = isLoaded(objective) ? loadedObjectives(objective).adversaries[objective.kind] : undefined;
  if (!make) return undefined;
  const { posterior, z, rateNats } = coded(vae, input("x", ["batch", ...vae.event]), noiseInput(vae, objective));
  return make({ vae, posterior, z, rateNats, weight: input("weight", ["batch"]) }, objective as never);
}

/** All that is trained, or kept as state: the parameters of the model come first. */
export const trainingParameters = (vae: Vae, objective: ObjectiveConfig): readonly ParameterSpec[] => [
  ...vae.parameters,
  ...(adversaryOf(vae, objective)?.parameters ?? []),
];

/**
 * What a step of training computes of a batch: the loss, and the gradients of the trained parameters; then the same of the
 * network beside the model, where there is one.
 */
export function trainingSteps(vae: Vae, objective: ObjectiveConfig): readonly (readonly Tensor[])[] {
  const adversary = adversaryOf(vae, objective);
  if (!adversary) return [trainingStep(vae, objective)];
  const { minimize, parameters } = adversary;
  const tensors = parameters.map(({ tensor }) => tensor);
  return [trainingStep(vae, objective), [minimize, ...grad(minimize, tensors)]];
}

/** What is drawn for each step beside the noise. */
export const trainingInputs = (vae: Vae, objective: ObjectiveConfig): readonly DrawnInput[] => [
  ...drawnInputsOf(vae, objective),
  ...(adversaryOf(vae, objective)?.inputs ?? []),
];
