import type { FlowConfig } from "../config.latents.ts";
import { flowPosterior, flowPrior } from "../distributions/flow.ts";
import { standardPrior } from "../distributions/latent.ts";
import { mixturePrior } from "../distributions/mixture.ts";
import { normal } from "../distributions/normal.ts";
import { normalPrior } from "../distributions/normal-prior.ts";
import { posteriorOf } from "../distributions/posterior.ts";
import type { Flow } from "../graph/flow.ts";
import { inverseAutoregressiveFlow, maskedAutoregressiveFlow } from "../nn/autoregressive.ts";
import { couplingFlow } from "../nn/coupling.ts";
import { posteriorHead } from "../nn/latent.ts";
import type { Scope } from "../nn/parameters.ts";
import { planarFlow } from "../nn/planar.ts";
import { conditionalNormal, mixtureParameters, pseudoInputs } from "../nn/prior.ts";
import type { PosteriorPart, PriorPart } from "./latents.ts";

/* The posteriors and priors beside the usual ones: their code is loaded when a config names one of them. */

type FlowNetworkConfig = Exclude<FlowConfig, { kind: "planar" }>;

const networkOf = ({ steps, hidden, activation }: Omit<FlowNetworkConfig, "kind">, context = 0) => ({
  ...{ steps, hidden, activation, context },
  initialization: "glorot" as const,
});

function posteriorFlow(scope: Scope, latent: number, config: FlowConfig, context: number): Flow {
  switch (config.kind) {
    case "planar":
      return planarFlow(scope, latent, { steps: config.steps, context });
    case "realnvp":
      return couplingFlow(scope, latent, networkOf(config, context));
    case "iaf":
      return inverseAutoregressiveFlow(scope, latent, networkOf(config, context));
  }
}

/**
 * Covariances, and flows on any of them. A flow made of networks sees features of the row beside z, as many as it has
 * hidden units in a layer. A planar one sees those that the encoder gives, in which its parameters are affine (Rezende &
 * Mohamed 2015, section 4.2).
 */
const posterior: PosteriorPart = ({ covariance, flow }, { root, features, latent, encode }) => {
  const scope = root.at("encoder.posterior");
  const planar = flow?.kind === "planar";
  const context = flow && "hidden" in flow ? flow.hidden[0]! : 0;
  const head = posteriorHead(scope, features, latent, { covariance, context });
  const mapped = flow && posteriorFlow(scope.at("flow"), latent, flow, planar ? features : context);
  return {
    posteriorHead(x, condition) {
      const seen = encode(x, condition);
      return { ...head(seen), ...(planar ? { context: seen } : {}) };
    },
    posteriorOf(given) {
      const start = posteriorOf(given);
      return mapped ? flowPosterior(start, mapped, given.context) : start;
    },
  };
};

const prior: PriorPart = ({ prior: config, condition }, context, { posteriorHead: headOf }) => {
  const { root, latent, event, examples } = context;
  const scope = root.at("prior");
  if (condition?.prior) {
    const layer = conditionalNormal(scope, context.condition, latent);
    return {
      priorHead: (given) => layer(given!),
      priorOf: ({ mean, logvar }) => normalPrior(normal(mean!, logvar!)),
    };
  }
  switch (config.kind) {
    case "standard-normal":
      return { priorHead: () => ({}), priorOf: () => standardPrior(latent) };
    case "mixture": {
      const parameters = mixtureParameters(scope, config.components, latent);
      return { priorHead: () => ({}), priorOf: () => mixturePrior(parameters) };
    }
    case "vampprior": {
      const { components, start } = config;
      const inputs = pseudoInputs(scope, components, event, start === "data" ? examples?.(components) : undefined);
      return {
        priorHead() {
          const { mean, logvar } = headOf(inputs, undefined); // an encoder that sees a condition is refused
          return { mean, logvar };
        },
        priorOf: ({ mean, logvar }) => mixturePrior({ mean: mean!, logvar: logvar! }),
      };
    }
    case "realnvp":
    case "maf": {
      const make = config.kind === "maf" ? maskedAutoregressiveFlow : couplingFlow;
      const flow = make(scope, latent, networkOf(config));
      return { priorHead: () => ({}), priorOf: () => flowPrior(flow, standardPrior(latent)) };
    }
  }
};

export const loadedLatents = { posterior, prior } as const satisfies {
  readonly posterior: PosteriorPart;
  readonly prior: PriorPart;
};
