import type { ObjectiveConfig, ObjectiveKind } from "../config.objective.ts";
import { isImportanceWeighted } from "../models/objective-table.ts";
import { objectiveName } from "../train/objective-name.ts";

const discrepancy = [
  [
    "MMD²",
    "the squared maximum mean discrepancy between codes and draws of the prior: 0 on average where they are alike.",
  ],
] as const;

const totalCorrelation = "KL(q(z) ‖ Π q(z_j)), how far the latents depend on each other over all codes";

/** Of what some objectives have beside distortion and rate. */
const meanings: Readonly<Partial<Record<ObjectiveKind, readonly (readonly [word: string, meaning: string])[]>>> = {
  "beta-tcvae": [
    ["Mutual information", "of an example and its code, in the distribution of all codes: a term of the rate."],
    [
      "Total correlation",
      `${totalCorrelation}: a term of the rate. The estimate is too small in small batches, and may be below 0.`,
    ],
    ["Dimension-wise KL", "Σ KL(q(z_j) ‖ p(z_j)), of each latent over all codes from its prior: a term of the rate."],
  ],
  "dip-vae": [["C", "the covariance of the codes over the examples, which is held to the identity."]],
  factor: [
    ["Total correlation", `${totalCorrelation}. The discriminator estimates it, and may err to below 0.`],
    [
      "Discriminator's loss",
      "of telling codes from codes whose latents are permuted over the batch: log 2 = 0.693 nats where it knows nothing.",
    ],
    ["Discriminator's accuracy", "the share of both that it is right about: a half where it knows nothing."],
  ],
  "info-vae": discrepancy,
  "wae-mmd": discrepancy,
};

/** What the report's words mean; docs/evaluate.md says more. */
const words = (objective: ObjectiveConfig): readonly (readonly [word: string, meaning: string])[] => [
  ["ELBO", `the evidence lower bound, which log p(x) is not below. −ELBO = distortion + rate. ${trained(objective)}`],
  ...(isImportanceWeighted(objective)
    ? [
        [
          "IWAE bound",
          "log of the mean importance weight of several draws from q(z|x): log p(x) is not below it, nor it, on average, below the ELBO.",
        ] as const,
      ]
    : []),
  ["Distortion", "−log p(x|z): what it costs to state an example to one who has its code z already."],
  ["Rate", "KL(q(z|x) ‖ p(z)), the KL of the code from the prior: what it costs to state the code."],
  ...(meanings[objective.kind] ?? []),
  ...("freeBits" in objective && objective.freeBits > 0
    ? [
        [
          "Rate with free bits",
          "Σ max(λ, mean rate) over groups of latents: what a group says in λ nats or fewer costs λ.",
        ] as const,
      ]
    : []),
  ["Nat", "the unit of these costs, with natural logarithms: 1 nat is 1.44 bits."],
  ["Bits per dimension", "−log p(x), else −ELBO, in bits, for each of an example's values: pixels × channels."],
];

function trained(objective: ObjectiveConfig): string {
  const name = objectiveName(objective);
  return name === "−ELBO" ? "Training lowers it." : `What training lowers: ${name}.`;
}

export function glossary(objective: ObjectiveConfig): string {
  const rows = words(objective).map(([word, meaning]) => `<div><dt>${word}</dt><dd>${meaning}</dd></div>`);
  return `<dl class="plate wide words">\n${rows.join("\n")}\n</dl>`;
}
