import type { Command } from "commander";
import type { RunEvaluation } from "../evaluate/evaluate.node.ts";
import type { Evaluation } from "../evaluate/evaluate.ts";
import type { Figure } from "../evaluate/figures.ts";
import {
  addExamples,
  dataOption,
  given,
  jsonOption,
  naturalNumber,
  positiveInteger,
  SPLITS,
  type SplitName,
  splitOption,
  threadsOption,
} from "./options.ts";
import { formatCount, printResult, tableLines } from "./output.ts";
import { countProgress, wantsBars } from "./progress.ts";

interface EvaluateFlags {
  readonly data?: string;
  readonly split: SplitName | "all";
  readonly samples?: number;
  readonly examples?: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly json?: boolean;
}

/** The bias of the estimate falls as 1/k: beyond this it is far below the standard error, and the time is not. */
const MOST_SAMPLES = 1_000_000;

export function register(program: Command): void {
  const command = program
    .command("evaluate")
    .summary("figures of a trained model: ELBO, its parts, −log p(x)")
    .description(
      "Evaluates a trained model: −ELBO with its parts in nats, bits per dimension, and with --samples " +
        "−log p(x) by importance sampling. Each figure is a mean over examples with its standard error.",
    )
    .argument("<run>", "the run directory")
    .addOption(dataOption())
    .addOption(splitOption([...SPLITS, "all"], "test"))
    .addOption(
      positiveInteger(
        "--samples <k>",
        "importance samples per example for −log p(x) (default: none are drawn)",
        MOST_SAMPLES,
      ),
    )
    .addOption(positiveInteger("--examples <n>", "use the first n examples only (default: all)"))
    .addOption(naturalNumber("--seed <n>", "seed of binarization and samples (default: the run's)"))
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action(async (run: string, { json, ...options }: EvaluateFlags) => {
      const { evaluateRun } = await import("../evaluate/evaluate.node.ts");
      const progress = countProgress(process.stderr, "evaluating", { bars: wantsBars(process.stderr, process.env) });
      let evaluation: RunEvaluation;
      try {
        evaluation = await evaluateRun({ run, ...given(options), onProgress: progress.onProgress });
      } finally {
        progress.close();
      }
      const { activeNats } = await import("../evaluate/figures.ts");
      printResult(json, evaluation, evaluationLines(evaluation, activeNats));
    });
  addExamples(
    command,
    "vaekit evaluate runs/mnist",
    "vaekit evaluate runs/mnist --samples 5000 --examples 1000 --json",
    "vaekit evaluate runs/mnist --data ../data/fashion-mnist --split test",
  );
}

const NAMES: Readonly<Record<string, string>> = {
  negElboNats: "−ELBO",
  distortionNats: "  distortion",
  rateNats: "  rate",
  negIwaeNats: "−IWAE bound",
  nllNats: "−log p(x)",
  bitsPerDim: "bits per dimension",
  effectiveSampleSize: "effective sample size",
};

/** A table of the figures, whatever they are, under a line that says what they were taken on. */
export function evaluationLines(evaluation: Evaluation, activeNats: number): string[] {
  const figures = Object.entries(evaluation).filter((entry): entry is [string, Figure] => isFigure(entry[1]));
  const rows = figures.map(([name, { mean, standardError, unit, samples, measure }]) => [
    name === "nllNats" && evaluation.given ? `−log p(x|${evaluation.given})` : (NAMES[name] ?? name),
    mean.toFixed(unit === "bits/dim" ? 4 : 2),
    standardError === null ? "" : `±${standardError.toFixed(unit === "bits/dim" ? 4 : 2)}`,
    unit === "bits/dim" && measure === "density" ? "bits/dim (density on the data's scale)" : unit,
    samples > 1 ? `${isMeanOfDraws(name, evaluation) ? "mean of " : ""}${formatCount(samples)} samples` : "",
  ]);
  const { data, split, given: condition, negElboNats, activeLatents, rateByLatentNats } = evaluation;
  const { examples, binarization, measure } = negElboNats;
  return [
    `${data}, ${split}: ${formatCount(examples)} ${examples === 1 ? "example" : "examples"}, binarization ${binarization}${MEASURES[measure]}${condition ? `, all given ${condition}` : ""}`,
    "",
    ...tableLines(rows),
    ...(rateByLatentNats
      ? [
          "",
          `${activeLatents} of ${rateByLatentNats.length} latent dimensions are active (mean KL above ${activeNats} nats)`,
        ]
      : []),
  ];
}

/** What the head line says of figures that are not of a probability. */
const MEASURES: Readonly<Record<Figure["measure"], string>> = {
  probability: "",
  density: ", density",
  "cross-entropy": ", cross-entropy (no likelihood)",
};

/** Whether more samples make the figure surer alone, and not another one. */
function isMeanOfDraws(name: string, { nllNats }: Evaluation): boolean {
  return ["negElboNats", "distortionNats", "rateNats", ...(nllNats ? [] : ["bitsPerDim"])].includes(name);
}

function isFigure(value: unknown): value is Figure {
  return typeof value === "object" && value !== null && "mean" in value && "standardError" in value;
}
