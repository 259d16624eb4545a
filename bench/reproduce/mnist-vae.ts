import { evaluateRun } from "../../src/evaluate/evaluate.node.ts";
import type { Bar, Budget, Experiment } from "./experiment.ts";
import { measuredFigure } from "./figures.ts";

const SAMPLES = 5000;
/** −log p(x) of all 5,000 validation images would take as long as half the test set. */
const VALIDATION_EXAMPLES = 1000;

const BARS: Readonly<Record<Budget, Bar>> = {
  short: { op: "<=", limit: 92 },
  default: { op: "<=", limit: 89.5 },
  full: { op: "<=", limit: 87.7 },
};

export const mnistVae: Experiment = {
  name: "mnist-vae",
  about: "−log p(x) of a VAE with one stochastic layer on MNIST, dynamic binarization",
  source:
    "Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016, table 1 (VAE, one layer, k = 1)",
  data: "../shared/data/mnist",
  file: "bench/reproduce/mnist-vae.json",

  async validate({ runs, threads, note, onProgress }) {
    const run = runs[0]!.directory;
    note("validation bound");
    const bound = await evaluateRun({ run, split: "validation", threads });
    note(`validation −log p(x), ${VALIDATION_EXAMPLES} images, ${SAMPLES} samples`);
    const likelihood = await evaluateRun({
      run,
      split: "validation",
      samples: SAMPLES,
      examples: VALIDATION_EXAMPLES,
      threads,
      onProgress,
    });
    return [
      measuredFigure("validation −ELBO", bound.negElboNats),
      measuredFigure("validation −log p(x)", likelihood.nllNats!),
    ];
  },

  async test({ runs, budget, threads, note, onProgress }) {
    const run = runs[0]!.directory;
    note(`test −log p(x), ${SAMPLES} samples`);
    const test = await evaluateRun({ run, split: "test", samples: SAMPLES, threads, onProgress });
    return [
      { ...measuredFigure("test −log p(x)", test.nllNats!), bar: BARS[budget], published: 86.76 },
      measuredFigure("test −ELBO", test.negElboNats),
      measuredFigure("test distortion", test.distortionNats),
      measuredFigure("test rate", test.rateNats),
      measuredFigure("test bits per dimension", test.bitsPerDim),
    ];
  },
};
