import type { Description } from "./config.describe.ts";
import { activations, covariances, flows, listOf, priors } from "./config.parts.descriptions.ts";
import type { FlowKind, PriorKind } from "./config.parts.ts";

const steps = "Maps, one after the other.";
const network = {
  steps,
  hidden: "Units of each hidden layer of the network of each map.",
  activation: `What follows each of these layers: ${listOf(activations)}.`,
};
const components = "Components of the mixture.";

const flowKinds: Readonly<Record<FlowKind, Description>> = {
  planar: { text: flows.planar, keys: { steps } },
  realnvp: { text: flows.realnvp, keys: network },
  iaf: { text: flows.iaf, keys: network },
};

export const posterior: Description = {
  text: "q(z|x): a normal, and by option a flow on it.",
  keys: {
    covariance: `Of the normal. ${listOf(covariances)}.`,
    flow: {
      text: `What z is passed through, for a posterior that is no normal: ${listOf(flows)}. Default: none.`,
      kinds: flowKinds,
    },
  },
};

const priorKinds: Readonly<Record<PriorKind, Description>> = {
  "standard-normal": priors["standard-normal"],
  mixture: { text: priors.mixture, keys: { components } },
  vampprior: {
    text: priors.vampprior,
    keys: {
      components,
      start: "Where the pseudo-inputs start: at examples of the training data, or at grey with noise.",
    },
  },
  realnvp: { text: priors.realnvp, keys: network },
  maf: { text: priors.maf, keys: network },
};

export const prior: Description = { text: `p(z): ${listOf(priors)}.`, kinds: priorKinds };
