import type { ObjectiveKind, ObjectiveOf } from "../../config.objective.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Adversary } from "../adversary.ts";
import type { ExampleTerms } from "../objective.ts";
import type { FurtherTerms } from "../objective-table.ts";
import type { Vae } from "../vae.ts";
import type { CodedBatch } from "./coded-batch.ts";
import { covariancePenalties } from "./dip.ts";
import { discriminatedCorrelation, factorAdversary } from "./factor.ts";
import { freeRate } from "./free-bits.ts";
import { importanceTerms } from "./importance.ts";
import { discrepancy } from "./mmd.ts";
import { rateDecomposition } from "./total-correlation.ts";

type OfExamples<Kind extends ObjectiveKind> = (
  vae: Vae,
  objective: ObjectiveOf<Kind>,
  x: Tensor,
  noise: Tensor,
) => ExampleTerms;
/** Scalars. */
type OfBatch<Kind extends ObjectiveKind> = (batch: CodedBatch, objective: ObjectiveOf<Kind>) => FurtherTerms<Tensor>;

type MakeAdversary<Kind extends ObjectiveKind> = (batch: CodedBatch, objective: ObjectiveOf<Kind>) => Adversary;

/* The objectives beside the usual ones: their code is loaded when a config names one of them. */

const ofExamples = {
  iwae: importanceTerms,
  miwae: importanceTerms,
  ciwae: importanceTerms,
} satisfies { readonly [Kind in ObjectiveKind]?: OfExamples<Kind> };

const ofBatch = {
  elbo: freeRate,
  "beta-tcvae": rateDecomposition,
  "dip-vae": covariancePenalties,
  "info-vae": discrepancy,
  "wae-mmd": discrepancy,
  factor: discriminatedCorrelation,
} satisfies { readonly [Kind in ObjectiveKind]?: OfBatch<Kind> };

/** Of the objectives that train a network beside the model. */
const adversaries = { factor: factorAdversary } satisfies { readonly [Kind in ObjectiveKind]?: MakeAdversary<Kind> };

export const loadedObjectives = {
  ofExamples: ofExamples as Readonly<Partial<Record<ObjectiveKind, OfExamples<never>>>>,
  ofBatch: ofBatch as Readonly<Partial<Record<ObjectiveKind, OfBatch<never>>>>,
  adversaries: adversaries as Readonly<Partial<Record<ObjectiveKind, MakeAdversary<never>>>>,
};
