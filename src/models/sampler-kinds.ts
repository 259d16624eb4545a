/** Distributions of z that can be fitted when a model is trained, to be drawn from in the place of its prior. */
export const samplerKinds = ["mixture", "flow"] as const;
export type SamplerKind = (typeof samplerKinds)[number];

/** What z can be drawn from: the model's own prior, or a sampler. */
export const priorChoices = ["model", ...samplerKinds] as const;
export type PriorChoice = (typeof priorChoices)[number];
