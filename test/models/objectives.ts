import type { PartialConfig } from "../../src/config.ts";
import { ofFlow, sharp } from "./latents.ts";
import { base, binary, optionOnly, type PartialModel, type Row, unit, withModel } from "./row.ts";

/* Rows of the table of models: every objective, with each of its options. */

type Objective = NonNullable<PartialConfig["objective"]>;

const objectiveRow = (name: string, objective: Objective, model: PartialModel = {}): Row => ({
  name,
  config: { ...withModel(model), objective },
  data: model.prior?.kind === "vampprior" ? unit : binary,
});

const capacityRow = (name: string, options: Objective): Row =>
  objectiveRow(`capacity${name}`, { kind: "capacity", gamma: 10, ...options });

const iwaeRow = (name: string, options: Objective, model?: PartialModel): Row =>
  objectiveRow(`iwae${name}`, { kind: "iwae", ...options }, model);

const elbo: readonly Row[] = [
  { name: "base", config: base, data: binary },
  objectiveRow("β = 0", { beta: 0 }),
  objectiveRow("β = 4", { beta: 4 }),
];

const capacity: readonly Row[] = [
  capacityRow("", { steps: 2 }),
  capacityRow(", another γ", { steps: 2, gamma: 3 }),
  capacityRow(", not from 0", { steps: 8, from: 1 }),
  optionOnly(capacityRow(", to less", { steps: 2, to: 0.01 })),
  capacityRow(", in more steps", { steps: 1000 }),
];

const iwae: readonly Row[] = [
  iwaeRow("", {}),
  iwaeRow(", 3 draws", { samples: 3 }),
  iwaeRow(", dreg", { gradient: "dreg" }),
  iwaeRow(
    ", flow and masked autoregressive prior",
    { samples: 2 },
    { posterior: { flow: { kind: "iaf", ...ofFlow } }, prior: { kind: "maf", ...ofFlow } },
  ),
  iwaeRow(
    ", dreg, VampPrior",
    { samples: 2, gradient: "dreg" },
    { prior: { kind: "vampprior", components: 2 }, likelihood: sharp },
  ),
  iwaeRow(
    ", dreg, full covariance, coupling prior",
    { samples: 2, gradient: "dreg" },
    { posterior: { covariance: "full" }, prior: { kind: "realnvp", ...ofFlow } },
  ),
];

const further: readonly Row[] = [
  objectiveRow("free bits", { freeBits: 0.3 }),
  objectiveRow("free bits, more", { freeBits: 0.6 }),
  objectiveRow("free bits, one group", { freeBits: 0.3, freeBitsGroup: 2 }),
  objectiveRow(
    "free bits, flow and coupling prior",
    { freeBits: 0.05, freeBitsGroup: 2 },
    { posterior: { flow: { kind: "iaf", ...ofFlow } }, prior: { kind: "realnvp", ...ofFlow } },
  ),
  objectiveRow("miwae", { kind: "miwae", samples: 3, bounds: 2 }),
  optionOnly(objectiveRow("miwae, fewer draws", { kind: "miwae", samples: 2, bounds: 2 })),
  optionOnly(objectiveRow("miwae, more bounds", { kind: "miwae", samples: 3, bounds: 3 })),
  objectiveRow("miwae, dreg", { kind: "miwae", samples: 3, bounds: 2, gradient: "dreg" }),
  objectiveRow("ciwae", { kind: "ciwae", samples: 3 }),
  optionOnly(objectiveRow("ciwae, fewer draws", { kind: "ciwae", samples: 2 })),
  optionOnly(objectiveRow("ciwae, another share", { kind: "ciwae", samples: 3, share: 0.1 })),
  objectiveRow("ciwae, dreg", { kind: "ciwae", samples: 3, gradient: "dreg" }),
  objectiveRow("β-TCVAE", { kind: "beta-tcvae" }),
  optionOnly(objectiveRow("β-TCVAE, another α", { kind: "beta-tcvae", alpha: 0 })),
  optionOnly(objectiveRow("β-TCVAE, another β", { kind: "beta-tcvae", beta: 3 })),
  optionOnly(objectiveRow("β-TCVAE, another γ", { kind: "beta-tcvae", gamma: 2 })),
  objectiveRow("DIP-VAE-I", { kind: "dip-vae" }),
  objectiveRow("DIP-VAE-II", { kind: "dip-vae", variant: "ii" }),
  optionOnly(objectiveRow("DIP-VAE-I, another λ_od", { kind: "dip-vae", lambdaOd: 3, lambdaD: 100 })),
  optionOnly(objectiveRow("DIP-VAE-I, another λ_d", { kind: "dip-vae", lambdaD: 5 })),
  objectiveRow("DIP-VAE-I, full covariance", { kind: "dip-vae" }, { posterior: { covariance: "full" } }),
  objectiveRow("InfoVAE", { kind: "info-vae", lambda: 10 }),
  optionOnly(objectiveRow("InfoVAE, another α", { kind: "info-vae", alpha: 0.5, lambda: 10.5 })),
  objectiveRow("WAE-MMD", { kind: "wae-mmd", lambda: 20 }),
  optionOnly(objectiveRow("WAE-MMD, another λ", { kind: "wae-mmd", lambda: 5 })),
  objectiveRow("WAE-MMD, another kernel", { kind: "wae-mmd", lambda: 20, kernel: "rbf" }),
  optionOnly(objectiveRow("WAE-MMD, another scale", { kind: "wae-mmd", lambda: 20, scale: 0.5 })),
  objectiveRow("WAE-MMD, flow", { kind: "wae-mmd", lambda: 20 }, { posterior: { flow: { kind: "iaf", ...ofFlow } } }),
];

const factorRow = (name: string, options: Objective, model?: PartialModel): Row => {
  const discriminator = { hidden: [5], learningRate: 3, ...options.discriminator };
  return objectiveRow(`FactorVAE${name}`, { kind: "factor", ...options, discriminator }, model);
};

const factor: readonly Row[] = [
  factorRow("", {}),
  optionOnly(factorRow(", another γ", { gamma: 10 })),
  optionOnly(factorRow(", other layers", { discriminator: { hidden: [5, 4] } })),
  optionOnly(factorRow(", a slower discriminator", { discriminator: { learningRate: 1 } })),
  factorRow(
    ", flow and coupling prior",
    { gamma: 2 },
    { posterior: { flow: { kind: "iaf", ...ofFlow } }, prior: { kind: "realnvp", ...ofFlow } },
  ),
];

export const objectives: readonly Row[] = [...elbo, ...capacity, ...iwae, ...further, ...factor];
