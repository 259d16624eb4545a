import { join } from "node:path";
import type { Command } from "commander";
import { addExamples, jsonOption, naturalNumber, positiveInteger } from "./options.ts";
import { checkOutputFile, printResult } from "./output.ts";

interface SampleFlags {
  readonly count: number;
  readonly seed: number;
  readonly out?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("sample")
    .summary("draw new images from the prior")
    .description(
      "Draws latents from the prior and writes the decoder's means as a grid of images. " +
        "Image i is the same for any -n with the same seed.",
    )
    .argument("<run>", "the run directory")
    .addOption(positiveInteger("-n, --count <n>", "how many images").default(64))
    .addOption(naturalNumber("--seed <n>", "seed of the latents").default(0))
    .option("--out <file.png>", "where to write (default: samples.png in the run)")
    .addOption(jsonOption())
    .action(async (run: string, { count, seed, out: asked, json }: SampleFlags) => {
      if (asked !== undefined) checkOutputFile("--out", asked, [".png"]);
      const out = asked ?? join(run, "samples.png");
      const { sampleRun } = await import("../report/figures.node.ts");
      const result = await sampleRun({ run, count, seed, out });
      printResult(json, result, [`${result.count} samples: ${result.file}`]);
    });
  addExamples(command, "vaekit sample runs/mnist", "vaekit sample runs/mnist -n 100 --seed 7 --out samples.png");
}
