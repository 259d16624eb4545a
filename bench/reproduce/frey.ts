import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scoreRun } from "../../src/evaluate/evaluate.node.ts";
import type { ModelScores } from "../../src/evaluate/evaluate.ts";
import { meanAndError } from "../../src/evaluate/figures.ts";
import { readRecord } from "../../src/models/read-record.ts";
import { sampleRun } from "../../src/report/figures.node.ts";
import { directoryStorage } from "../../src/storage/directory.node.ts";
import type { Bar, Experiment, MeasuredFigure, MeasureOptions, Run } from "./experiment.ts";
import { meanFigure, pairedFigure } from "./figures.ts";
import { type BoundPoint, boundsOverTraining } from "./frey.chart.ts";
import type { Picture } from "./pictures.ts";
import { snapshotOf, snapshotSteps, spreadByLogarithm } from "./snapshots.ts";

const SAMPLES = 5000;
const atLeast0 = { op: ">=", limit: 0 } as const;

type Split = "train" | "validation" | "test";
const SPLITS = { train: "training", validation: "validation", test: "test" } as const satisfies Record<
  Split,
  BoundPoint["data"]
>;

export const frey: Experiment = {
  name: "frey",
  about:
    "The bound of VAEs with 2, 5, 10 and 20 latents over their training on Frey faces: a normal likelihood whose mean and " +
    "variance are outputs of the decoder, 200 hidden units. The faces are frames of one film, shuffled into the splits: of " +
    "most that are held out, the frames just before and after were trained on, so that these are no bounds of new faces",
  source:
    "Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, figure 2 (lines without numbers; there by Adagrad, " +
    "with a normal prior over the weights, and the mean held in [0, 1] by a sigmoid; here by AdamW, with decay of the " +
    "weights, and the mean as it is)",
  data: "../shared/data/frey",
  file: "bench/reproduce/frey.json",
  snapshots: spreadByLogarithm(100, 4),

  async validate(options) {
    await curvesOf("train", options);
    return boundFigures("validation", await curvesOf("validation", options), false);
  },

  async test(options) {
    if (options.budget === "short") return [];
    const curves = await curvesOf("test", options);
    return [...boundFigures("test", curves, true), ...(await likelihoodFigures("test", options))];
  },

  async pictures(runs, folder, name) {
    const points = (await Promise.all(runs.map(readPoints))).flat();
    const tested = points.some(({ data }) => data === "test");
    const shown = points.filter(({ data }) => data !== (tested ? "validation" : "test"));
    const file = `${name}-bounds.svg`;
    await writeFile(join(folder, file), await boundsOverTraining(shown, 760, 420));
    const pictures: Picture[] = [{ file, title: "The ELBO over training, as in figure 2" }];
    const last = runs.at(-1)!;
    const samples = `${name}-${last.name}-samples.png`;
    await sampleRun({ run: last.directory, out: join(folder, samples), count: 100, seed: 0 });
    return [...pictures, { file: samples, title: `Samples from the prior: ${last.name}` }];
  },
};

/** The scores of a run's snapshots on one split, in the order of training. */
interface Curve {
  readonly run: string;
  readonly points: readonly (Pick<BoundPoint, "seen"> & { readonly scores: ModelScores })[];
}

/** Scores all snapshots of all runs, and keeps the means beside each run, for the picture. */
async function curvesOf(split: Split, { runs, threads, note }: MeasureOptions): Promise<readonly Curve[]> {
  const curves: Curve[] = [];
  for (const run of runs) {
    note(`${run.name}: bounds on ${SPLITS[split]} data over training`);
    const points: Curve["points"][number][] = [];
    for (const step of await snapshotSteps(run.directory)) {
      const scores = await scoreRun({ run: snapshotOf(run.directory, step), split, threads });
      points.push({ seen: await examplesSeen(run, step), scores });
    }
    const curve = { run: run.name!, points };
    await keepPoints(run, curve, SPLITS[split]);
    curves.push(curve);
  }
  return curves;
}

