import { generate } from "../../src/apps/generate.ts";
import { type Examples, take } from "../../src/data/dataset.ts";
import { evaluateRun } from "../../src/evaluate/evaluate.node.ts";
import { meanAndError } from "../../src/evaluate/figures.ts";
import { neighbourhoods } from "../../src/evaluate/neighbours.ts";
import { staticSize } from "../../src/graph/shape.ts";
import { type OpenRun, openRun } from "../../src/models/open.node.ts";
import { loadRunSplits } from "../../src/models/run-data.node.ts";
import type { Bar, Budget, Experiment, MeasuredFigure, MeasureOptions } from "./experiment.ts";
import { type FeatureSpace, openFeatureSpace } from "./feature-space.ts";
import { fractionFigure, measuredFigure } from "./figures.ts";
import { curvePicture, gridPicture, reconstructionsPicture } from "./pictures.ts";
import { expectedFigure, halves, NEIGHBOURS, settingOf } from "./quality.ts";
import { type Covered, coverageOf, coverageRatios, type Hits, hitsOf, meanCoverage } from "./quality-bootstrap.ts";

/** Sets of generated digits of each class, of as many as are held out. */
const SETS: Readonly<Record<Budget, number>> = { short: 2, default: 5, full: 5 };
const BARS = { read: { op: ">=", limit: 0.98 }, coverage: { op: ">=", limit: 0.7 } } as const;
/** On validation images: with a worse one, figures of what it reads would say little. */
const CLASSIFIER_BAR = { op: ">=", limit: 0.99 } as const;
const COLUMNS = 12;

export const cvae: Experiment = {
  name: "cvae",
  about:
    "A conditional VAE of MNIST with p(z|label) and β = 1.5: whether a classifier of real digits reads generated ones " +
    "(means of p(x|z, label)) as asked, and their coverage class by class in its features, over that of as many real " +
    "digits held out. Of one trained model and one classifier: errors are of the images, and not of the seeds of training",
  source:
    "Sohn, Lee and Yan, Learning Structured Output Representation using Deep Conditional Generative Models, NIPS 2015, " +
    "for the model; Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, ICML 2020, for coverage",
  data: "../shared/data/mnist",
  file: "bench/reproduce/cvae.json",

  validate: (options) => measure("validation", options, undefined),
  test: (options) => (options.budget === "short" ? Promise.resolve([]) : measure("test", options, BARS)),

  async pictures([run], folder, name) {
    const model = await openRun(run!.directory);
    try {
      const classes = 1 + Math.max(...(await loadRunSplits(model)).train.labels!);
      const images = new Float32Array(classes * COLUMNS * staticSize(model.event));
      for (let label = 0; label < classes; label++) {
        const row = await generate(model, { count: COLUMNS, seed: 0, given: { label } });
        images.set(row.images, label * row.images.length);
      }
      const title = "Digits as asked, a row for each class";
      return [
        await curvePicture(run!, folder, name),
        await gridPicture(folder, `${name}-digits.png`, title, { images, event: model.event }, COLUMNS),
        await reconstructionsPicture(run!, folder, name),
      ];
    } finally {
      await model.close();
    }
  },
};

/** Of one class. */
interface OfClass extends Covered {
  readonly label: number;
  /** For each generated digit, whether it is read as asked. */
  readonly right: readonly number[];
}

async function measure(
  split: "validation" | "test",
  options: MeasureOptions,
  bars: Readonly<Record<"read" | "coverage", Bar>> | undefined,
): Promise<readonly MeasuredFigure[]> {
  const { runs, threads, note, budget } = options;
  const run = runs[0]!.directory;
  const bound = await evaluateRun({ run, split, threads });
  const model = await openRun(run, { threads });
  try {
    const splits = await loadRunSplits(model);
    const space = await openFeatureSpace(run, splits, {}, options);
    try {
      const accuracy = await space.accuracy(splits[split], split === "validation" ? CLASSIFIER_BAR : null);
      const found: OfClass[] = [];
      for (let label = 0; label < space.classes; label++) {
        note(`${split}: ${SETS[budget]} sets of digits generated as ${label}`);
        found.push(await measureClass(label, model, space, splits[split], SETS[budget]));
      }
      const given = measuredFigure(`${split} −ELBO of log p(x|label)`, bound.negElboNats);
      return [...figuresOf(split, found, bars), accuracy, given];
    } finally {
      await space.close();
    }
  } finally {
    await model.close();
  }
}

async function measureClass(
  label: number,
  model: OpenRun,
  space: FeatureSpace,
  data: Examples,
  sets: number,
): Promise<OfClass> {
  const { reference, heldOut } = halves(ofClass(data, label));
  const real = (await space.place(reference.values, reference.count)).points;
  const around = await neighbourhoods(space.backend, real, NEIGHBOURS);
  const generated: Hits[] = [];
  const right: number[] = [];
  for (let seed = 1; seed <= sets; seed++) {
    const { images } = await generate(model, { count: heldOut.count, seed, given: { label } });
    const { points, classes } = await space.place(images, heldOut.count);
    generated.push(await hitsOf(space.backend, around, points));
    for (const read of classes) right.push(read === label ? 1 : 0);
  }
  const others = (await space.place(heldOut.values, heldOut.count)).points;
  return { label, right, generated, heldOut: await hitsOf(space.backend, around, others) };
}

function ofClass(data: Examples, label: number): Examples {
  const rows = Uint32Array.from(data.labels!.keys()).filter((row) => data.labels![row] === label);
  return take(data, rows);
}

function figuresOf(
  split: string,
  found: readonly OfClass[],
  bars: Readonly<Record<"read" | "coverage", Bar>> | undefined,
): MeasuredFigure[] {
  const { ratios, least } = coverageRatios(found);
  const over = "coverage over that of held-out digits";
  const read = (ofClasses: readonly OfClass[], whose: string): MeasuredFigure => {
    const right = ofClasses.flatMap((one) => one.right);
    const { mean, standardError } = meanAndError(right);
    const name = `${whose} read as asked, ${right.length.toLocaleString("en-US")} digits`;
    return fractionFigure(name, mean, standardError);
  };
  const last = found[least.index]!;
  const leastName = `${split} ${over}, the least of all classes (${last.label}), ${settingIn(last)}`;
  return [
    { ...read(found, `${split}: generated digits`), bar: bars?.read ?? null },
    { ...fractionFigure(leastName, least.value, least.standardError), bar: bars?.coverage ?? null },
    ...found.map((one, i) => {
      const { value, standardError } = ratios[i]!;
      return fractionFigure(`digit ${one.label}: ${split} ${over}, ${settingIn(one)}`, value, standardError);
    }),
    ...found.map((one) => {
      const name = `digit ${one.label}: ${split} coverage, ${settingIn(one)}`;
      return fractionFigure(name, meanCoverage(one.generated), null);
    }),
    ...found.map((one) => {
      const name = `digit ${one.label}: ${split} coverage of held-out digits, ${settingIn(one)}`;
      return fractionFigure(name, coverageOf(one.heldOut), null);
    }),
    expectedFigure(split, last.heldOut.byReference.length, last.heldOut.count),
    ...found.map((one) => read([one], `digit ${one.label}: ${split}`)),
  ];
}

const settingIn = ({ heldOut }: OfClass): string => settingOf(heldOut.byReference.length, heldOut.count);
