import { join } from "node:path";
import { type Command, Option } from "commander";
import type { FittedSampler } from "../apps/fit-sampler.ts";
import { UsageError } from "../errors.ts";
import { type PriorChoice, priorChoices } from "../models/sampler-kinds.ts";
import { fitProgress } from "./fit-progress.ts";
import { addExamples, given, givenOption, jsonOption, naturalNumber, positiveInteger } from "./options.ts";
import { checkOutputFile, formatCount, printResult } from "./output.ts";
import { wantsBars } from "./progress.ts";

interface SampleFlags extends SamplerFlags {
  readonly count?: number;
  readonly seed: number;
  readonly prior: PriorChoice;
  readonly given?: Readonly<Record<string, number>>;
  readonly each?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Of the fit of a sampler. */
interface SamplerFlags {
  readonly components?: number;
  readonly steps?: number;
  readonly data?: string;
  readonly refit?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("sample")
    .summary("draw new images from the prior")
    .description(
      "Draws latents from the prior and writes the decoder's means as a grid of images. " +
        "Image i is the same for any -n with the same seed. With --prior mixture or flow latents are drawn from that " +
        "instead, fitted to a draw of q(z|x) for each training example: once, since it is then stored with the model.",
    )
    .argument("<run>", "the run directory")
    .addOption(positiveInteger("-n, --count <n>", "how many images (default: 64; with --each, in a row: 10)"))
    .addOption(naturalNumber("--seed <n>", "seed of the latents").default(0))
    .addOption(givenOption())
    .option("--each <name>", "of a conditional model: a row of images for each class of a condition, e.g. label")
    .addOption(
      new Option(
        "--prior <name>",
        "what latents are drawn from: the model's own prior, or a sampler fitted to its codes",
      )
        .choices(priorChoices)
        .default("model"),
    )
    .addOption(positiveInteger("--components <n>", "of --prior mixture or flow (default: 10)"))
    .addOption(positiveInteger("--steps <n>", "optimizer steps of --prior flow (default: 3000)"))
    .option("--data <data>", "where what the run was trained on lies now, for the fit of a sampler")
    .option("--refit", "fit the sampler anew, though one is stored")
    .option("--out <file.png>", "where to write (default: samples.png in the run)")
    .addOption(jsonOption())
    .action(
      async (
        run: string,
        { count: most, seed, prior, given: values, each, out: asked, json, ...flags }: SampleFlags,
      ) => {
        const count = most ?? (each === undefined ? 64 : 10);
        const fit = fitFlags(flags);
        checkFit(prior, fit);
        if (asked !== undefined) checkOutputFile("--out", asked, [".png"]);
        const out = asked ?? join(run, "samples.png");
        const { sampleRun } = await import("../report/figures.node.ts");
        const progress = fitProgress(process.stderr, prior, wantsBars(process.stderr, process.env));
        const sampler = { ...fit, onProgress: progress.onProgress };
        const result = await sampleRun({
          run,
          count,
          seed,
          out,
          prior,
          sampler,
          ...given({ given: values, each }),
        }).finally(progress.close);
        const { fitted } = result;
        printResult(json, result, [...(fitted ? [fittedLine(fitted)] : []), `${result.count} samples: ${result.file}`]);
      },
    );
  addExamples(
    command,
    "vaekit sample runs/mnist",
    "vaekit sample runs/mnist -n 100 --seed 7 --out samples.png",
    "vaekit sample runs/mnist --prior mixture --components 20",
    "vaekit sample runs/digits --given label=7",
    "vaekit sample runs/digits --each label --out grid.png",
  );
}

const fitFlags = ({ components, steps, data, refit }: SamplerFlags) => given({ components, steps, data, refit });

/** Refuses what goes with samplers, or one of them, and would change nothing. */
function checkFit(prior: PriorChoice, { steps, ...fit }: SamplerFlags): void {
  const stray = Object.keys(fit)[0];
  if (prior === "model" && stray !== undefined)
    throw new UsageError(`--${stray}: goes with --prior mixture or flow, got --prior model; leave it out, or take one`);
  if (prior !== "flow" && steps !== undefined)
    throw new UsageError(`--steps: goes with --prior flow, got --prior ${prior}; leave it out, or take --prior flow`);
}

function fittedLine({ kind, examples, negLogProbNats, priorNegLogProbNats, file }: FittedSampler): string {
  const nats = `−log q(z) ${negLogProbNats.toFixed(2)} nats on validation data, −log p(z) ${priorNegLogProbNats?.toFixed(2) ?? "not finite"}`;
  return `Sampler "${kind}", fitted to ${formatCount(examples)} draws: ${nats}. ${file}`;
}
