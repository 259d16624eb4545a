import { covariances, flows, likelihoods, networks, objectives, priors } from "./config.parts.descriptions.ts";

/**
 * The parts that a config names: by the key of the config its heading, and the names with a line on each. `vaekit train
 * --help`, docs/models/README.md and the tests that every model passes go by it.
 */
export const choices = {
  "objective.kind": { heading: "Objectives", parts: objectives },
  "model.posterior.covariance": { heading: "Posteriors", parts: covariances },
  "model.posterior.flow.kind": { heading: "Flows of posteriors", parts: flows },
  "model.prior.kind": { heading: "Priors", parts: priors },
  "model.likelihood.kind": { heading: "Likelihoods", parts: likelihoods },
  "model.encoder.kind": { heading: "Networks", parts: networks },
} as const satisfies Readonly<
  Record<string, { readonly heading: string; readonly parts: Readonly<Record<string, string>> }>
>;
