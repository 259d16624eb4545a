import type { Description } from "./config.describe.ts";
import { likelihoods } from "./config.parts.descriptions.ts";
import type { BuiltInLikelihood } from "./config.parts.ts";

const amount = (what: string) =>
  `${what}: a number; global: one learned number; learned: an output of the decoder for each element.`;
const values = (most: string) =>
  `What the data hold. integers: whole numbers from 0; levels: numbers from 0 to 1, rounded to k/${most}, as 8-bit images have with 255.`;
const scale = amount("Scale of p(x|z) in the data's unit (pixels are scaled to [0, 1])");
const levels = "Levels between 0 and 1 that values are rounded to: 256 for 8-bit images.";

const kinds: Readonly<Record<BuiltInLikelihood, Description>> = {
  bernoulli: likelihoods.bernoulli,
  normal: {
    text: likelihoods.normal,
    keys: {
      variance:
        "fixed: the given standardDeviation; global: one learned variance for all pixels (Rybkin et al. 2021, sigma-VAE); learned: an output of the decoder for each pixel.",
      standardDeviation:
        "Standard deviation of p(x|z) in the data's own unit (pixels are scaled to [0, 1]). With fixed variance only. Default: 1.",
    },
  },
  "continuous-bernoulli": likelihoods["continuous-bernoulli"],
  laplace: { text: likelihoods.laplace, keys: { scale } },
  "student-t": { text: likelihoods["student-t"], keys: { scale, degrees: amount("Degrees of freedom") } },
  "discretized-logistic": { text: likelihoods["discretized-logistic"], keys: { scale, levels } },
  "discretized-logistic-mixture": {
    text: likelihoods["discretized-logistic-mixture"],
    keys: { components: "Logistics in the mixture of each pixel.", levels },
  },
  "beta-binomial": {
    text: likelihoods["beta-binomial"],
    keys: {
      n: "The largest count.",
      concentration: amount("α + β of the Beta: the larger, the nearer to a binomial"),
      values: values("n"),
    },
  },
  categorical: {
    text: likelihoods.categorical,
    keys: { classes: "Classes 0, 1, … that an element may have.", values: values("(classes - 1)") },
  },
  poisson: { text: likelihoods.poisson, keys: { values: values("255") } },
  "negative-binomial": {
    text: likelihoods["negative-binomial"],
    keys: { dispersion: amount("φ of the variance μ + φ·μ²"), values: values("255") },
  },
};

export const likelihood: Description = {
  text: "p(x|z).",
  kinds: {
    ...kinds,
    "*": "A likelihood registered by the user under this name; its other keys are its own.",
  },
};
