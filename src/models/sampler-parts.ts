import { flowPrior } from "../distributions/flow.ts";
import { fullMixture } from "../distributions/full-mixture.ts";
import type { Prior } from "../distributions/latent.ts";
import { mixturePrior } from "../distributions/mixture.ts";
import type { InvertibleFlow } from "../graph/flow.ts";
import { add, div, mul, neg, sub } from "../graph/ops/arithmetic.ts";
import { log } from "../graph/ops/functions.ts";
import { sum } from "../graph/ops/structure.ts";
import { maskedAutoregressiveFlow } from "../nn/autoregressive.ts";
import { couplingFlow } from "../nn/coupling.ts";
import { type Initializer, type ParameterSpec, parameterTree, type Scope, zeros } from "../nn/parameters.ts";
import { mixtureParameters } from "../nn/prior.ts";
import type { Standardization } from "./standardize.ts";

/* What samplers are made of: distributions of z that are fitted to draws of q(z|x) when a model is trained. */

export interface MixtureShape {
  readonly kind: "mixture";
  readonly components: number;
}

export interface FlowShape {
  readonly kind: "flow";
  /** Of the diagonal mixture that goes through the flow. */
  readonly components: number;
  /** Coupling layers. */
  readonly layers: number;
  /** Widths of the hidden layers of each one's network. */
  readonly hidden: readonly number[];
}

export type SamplerShape = MixtureShape | FlowShape;

/** A distribution of z as graphs, and the parameters that they take. */
export interface SamplerParts<Of = Pick<Prior, "noise" | "sample">> {
  readonly prior: Of;
  readonly parameters: readonly ParameterSpec[];
}

export function samplerParts(shape: SamplerShape, latent: number): SamplerParts {
  return shape.kind === "flow" ? flowParts(shape, latent) : mixtureParts(shape, latent);
}

function mixtureParts({ components }: MixtureShape, latent: number): SamplerParts {
  const { root, specs } = parameterTree();
  const prior = fullMixture({
    weights: root.parameter("weights", [components], zeros),
    mean: root.parameter("mean", [components, latent], zeros),
    factor: root.parameter("factor", [components, latent, latent], zeros),
  });
  return { prior, parameters: specs };
}

/**
 * A learned mixture of diagonal normals through affine coupling layers (RealNVP, Dinh et al. 2017), scaled and shifted to
 * the draws. The mixture is there for aggregates in several pieces, which a normal cannot be bent into (Papamakarios et
 * al. 2017, section 4, "MAF MoG"). One latent has no two halves to couple: its layers are those of a masked autoregressive
 * flow, which scale and shift it, and the mixture gives the shape.
 * @param standard of the draws, where it is fitted; what is loaded has it among its parameters
 */
export function flowParts(
  { components, layers, hidden }: FlowShape,
  latent: number,
  standard?: Standardization,
): SamplerParts<Prior> {
  const { root, specs } = parameterTree();
  const mixture = mixturePrior(mixtureParameters(root.at("start"), components, latent));
  const make = latent === 1 ? maskedAutoregressiveFlow : couplingFlow;
  const options = { steps: layers, hidden, activation: "relu", initialization: "glorot" } as const;
  const bent = flowPrior(make(root.at("flow"), latent, options), mixture);
  return { prior: flowPrior(rescaling(root, latent, standard), bent), parameters: specs };
}

/** z = mean + scale·u. Declares `mean` and `scale` (latent), which are not trained. */
function rescaling(scope: Scope, latent: number, standard: Standardization | undefined): InvertibleFlow {
  const start = (values: Float64Array | undefined): Initializer =>
    values ? { kind: "values", values: Float32Array.from(values) } : zeros;
  const mean = scope.state("mean", [latent], start(standard?.mean));
  const scale = scope.state("scale", [latent], start(standard?.scale));
  const logDet = sum(log(scale));
  return {
    forward: (u) => ({ z: add(mean, mul(scale, u)), logDet }),
    inverse: (z) => ({ z: div(sub(z, mean), scale), logDet: neg(logDet) }),
  };
}
