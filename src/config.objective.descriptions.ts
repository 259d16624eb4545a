import type { Description } from "./config.describe.ts";

export const objective: Description = {
  text: "What is minimized, in nats per example.",
  keys: {
    kind: "elbo: distortion + beta * rate (Kingma & Welling 2014; Higgins et al. 2017); capacity: distortion + gamma * |rate - C|, where the rate is the batch's mean and C rises with the step (Burgess et al. 2018); iwae: the importance-weighted bound of several draws (Burda et al. 2016).",
    beta: "Weight of the rate KL(q(z|x) || p(z)): 1 is the ELBO, other values the beta-VAE (Higgins et al. 2017); 0 trains an autoencoder with noise. For elbo. Default: 1.",
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
    gamma: "Weight of the rate's distance from C. For capacity. Default: 1000.",
    from: "C at the first step, in nats. For capacity. Default: 0.",
    to: "What C rises to, in nats, and then stays at. For capacity. Default: 25.",
    steps: "Steps over which C rises, evenly. For capacity. Default: 100000.",
    samples:
      "Draws of z for each example: the more, the tighter the bound, and the more a step costs. For iwae. Default: 5.",
    gradient:
      "How the encoder's gradient is estimated. reparameterized: through the draws (Burda et al. 2016); dreg: doubly reparameterized, whose noise does not outgrow it with more draws (Tucker et al. 2019). For iwae. Default: reparameterized.",
  },
};
