import { scoreRun } from "../../src/evaluate/evaluate.node.ts";
import type { ModelScores } from "../../src/evaluate/evaluate.ts";
import type { Bar, Budget, Experiment, MeasuredFigure, MeasureOptions } from "./experiment.ts";
import { meanFigure, pairedFigure } from "./figures.ts";

/** By how many nats −log p(x) of a run must be below that of the first one. */
export interface Aim {
  readonly bar: Bar;
  /** The published difference; null where there is none for this setting. */
  readonly published: number | null;
}

interface ComparisonOptions extends Pick<Experiment, "name" | "about" | "source" | "data" | "file"> {
  /** By the names of the runs after the first. */
  readonly aims: Readonly<Record<string, Aim>>;
}

/** A short run is to show that all goes well: it is measured roughly, and takes no test figure. */
const SAMPLES: Readonly<Record<Budget, number>> = { short: 100, default: 5000, full: 5000 };
/** −log p(x) of so many; the bound of all. */
const EXAMPLES = 1000;

/** Runs that differ in the model or its objective, and how much −log p(x) of the first is above that of each other. */
export function comparison({ aims, ...experiment }: ComparisonOptions): Experiment {
  return {
    ...experiment,
    validate: async (options) => comparisonFigures("validation", await scoresOf("validation", options), {}),
    test: async (options) =>
      options.budget === "short" ? [] : comparisonFigures("test", await scoresOf("test", options), aims),
  };
}

/** What is measured of a run. */
export interface RunScores {
  readonly run: string;
  /** −ELBO, of all examples. */
  readonly bound: ModelScores;
  /** −log p(x), of the first ones. */
  readonly likelihood: ModelScores;
}

async function scoresOf(
  split: "validation" | "test",
  { runs, budget, threads, note, onProgress }: MeasureOptions,
): Promise<readonly RunScores[]> {
  const scores: RunScores[] = [];
  const first = { examples: EXAMPLES, samples: SAMPLES[budget] };
  for (const { name, directory } of runs) {
    const run = name ?? directory;
    note(`${run}: ${split} bound, and −log p(x) of ${EXAMPLES} images with ${first.samples} samples`);
    const bound = await scoreRun({ run: directory, split, threads });
    scores.push({ run, bound, likelihood: await scoreRun({ run: directory, split, threads, onProgress, ...first }) });
  }
  return scores;
}

/** The differences in −log p(x), then its means, and the same for −ELBO. */
export function comparisonFigures(
  split: string,
  [first, ...others]: readonly RunScores[],
  aims: ComparisonOptions["aims"],
): MeasuredFigure[] {
  const [nll, bound] = [`${split} −log p(x)`, `${split} −ELBO`];
  const all = [first!, ...others];
  return [
    ...others.map(({ run, likelihood }) => ({
      ...pairedFigure(`${first!.run} less ${run}: ${nll}`, first!.likelihood, likelihood, "nllNats"),
      ...aims[run],
    })),
    ...all.map(({ run, likelihood }) => meanFigure(`${run}: ${nll}`, likelihood, "nllNats")),
    ...others.map((other) =>
      pairedFigure(`${first!.run} less ${other.run}: ${bound}`, first!.bound, other.bound, "negElboNats"),
    ),
    ...all.map((one) => meanFigure(`${one.run}: ${bound}`, one.bound, "negElboNats")),
  ];
}
