import type { Command } from "commander";
import { addExamples, dataOption, given, jsonOption } from "./options.ts";
import { printResult } from "./output.ts";

interface ReportFlags {
  readonly data?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("report")
    .summary("one HTML page with curves, figures and pictures")
    .description("Writes report.html into the run: one self-contained page with curves, figures and pictures.")
    .argument("<run>", "the run directory")
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (run: string, { json, ...options }: ReportFlags) => {
      const { writeReport } = await import("../report/report.node.ts");
      const file = await writeReport(run, given(options));
      printResult(json, { file }, [`Report: ${file}`]);
    });
  addExamples(command, "vaekit report runs/mnist", "vaekit report runs/mnist --data ../moved/mnist");
}
