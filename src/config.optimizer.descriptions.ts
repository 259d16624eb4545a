import type { Description } from "./config.describe.ts";

const warmup = "Steps of linear rise from 0 before the schedule begins.";

const schedule: Description = {
  text: "How the learning rate changes with the step. cosine: Loshchilov & Hutter (2017), one period.",
  kinds: {
    constant: { keys: { warmup } },
    cosine: { keys: { final: "Learning rate at the last step, as a fraction of learningRate.", warmup } },
    step: {
      keys: {
        factor: "What the learning rate is multiplied by each time.",
        every: "Steps between two multiplications.",
        warmup,
      },
    },
    plateau: {
      keys: {
        factor: "What the learning rate is multiplied by when the validation objective has stopped falling.",
        patience: "Validations in a row without a better objective before each multiplication.",
        final: "The learning rate never falls below this fraction of learningRate.",
        warmup,
      },
    },
  },
};

export const optimizer: Description = {
  text: "The optimizer.",
  keys: {
    kind: "adam, adamax: Kingma & Ba (2015); adamw: Adam with decoupled weight decay (Loshchilov & Hutter 2019); sgd: gradient descent with momentum.",
    learningRate: "The step size, before the schedule.",
    beta1: "Decay of the mean of gradients. Not for sgd. Default: 0.9.",
    beta2: "Decay of the mean of squared gradients; of the largest gradient for adamax. Not for sgd. Default: 0.999.",
    epsilon:
      "Added to the root of the second moment; to the gradient's magnitude for adamax. Not for sgd. Default: 1e-8.",
    momentum: "Decay of the velocity. For sgd. Default: 0.9.",
    nesterov: "Looks ahead by one step of the velocity (Sutskever et al. 2013). For sgd. Default: false.",
    weightDecay:
      "Decoupled weight decay: weights shrink by learningRate * weightDecay of themselves at each step; biases do not. Not for adam. Default: 0.01 for adamw, else 0.",
    clip: "The greatest norm of the gradient: a longer one is scaled down to it (Pascanu et al. 2013). Default: none.",
    skipAbove:
      "A step whose gradient's norm is above this, or not finite, is left out (Child 2021); a hundred in a row are not. Default: none.",
    groups: {
      text: "Parameters with steps of their own length.",
      each: {
        text: "Parameters with steps of their own length. The first group that names a parameter has it.",
        keys: {
          parameters:
            'Beginnings of the paths of parameters: "encoder" for all of the encoder. `vaekit inspect RUN` lists them.',
          learningRate: "Factor on the optimizer's learning rate; 0 leaves the parameters as they start.",
          weightDecay: "In the place of the optimizer's.",
        },
      },
    },
    schedule,
  },
};
