import type { Command } from "commander";
import { addExamples, jsonOption } from "./options.ts";
import { printResult } from "./output.ts";

export function register(program: Command): void {
  const command = program
    .command("inspect")
    .summary("what is in DATA or in a RUN")
    .description(
      "Of DATA: format, shape, splits, range of values, labels, fingerprint.\n" +
        "Of a RUN: layers, parameters, floating-point operations for an example, memory.",
    )
    .argument("<data|run>", "DATA, or the directory of a run")
    .addOption(jsonOption())
    .action(async (target: string, { json }: { readonly json?: boolean }) => {
      const { inspect } = await import("../apps/inspect.node.ts");
      const { inspectionLines } = await import("./inspect-lines.ts");
      const inspection = await inspect(target);
      printResult(json, inspection, inspectionLines(inspection));
    });
  addExamples(command, "vaekit inspect ../data/mnist", "vaekit inspect sprites", "vaekit inspect runs/mnist --json");
}
