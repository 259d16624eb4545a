import { comparison } from "./comparison.ts";
import { cvae } from "./cvae.ts";
import { dreg } from "./dreg.ts";
import type { Experiment } from "./experiment.ts";
import { frey } from "./frey.ts";
import { mnistVae } from "./mnist-vae.ts";
import { samplers } from "./samplers.ts";

const atLeast = (limit: number) => ({ op: ">=", limit }) as const;
const data = "../shared/data/mnist";

/** Everything that `npm run reproduce -- NAME` knows. */
export const experiments: readonly Experiment[] = [
  mnistVae,
  comparison({
    name: "iwae",
    about: "IWAE with k = 5 against the VAE: one stochastic layer, MNIST, dynamic binarization",
    source:
      "Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016, table 1 (one layer: 86.76 and 85.54)",
    data,
    file: "bench/reproduce/iwae.json",
    aims: { iwae: { bar: atLeast(0.8), published: 1.22 } },
  }),
  dreg,
  comparison({
    name: "vampprior",
    about: "VampPrior against the standard normal prior: gated layers, MNIST, dynamic binarization",
    source:
      "Tomczak and Welling, VAE with a VampPrior, AISTATS 2018, for the model; Norouzi, Fleet and Norouzi, Exemplar VAE, " +
      "NeurIPS 2020, density estimation on dynamic MNIST (VAE with Gaussian prior and with VampPrior: 84.45 ± 0.12 and " +
      "82.43 ± 0.06)",
    data,
    file: "bench/reproduce/vampprior.json",
    aims: { vampprior: { bar: atLeast(0.6), published: 2.02 } },
  }),
  comparison({
    name: "iaf",
    about: "Inverse autoregressive flow against the diagonal posterior: MNIST, static binarization",
    source:
      "Kingma et al., Improving Variational Inference with Inverse Autoregressive Flow, NIPS 2016 (residual networks and " +
      "dynamic binarization: no figure for this setting); nearest to it, van den Berg et al., Sylvester Normalizing Flows " +
      "for Variational Inference, UAI 2018 (static, convolutions, 64 latents: −ELBO 86.55 and 84.20, so 2.35 nats of the bound)",
    data,
    file: "bench/reproduce/iaf.json",
    aims: { iaf: { bar: atLeast(0.5), published: null } },
  }),
  comparison({
    name: "full-covariance",
    about: "Full-covariance against the diagonal posterior: 10 latents, MNIST, dynamic binarization",
    source:
      "no figure for this setting; Kingma and Welling, An Introduction to Variational Autoencoders, 2019, section 2.5.1, for the posterior",
    data,
    file: "bench/reproduce/full-covariance.json",
    aims: { full: { bar: atLeast(0), published: null } },
  }),
  frey,
  cvae,
  samplers,
];
