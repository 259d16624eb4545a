import { join } from "node:path";
import type { Command } from "commander";
import {
  addExamples,
  dataOption,
  given,
  jsonOption,
  positiveInteger,
  SPLITS,
  type SplitName,
  splitOption,
} from "./options.ts";
import { checkOutputFile, printResult } from "./output.ts";

interface ReconstructFlags {
  readonly data?: string;
  readonly split: SplitName;
  readonly count: number;
  readonly out?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("reconstruct")
    .summary("inputs over their reconstructions")
    .description(
      "Encodes the first examples, decodes their codes (posterior means, or where the posterior's flow takes those), and " +
        "writes inputs over reconstructions.",
    )
    .argument("<run>", "the run directory")
    .addOption(dataOption())
    .addOption(splitOption(SPLITS, "test"))
    .addOption(positiveInteger("-n, --count <n>", "how many examples").default(32))
    .option("--out <file.png>", "where to write (default: reconstructions.png in the run)")
    .addOption(jsonOption())
    .action(async (run: string, { out: asked, json, ...options }: ReconstructFlags) => {
      if (asked !== undefined) checkOutputFile("--out", asked, [".png"]);
      const out = asked ?? join(run, "reconstructions.png");
      const { reconstructRun } = await import("../report/figures.node.ts");
      const result = await reconstructRun({ run, out, ...given(options) });
      printResult(json, result, [`${result.count} inputs over their reconstructions: ${result.file}`]);
    });
  addExamples(command, "vaekit reconstruct runs/mnist", "vaekit reconstruct runs/mnist --split validation -n 16");
}
