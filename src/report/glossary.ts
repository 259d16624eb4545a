import type { ObjectiveConfig } from "../config.objective.ts";
import { objectiveName } from "../train/objective-name.ts";

/** What the report's words mean; docs/evaluate.md says more. */
const words = (objective: ObjectiveConfig): readonly (readonly [word: string, meaning: string])[] => [
  ["ELBO", `the evidence lower bound, which log p(x) is not below. −ELBO = distortion + rate. ${trained(objective)}`],
  ...(objective.kind === "iwae"
    ? [
        [
          "IWAE bound",
          "log of the mean importance weight of several draws from q(z|x): log p(x) is not below it, nor it, on average, below the ELBO.",
        ] as const,
      ]
    : []),
  ["Distortion", "−log p(x|z): what it costs to state an example to one who has its code z already."],
  ["Rate", "KL(q(z|x) ‖ p(z)), the KL of the code from the prior: what it costs to state the code."],
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
