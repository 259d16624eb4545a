import type { Config } from "../config.ts";
import { loadConditions } from "./conditions.ts";
import { loadLatents } from "./latents.ts";
import { loadLikelihood } from "./likelihood.ts";
import { loadNetworks } from "./networks.ts";

/**
 * Loads the code of the parts that a model's config names, after which `buildVae` can make it. What most models do
 * without is loaded by those that need it, so that a page loads little.
 * @throws UsageError for a likelihood that is not there
 */
export async function loadParts(config: Config["model"]): Promise<void> {
  const { encoder, decoder, likelihood, condition } = config;
  await Promise.all([
    loadNetworks([encoder.kind, decoder.kind]),
    loadLikelihood(likelihood.kind),
    loadLatents(config),
    loadConditions(condition),
  ]);
}
