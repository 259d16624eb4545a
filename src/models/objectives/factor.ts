import type { FactorConfig } from "../../config.objective.ts";
import { softplus, unitStep } from "../../graph/ops/activation.ts";
import { add, mul, neg, sub } from "../../graph/ops/arithmetic.ts";
import { asInt } from "../../graph/ops/comparison.ts";
import { splitEvenly, stack } from "../../graph/ops/join.ts";
import { gather } from "../../graph/ops/select.ts";
import { reshape, stopGradient } from "../../graph/ops/structure.ts";
import { times } from "../../graph/shape.ts";
import { constant, type Tensor } from "../../graph/tensor.ts";
import type { Layer } from "../../nn/dense.ts";
import { discriminator } from "../../nn/discriminator.ts";
import { parameterTree } from "../../nn/parameters.ts";
import type { Adversary } from "../adversary.ts";
import { type DrawnInput, drawnTensor } from "../drawn-inputs.ts";
import { weightedMean } from "../objective.ts";
import type { FurtherTerms } from "../objective-table.ts";
import type { CodedBatch } from "./coded-batch.ts";

/* FactorVAE (Kim & Mnih 2018): the total correlation KL(q(z) ‖ Π q(z_j)) by the ratio of densities that a discriminator sees. */

/** The discriminator and its parameters, whose paths begin with its name. */
function discriminatorOf(latent: number, { discriminator: { hidden } }: FactorConfig) {
  const { root, specs } = parameterTree();
  return { logit: discriminator(root.at("discriminator"), latent, hidden), specs };
}

/** E[log D(z)/(1 − D(z))], which is the total correlation where D is the best there is (Kim & Mnih 2018, eq. 3). */
export function discriminatedCorrelation(
  { vae, z, weight }: CodedBatch,
  objective: FactorConfig,
): FurtherTerms<Tensor> {
  return { totalCorrelationNats: weightedMean(discriminatorOf(vae.latent, objective).logit(z), weight) };
}

/** The discriminator of a batch, which learns what distinguishes its codes from permuted ones. */
export function factorAdversary({ vae, z, weight }: CodedBatch, objective: FactorConfig): Adversary {
  const { logit, specs } = discriminatorOf(vae.latent, objective);
  const rows: DrawnInput = { name: "permutation", kind: "permutations", columns: vae.latent, samples: 1 };
  return {
    name: "discriminator",
    parameters: specs,
    inputs: [rows],
    learningRate: objective.discriminator.learningRate,
    ...discriminatorLoss(logit, z, drawnTensor(rows), weight),
  };
}

/**
 * Draws of the product of the marginals, Π q(z_j), made of draws of q(z): each latent is permuted over the rows, by itself
 * (Kim & Mnih 2018, algorithm 1). It has no gradient by z.
 * @param z (batch, latent)
 * @param rows (batch, latent): the row that each latent is taken from
 */
export function permuteDims(z: Tensor, rows: Tensor): Tensor {
  const latent = z.shape[1] as number;
  const flat = [times(z.shape[0]!, latent)];
  const columns = constant(
    Array.from({ length: latent }, (_, j) => j),
    [latent],
    "int",
  );
  const places = add(mul(asInt(rows), constant([latent], [1], "int")), columns); // within the flat z   (batch, latent)
  return reshape(gather(reshape(stopGradient(z), flat), reshape(places, flat)), z.shape);
}

/**
 * What the discriminator minimizes (Kim & Mnih 2018, algorithm 2): −½·(E[log D(z)] + E[log(1 − D(z′))]), in nats, with z′
 * the permuted z. Log 2 where it knows nothing; its accuracy is then a half.
 * @param logit log D/(1 − D) of draws (batch, latent)
 * @param rows as `permuteDims` takes them
 * @param weight (batch)
 */
export function discriminatorLoss(
  logit: Layer,
  z: Tensor,
  rows: Tensor,
  weight: Tensor,
): Pick<Adversary, "minimize" | "terms"> {
  const batch = z.shape[0]!;
  const both = stack([stopGradient(z), permuteDims(z, rows)], 0); // (2, batch, latent)
  const logits = reshape(logit(reshape(both, [times(batch, 2), z.shape[1]!])), [2, batch]);
  const [joint, product] = splitEvenly(logits, 0, 2).map((half) => reshape(half, [batch])) as [Tensor, Tensor];
  const discriminatorNats = weightedMean(mul(add(softplus(neg(joint)), softplus(product)), 0.5), weight);
  const right = mul(add(sub(unitStep(joint), unitStep(product)), 1), 0.5);
  return {
    minimize: discriminatorNats,
    terms: { discriminatorNats, discriminatorAccuracy: weightedMean(right, weight) },
  };
}
