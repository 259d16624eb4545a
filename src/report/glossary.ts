/** What the report's words mean; docs/evaluate.md says more. */
const WORDS = [
  ["ELBO", "the evidence lower bound, which log p(x) is not below. Training lowers −ELBO = distortion + rate."],
  ["Distortion", "−log p(x|z): what it costs to state an example to one who has its code z already."],
  ["Rate", "KL(q(z|x) ‖ p(z)), the KL of the code from the prior: what it costs to state the code."],
  ["Nat", "the unit of these costs, with natural logarithms: 1 nat is 1.44 bits."],
  ["Bits per dimension", "−log p(x), else −ELBO, in bits, for each of an example's values: pixels × channels."],
] as const;

export function glossary(): string {
  const rows = WORDS.map(([word, meaning]) => `<div><dt>${word}</dt><dd>${meaning}</dd></div>`);
  return `<dl class="plate wide words">\n${rows.join("\n")}\n</dl>`;
}
