import type { Command } from "commander";
import { addExamples, given, jsonOption, SPLITS, type SplitName, splitOption } from "./options.ts";
import { checkOutputFile, formatCount, printResult } from "./output.ts";

interface EncodeFlags {
  readonly split: SplitName | "all";
  readonly out: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("encode")
    .summary("latent codes of every example, to a file")
    .description(
      "Writes each example's code, its posterior mean, or where the posterior's flow takes that: .npy as float32 " +
        "(examples, latent); .csv with a header, the split, the example's row in its source, its label where there is " +
        "one, and a column a latent dimension.",
    )
    .argument("<run>", "the run directory")
    .argument("<data>", "an IDX file, a folder with MNIST's four files, or sprites")
    .requiredOption("--out <file>", "where to write: .npy or .csv")
    .addOption(splitOption([...SPLITS, "all"], "all"))
    .addOption(jsonOption())
    .action(async (run: string, data: string, { json, ...options }: EncodeFlags) => {
      checkOutputFile("--out", options.out, [".npy", ".csv"]);
      const { encodeRun } = await import("../apps/encode.node.ts");
      const result = await encodeRun({ run, data, ...given(options) });
      printResult(json, result, [
        `${formatCount(result.count)} examples, ${result.latent} latent dimensions each: ${result.file}`,
      ]);
    });
  addExamples(
    command,
    "vaekit encode runs/mnist ../data/mnist --out latents.npy",
    "vaekit encode runs/mnist ../data/mnist --split test --out latents.csv",
  );
}
