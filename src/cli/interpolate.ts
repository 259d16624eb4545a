import { join } from "node:path";
import { type Command, Option } from "commander";
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
} from "./options.ts";
import { checkOutputFile, printResult } from "./output.ts";

interface InterpolateFlags {
  readonly from: number;
  readonly to: number;
  readonly steps: number;
  readonly path: "linear" | "slerp";
  readonly data?: string;
  readonly split: SplitName;
  readonly out?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("interpolate")
    .summary("the way from one input to another")
    .description(
      "Decodes points on the way from one example's code (its posterior mean, or where the posterior's flow takes that) " +
        "to another's, and shows them between the two.",
    )
    .argument("<run>", "the run directory")
    .addOption(naturalNumber("--from <row>", "row of the first example in the split, from 0").default(0))
    .addOption(naturalNumber("--to <row>", "row of the second example").default(1))
    .addOption(positiveInteger("--steps <n>", "images, the two ends included").default(10))
    .addOption(
      new Option("--path <name>", "straight, or along a great circle").choices(["linear", "slerp"]).default("linear"),
    )
    .addOption(dataOption())
    .addOption(splitOption(SPLITS, "test"))
    .option("--out <file.png>", "where to write (default: interpolation.png in the run)")
    .addOption(jsonOption())
    .action(async (run: string, { out: asked, json, ...options }: InterpolateFlags) => {
      if (asked !== undefined) checkOutputFile("--out", asked, [".png"]);
      const out = asked ?? join(run, "interpolation.png");
      const { interpolateRun } = await import("../report/figures.node.ts");
      const result = await interpolateRun({ run, out, ...given(options) });
      printResult(json, result, [
        `From row ${result.from} to row ${result.to} in ${result.steps} images: ${result.file}`,
      ]);
    });
  addExamples(command, "vaekit interpolate runs/mnist --from 3 --to 18", "vaekit interpolate runs/mnist --path slerp");
}
