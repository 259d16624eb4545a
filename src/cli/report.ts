import type { Command } from "commander";
import { addExamples, jsonOption } from "./options.ts";
import { printResult } from "./output.ts";

export function register(program: Command): void {
  const command = program
    .command("report")
    .summary("one HTML page with curves, figures and pictures")
    .description("Writes report.html into the run: one self-contained page with curves, figures and pictures.")
    .argument("<run>", "the run directory")
    .addOption(jsonOption())
    .action(async (run: string, { json }: { readonly json?: boolean }) => {
      const { writeReport } = await import("../report/report.node.ts");
      const file = await writeReport(run);
      printResult(json, { file }, [`Report: ${file}`]);
    });
  addExamples(command, "vaekit report runs/mnist");
}
