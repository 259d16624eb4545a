import { ensureSampler } from "../../src/apps/fit-sampler.node.ts";
import type { SamplerWishes } from "../../src/apps/fit-sampler.ts";
import { generate } from "../../src/apps/generate.ts";
import { evaluateRun } from "../../src/evaluate/evaluate.node.ts";
import { meanAndError } from "../../src/evaluate/figures.ts";
import { frechetDistance } from "../../src/evaluate/frechet.ts";
import type { Points } from "../../src/evaluate/neighbours.ts";
import type { SampleQuality } from "../../src/evaluate/sample-quality.ts";
import { type OpenRun, openRun } from "../../src/models/open.node.ts";
import { loadRunSplits } from "../../src/models/run-data.node.ts";
import { readSampler } from "../../src/models/samplers.ts";
import type { ClassifierOptions } from "../../src/train/classifier.ts";
import type { Budget, Experiment, MeasuredFigure, MeasureOptions } from "./experiment.ts";
import { type FeatureSpace, openFeatureSpace } from "./feature-space.ts";
import { fractionFigure, measuredFigure } from "./figures.ts";
import { curvePicture, gridPicture, type Picture, reconstructionsPicture } from "./pictures.ts";
import { type ByReference, differenceOf, expectedFigure, halves, qualities, settingOf, tQuantile } from "./quality.ts";

/** The model's own prior, which the others are held against, comes first. */
const PRIORS = ["model", "mixture", "flow"] as const;
type Prior = (typeof PRIORS)[number];

/** How the samplers are fitted. */
const WISHES = {
  mixture: { kind: "mixture", components: 10, seed: 0 },
  flow: { kind: "flow", components: 10, steps: 3000, seed: 0 },
} as const satisfies Record<Exclude<Prior, "model">, SamplerWishes>;
/** The flow's figure is the better for it. */
const CHOSEN = { mixture: "", flow: " (which chose its weights)" } as const;

/** Sets of samples of each. */
const SETS: Readonly<Record<Budget, number>> = { short: 2, default: 5, full: 5 };
/** Clothes have a left and a right that say nothing, and lie in the middle: they are mirrored, and not moved. */
const CLASSIFIER: ClassifierOptions = {
  encoder: {
    kind: "conv",
    layers: [
      { channels: 32, kernel: 4, stride: 2 },
      { channels: 64, kernel: 4, stride: 2 },
      { channels: 128, kernel: 3, stride: 1 },
    ],
    hidden: [128],
  },
  ...{ shift: 0, flip: true, dropout: 0.3 },
};
/** On validation images: features of a worse one would say less. */
const CLASSIFIER_BAR = { op: ">=", limit: 0.91 } as const;
const PICTURED = 100;

export const samplers: Experiment = {
  name: "samplers",
  about:
    "A mixture and a flow fitted to the codes of a trained VAE, against its prior: density and coverage of samples " +
    "(means of p(x|z)) on Fashion-MNIST, in the features of a classifier trained on its labels. Of one trained model, one " +
    "fit each and one classifier: errors are of the images and the draws, and not of the seeds of training",
  source:
    "no figure for this setting; Ghosh et al., From Variational to Deterministic Autoencoders, ICLR 2020, section 4, for " +
    "the samplers; Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, ICML 2020, for the figures",
  data: "../shared/data/fashion-mnist",
  file: "bench/reproduce/samplers.json",

  validate: (options) => measure("validation", options),
  test: (options) => (options.budget === "short" ? Promise.resolve([]) : measure("test", options)),

  async pictures([run], folder, name) {
    const model = await openRun(run!.directory);
    try {
      const grids: Picture[] = [];
      for (const prior of PRIORS) {
        const made = await generate(model, { count: PICTURED, seed: 0, prior });
        grids.push(await gridPicture(folder, `${name}-${prior}.png`, `Samples: ${TITLES[prior]}`, made, 10));
      }
      return [await curvePicture(run!, folder, name), ...grids, await reconstructionsPicture(run!, folder, name)];
    } finally {
      await model.close();
    }
  },
};

const TITLES: Readonly<Record<Prior, string>> = {
  model: "the prior of the model, a standard normal",
  mixture: "the mixture",
  flow: "the flow",
};

/** Several sets of samples of one prior. */
interface Sampled {
  readonly prior: Prior;
  readonly qualities: readonly SampleQuality[];
  readonly frechet: readonly number[];
}

