import type { Description } from "./config.describe.ts";
import { listOf, objectives } from "./config.parts.descriptions.ts";

export const objective: Description = {
  text: "What is minimized, in nats per example.",
  keys: {
    kind: listOf(objectives),
    beta: "Weight of the rate KL(q(z|x) || p(z)): 1 is the ELBO, other values the beta-VAE (Higgins et al. 2017); 0 trains an autoencoder with noise. For elbo; default: 1. For beta-tcvae: weight of the total correlation; default: 6.",
    schedule: {
      text: "How beta changes with the step. linear: a warm-up (Bowman et al. 2016; Sonderby et al. 2016); cyclical: Fu et al. (2019). For elbo. Default: constant.",
      kinds: {
        linear: { keys: { steps: "Steps until beta is reached.", from: "Where beta starts, as a fraction of it." } },
        cyclical: {
          keys: {
            period: "Steps of one cycle.",
            rising: "Share of each cycle in which beta rises from 0; for the rest it stays.",
          },
        },
      },
    },
    freeBits:
      "Nats that the rate of each group of latents, its mean over the batch, costs at least, so that a group gains nothing by saying less (Kingma et al. 2016, eq. 15). For elbo. Default: 0, none.",
    freeBitsGroup:
      "How many latents, one after the other, make a group of freeBits: 1 for each by itself, model.latent for all together, which goes with every posterior and prior. For elbo. Default: 1.",
    gamma:
      "Weight of the rate's distance from C, for capacity; default: 1000. Weight of the dimension-wise KL, for beta-tcvae; default: 1. Weight of the total correlation, for factor; default: 35.",
    from: "C at the first step, in nats. For capacity. Default: 0.",
    to: "What C rises to, in nats, and then stays at. For capacity. Default: 25.",
    steps: "Steps over which C rises, evenly. For capacity. Default: 100000.",
    samples:
      "Draws of z for each bound: the more, the tighter the bound, and the more a step costs. For iwae and ciwae; default: 5. For miwae; default: 8.",
    bounds:
      "How many bounds of `samples` draws each are averaged: the more, the less noise in the encoder's gradient. For miwae. Default: 8.",
    share: "Share of the ELBO: 0 is the bound of iwae, 1 the ELBO. For ciwae. Default: 0.5.",
    gradient:
      "How the encoder's gradient is estimated. reparameterized: through the draws (Burda et al. 2016); dreg: doubly reparameterized, whose noise does not outgrow it with more draws (Tucker et al. 2019). For iwae, miwae and ciwae. Default: reparameterized.",
    alpha:
      "Weight of the mutual information of examples and codes, for beta-tcvae; default: 1. How much of it is preferred, for info-vae, at most 1: the rate weighs 1 - alpha; default: 1, the MMD-VAE.",
    variant:
      "What covariance is held to the identity. i: that of the means of q(z|x); ii: that of the codes, with the variance of q(z|x). For dip-vae. Default: i.",
    lambdaOd: "Weight of the squares of the covariance beside its diagonal. For dip-vae. Default: 10.",
    lambdaD:
      "Weight of the squared distances of its diagonal from 1. For dip-vae. Default: 10 * lambdaOd, of variant ii lambdaOd.",
    lambda:
      "Weight of MMD^2, in nats; of info-vae it weighs alpha + lambda - 1. For info-vae and wae-mmd. Default: 1000.",
    kernel:
      "Of MMD, by the squared distance d2 of two codes. imq: C / (C + d2); rbf: exp(-d2 / C). C is 2 * model.latent * scale^2. For info-vae and wae-mmd. Default: imq.",
    discriminator: {
      text: "The network that tells codes from codes whose latents are those of different examples. For factor.",
      keys: {
        hidden: {
          text: "Units of its layers, each followed by a leaky ReLU. Default: six of 1000, as in the paper.",
        },
        learningRate: "Factor on optimizer.learningRate for it; all else of optimizer is the same. Default: 1.",
      },
    },
    scale: "Width of the kernel: 1 is the distance of two draws of the prior. For info-vae and wae-mmd. Default: 1.",
  },
};
