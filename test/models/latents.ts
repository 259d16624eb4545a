import { binary, optionOnly, type PartialModel, type Row, unit, withModel } from "./row.ts";

/* Rows of the table of models: posteriors and priors. */

const posteriorRow = (name: string, posterior: NonNullable<PartialModel["posterior"]>): Row => ({
  name,
  config: withModel({ posterior }),
  data: binary,
});
const priorRow = (name: string, prior: NonNullable<PartialModel["prior"]>): Row => ({
  name,
  config: withModel({ prior }),
  data: binary,
});
/** Pseudo-inputs that start at 0 or 1 would lie on the kink of what holds them there, for the gradient check. */
const vampRow = (name: string, options: { readonly components: number; readonly start?: "random" }): Row => ({
  name: `VampPrior${name}`,
  config: withModel({ prior: { kind: "vampprior", ...options }, likelihood: sharp }),
  data: unit,
});

/** So that latents are worth their rate. */
export const sharp = { kind: "normal", variance: "fixed", standardDeviation: 0.2 } as const;

/** Smooth, as the gradient check wants it. */
export const ofFlow = { steps: 2, hidden: [3], activation: "tanh" as const };

const posteriors: readonly Row[] = [
  posteriorRow("full covariance", { covariance: "full" }),
  posteriorRow("rank-one", { covariance: "rank-one" }),
  posteriorRow("planar flow", { flow: { kind: "planar", steps: 3 } }),
  posteriorRow("planar flow, other steps", { flow: { kind: "planar", steps: 2 } }),
  posteriorRow("coupling flow", { flow: { kind: "realnvp", ...ofFlow } }),
  posteriorRow("inverse autoregressive flow", { flow: { kind: "iaf", ...ofFlow } }),
  posteriorRow("inverse autoregressive flow, other steps", { flow: { kind: "iaf", ...ofFlow, steps: 1 } }),
  posteriorRow("inverse autoregressive flow, other layers", { flow: { kind: "iaf", ...ofFlow, hidden: [4] } }),
  posteriorRow("inverse autoregressive flow, softplus", { flow: { kind: "iaf", ...ofFlow, activation: "softplus" } }),
  posteriorRow("flow on a full covariance", { covariance: "full", flow: { kind: "iaf", ...ofFlow } }),
];

const priors: readonly Row[] = [
  priorRow("mixture prior", { kind: "mixture", components: 3 }),
  priorRow("mixture prior, other components", { kind: "mixture", components: 2 }),
  vampRow("", { components: 3 }),
  vampRow(", other components", { components: 2 }),
  vampRow(", other start", { components: 3, start: "random" }),
  priorRow("coupling prior", { kind: "realnvp", ...ofFlow }),
  priorRow("coupling prior, other steps", { kind: "realnvp", ...ofFlow, steps: 1 }),
  priorRow("masked autoregressive prior", { kind: "maf", ...ofFlow }),
  priorRow("masked autoregressive prior, other layers", { kind: "maf", ...ofFlow, hidden: [4] }),
];

/** Each flow that is made of networks, with each of its options, and with other networks than those of the rows above. */
const options: readonly Row[] = [{ steps: 3 }, { hidden: [5] }, { activation: "elu" as const }]
  .flatMap((different) => {
    const flow = { ...ofFlow, ...different };
    const name = JSON.stringify(different);
    return [
      posteriorRow(`coupling flow, ${name}`, { flow: { kind: "realnvp", ...flow } }),
      posteriorRow(`inverse autoregressive flow, ${name}`, { flow: { kind: "iaf", ...flow } }),
      priorRow(`coupling prior, ${name}`, { kind: "realnvp", ...flow }),
      priorRow(`masked autoregressive prior, ${name}`, { kind: "maf", ...flow }),
    ];
  })
  .map(optionOnly);

export const latents: readonly Row[] = [
  { name: "wider latents", config: withModel({ latent: 3 }), data: binary },
  ...posteriors,
  ...priors,
  ...options,
];