/** Training examples that a run has seen after a step, each as often as it was. */
async function examplesSeen({ directory }: Run, step: number): Promise<number> {
  const record = await readRecord(directoryStorage(directory));
  const [{ train: count }, { batchSize }] = [record!.data, record!.config!.train];
  const stepsPerEpoch = Math.ceil(count / batchSize);
  return Math.floor(step / stepsPerEpoch) * count + Math.min((step % stepsPerEpoch) * batchSize, count);
}

const pointsFile = ({ directory }: Pick<Run, "directory">) => join(directory, "bounds.json");

async function readPoints(run: Pick<Run, "directory">): Promise<readonly BoundPoint[]> {
  const text = await readFile(pointsFile(run), "utf8").catch(() => "[]"); // none were taken yet
  return JSON.parse(text) as BoundPoint[];
}

async function keepPoints(run: Run, curve: Curve, data: BoundPoint["data"]): Promise<void> {
  const others = (await readPoints(run)).filter((point) => point.data !== data);
  const own = curve.points.map(({ seen, scores }): BoundPoint => {
    return { run: curve.run, data, seen, nats: -meanAndError(scores.negElboNats).mean };
  });
  await writeFile(pointsFile(run), `${JSON.stringify([...others, ...own], null, 1)}\n`);
}

/**
 * How each run compares with the last at the end of training, by how much each is worse there than at its best, and where
 * each ends. The bars: the most latents are better than the fewest, and no run is worse at the end by more than chance.
 */
export function boundFigures(split: string, curves: readonly Curve[], barred: boolean): MeasuredFigure[] {
  const last = curves.at(-1)!;
  const end = ({ points }: Curve) => points.at(-1)!.scores;
  const name = `${split} −ELBO`;
  return [
    ...curves.slice(0, -1).map((curve, i) => {
      const what = `${curve.run} less ${last.run}: ${name} at the end`;
      return { ...pairedFigure(what, end(curve), end(last), "negElboNats"), bar: barred && i === 0 ? atLeast0 : null };
    }),
    ...curves.map((curve) => {
      const what = `${curve.run}: ${name} at the end less the least over training`;
      const figure = pairedFigure(what, end(curve), leastOf(curve), "negElboNats");
      return { ...figure, bar: barred ? withinError(figure) : null };
    }),
    ...curves.map((curve) => meanFigure(`${curve.run}: ${name} at the end`, end(curve), "negElboNats")),
  ];
}

/** The scores where their mean is the least: of several such, the last. */
function leastOf({ points }: Curve): ModelScores {
  const mean = ({ negElboNats }: ModelScores) => meanAndError(negElboNats).mean;
  return points.map(({ scores }) => scores).reduce((least, one) => (mean(one) <= mean(least) ? one : least));
}

/** That the 95 % interval of a mean over the images reaches to 0. */
const withinError = ({ standardError }: MeasuredFigure): Bar => ({
  op: "<=",
  limit: Number((1.96 * (standardError ?? 0)).toFixed(4)),
});

/** −log p(x) at the end of training, of the first run less the last, and of each. */
async function likelihoodFigures(split: Split, options: MeasureOptions): Promise<MeasuredFigure[]> {
  const { runs, threads, note, onProgress } = options;
  const scored: { readonly run: string; readonly scores: ModelScores }[] = [];
  for (const { name, directory } of runs) {
    note(`${name}: ${split} −log p(x) with ${SAMPLES} samples`);
    const run = snapshotOf(directory, (await snapshotSteps(directory)).at(-1)!);
    scored.push({ run: name!, scores: await scoreRun({ run, split, samples: SAMPLES, threads, onProgress }) });
  }
  const [first, last] = [scored[0]!, scored.at(-1)!];
  const name = `${split} −log p(x)`;
  return [
    pairedFigure(`${first.run} less ${last.run}: ${name} at the end`, first.scores, last.scores, "nllNats"),
    ...scored.map(({ run, scores }) => meanFigure(`${run}: ${name} at the end`, scores, "nllNats")),
  ];
}
