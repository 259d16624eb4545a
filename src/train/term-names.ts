import type { FurtherTerm } from "../models/objective-table.ts";

/** What a person reads of an objective's terms, beside distortion and rate. */
export const termNames: Readonly<Record<FurtherTerm, string>> = {
  negIwaeNats: "−IWAE bound",
  freeRateNats: "rate with free bits",
  mutualInformationNats: "mutual information",
  totalCorrelationNats: "total correlation",
  dimensionwiseKlNats: "dimension-wise KL",
  offDiagonalPenalty: "Σ C_ij²",
  diagonalPenalty: "Σ (C_ii − 1)²",
  mmd: "MMD²",
  discriminatorNats: "discriminator's loss",
  discriminatorAccuracy: "discriminator's accuracy",
};
