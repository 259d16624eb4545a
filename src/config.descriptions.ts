import { condition } from "./config.condition.descriptions.ts";
import type { Description } from "./config.describe.ts";
import { posterior, prior } from "./config.latents.descriptions.ts";
import { likelihood } from "./config.likelihoods.descriptions.ts";
import { decoder, encoder } from "./config.networks.descriptions.ts";
import { objective } from "./config.objective.descriptions.ts";
import { optimizer } from "./config.optimizer.descriptions.ts";

/*
 * What each key of config.schema.ts means, as editors show it. The other parts of the schema have a file of
 * descriptions each, which lies beside it.
 */

const data: Description = {
  text: "What is read and how it is split. Where the data lies is an argument of train, not of the config.",
  keys: {
    binarization:
      "What becomes of grey levels: none leaves them; static draws each pixel's bit once; dynamic draws new bits each epoch (Salakhutdinov & Murray 2008). Default: dynamic for a bernoulli likelihood, none otherwise.",
    validation:
      "Examples kept for validation: a count (>= 1) or a fraction (< 1) of the training file. Default: 5000 for a folder with a test file of its own, 0.1 for a single file.",
    test: "Examples kept for the test: a count (>= 1) or a fraction (< 1). Default: the source's own test file, 0.1 for a single file.",
    examples: "Use no more than this many examples of the source; for sprites, how many are drawn. Default: all.",
    conditions:
      "A CSV file of numbers that model.condition may name: a header with the columns' names, and a row for each example in the order of the source, those of a test file of its own last. A relative name is one beside the data. Default: none.",
    seed:
      "Seed of what belongs to the data: the split, which sprites are drawn, static binarization, and the draws of " +
      "validation and evaluation. Runs that differ in train.seed alone are then compared on the same data.",
  },
};

const model: Description = {
  text: "The variational autoencoder (Kingma & Welling 2014).",
  keys: {
    latent: "Dimensions of the latent z.",
    encoder,
    decoder,
    prior,
    posterior,
    likelihood,
    condition,
  },
};

const train: Description = {
  text: "The training run.",
  keys: {
    batchSize: "Examples in a batch.",
    microBatch:
      "Examples computed at once, where a whole batch would not fit the memory: gradients are added up over the batch. Default: the whole batch.",
    steps: "Train for this many steps (batches). Not together with epochs.",
    epochs:
      "Train for this many passes over the training examples. Default: 50 where neither steps nor minutes is given.",
    minutes: "Stop after this many minutes of training, those before a resume included, whatever steps and epochs say.",
    seed: "Seed of training: initial weights, shuffling, dynamic binarization, noise.",
    patience:
      "Stop after this many validations in a row without a better validation objective: for elbo with the whole beta, for capacity with the last C, for iwae the bound of all its draws. Default: never.",
    validateEvery: "Epochs from one validation to the next.",
    average:
      "Decay per step of an exponential moving average of the weights, which the finished model then has, e.g. 0.999. Default: none.",
    checkpointSeconds:
      "Seconds of training from one checkpoint to the next; 0 for one after every step. The numbers do not depend on it.",
  },
};

export const config: Description = {
  text: "A config of vaekit. Every key may be left out.",
  keys: {
    $schema: "Where an editor finds this schema; vaekit ignores it.",
    data,
    model,
    objective,
    optimizer,
    train,
  },
};