async function measure(split: "validation" | "test", options: MeasureOptions): Promise<readonly MeasuredFigure[]> {
  const { runs, budget, threads, note } = options;
  const run = runs[0]!.directory;
  const bound = await evaluateRun({ run, split, threads });
  const model = await openRun(run, { threads });
  try {
    const splits = await loadRunSplits(model);
    const space = await openFeatureSpace(run, splits, CLASSIFIER, options);
    try {
      const accuracy = await space.accuracy(splits[split], split === "validation" ? CLASSIFIER_BAR : null);
      const { reference, heldOut } = halves(splits[split]);
      const real = (await space.place(reference.values, reference.count)).points;
      const others = (await space.place(heldOut.values, heldOut.count)).points;
      const [ceiling] = await qualities(space.backend, real, [others]);
      const sampled: Sampled[] = [];
      const fits: MeasuredFigure[] = [];
      for (const prior of PRIORS) {
        if (prior !== "model") fits.push(...(await fitted(model, WISHES[prior], note)));
        note(`${split}: ${SETS[budget]} sets of ${heldOut.count} samples, prior "${prior}"`);
        sampled.push(await sample(prior, model, space, real, heldOut.count, SETS[budget]));
      }
      const bars = split === "test";
      const setting = settingOf(real.count, others.count);
      return [
        ...differences(split, setting, sampled, bars),
        ...means(split, setting, sampled),
        ...(["density", "coverage", "precision", "recall"] as const).map((figure) =>
          fractionFigure(`held-out images: ${split} ${figure}, ${setting}`, ceiling![figure], null),
        ),
        expectedFigure(split, real.count, others.count),
        frechetFigure(`held-out images: ${split}`, frechetDistance(real, others), null),
        ...fits,
        accuracy,
        measuredFigure(`${split} −ELBO`, bound.negElboNats),
      ];
    } finally {
      await space.close();
    }
  } finally {
    await model.close();
  }
}

/** Fits a sampler, unless the run has it as it is wished for, and says how well it and the prior fit. */
async function fitted(model: OpenRun, wishes: SamplerWishes, note: MeasureOptions["note"]): Promise<MeasuredFigure[]> {
  const { kind } = wishes;
  note(`sampler "${kind}"`);
  await ensureSampler(model, wishes);
  const { negLogProbNats, priorNegLogProbNats } = (await readSampler(model.storage, kind, model.latent))!.description;
  const what = `−log of the density at z of the validation examples${CHOSEN[kind]}`;
  const figure = (name: string, value: number): MeasuredFigure => ({
    name: `${name}: ${what}`,
    ...{ value, unit: "nats", standardError: null, bar: null, published: null },
  });
  const difference =
    priorNegLogProbNats === null ? [] : [figure(`prior less ${kind}`, priorNegLogProbNats - negLogProbNats)];
  return [figure(kind, negLogProbNats), ...difference];
}

async function sample(
  prior: Prior,
  model: OpenRun,
  space: FeatureSpace,
  reference: Points,
  count: number,
  sets: number,
): Promise<Sampled> {
  const points: Points[] = [];
  for (let seed = 1; seed <= sets; seed++) {
    const { images } = await generate(model, { count, seed, prior });
    points.push((await space.place(images, count)).points);
  }
  return {
    prior,
    qualities: await qualities(space.backend, reference, points),
    frechet: points.map((set) => frechetDistance(reference, set)),
  };
}

/**
 * What the samplers are above the prior; the bar is that 0 lies outside of the 95 % interval. As wide as if all of the
 * error were from the few sets.
 */
function differences(
  split: string,
  setting: string,
  [prior, ...others]: readonly Sampled[],
  bars: boolean,
): MeasuredFigure[] {
  const figures: readonly ByReference[] = ["density", "coverage"];
  return others.flatMap((other) =>
    figures.map((figure) => {
      const { value, standardError } = differenceOf(other.qualities, prior!.qualities, figure);
      const limit = Number((tQuantile(other.qualities.length - 1) * standardError).toFixed(4));
      return {
        ...fractionFigure(`${other.prior} less prior: ${split} ${figure}, ${setting}`, value, standardError),
        bar: bars ? ({ op: ">=", limit } as const) : null,
      };
    }),
  );
}

/** The mean of each figure over the sets, with the error over them. */
function means(split: string, setting: string, sampled: readonly Sampled[]): MeasuredFigure[] {
  const named = ({ prior }: Sampled) => (prior === "model" ? "prior" : prior);
  return [
    ...(["density", "coverage", "precision", "recall"] as const).flatMap((figure) =>
      sampled.map((one) => {
        const { mean, standardError } = meanAndError(one.qualities.map((quality) => quality[figure]));
        return fractionFigure(`${named(one)}: ${split} ${figure}, ${setting}`, mean, standardError);
      }),
    ),
    ...sampled.map((one) => {
      const { mean, standardError } = meanAndError(one.frechet);
      return frechetFigure(`${named(one)}: ${split}`, mean, standardError);
    }),
  ];
}

const frechetFigure = (what: string, value: number, standardError: number | null): MeasuredFigure => ({
  name: `${what} Fréchet distance in the classifier's features`,
  ...{ value, unit: "squared", standardError, bar: null, published: null },
});
