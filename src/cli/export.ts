import { type Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { type PriorChoice, priorChoices } from "../models/sampler-kinds.ts";
import { addExamples, jsonOption } from "./options.ts";
import { printResult } from "./output.ts";

interface ExportFlags {
  readonly out: string;
  readonly prior: PriorChoice;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("export")
    .summary("encoder, decoder and, if it is learned, the prior as ONNX files")
    .description(
      "Writes encoder.onnx (x → mean, logvar) and decoder.onnx (z → likelihood parameters) with a free batch size, " +
        "and checks that ONNX Runtime computes with them what the model does. Of a posterior with a flow or a covariance " +
        "the encoder also takes noise, standard normal numbers, and gives z, a draw of q(z|x). A learned prior becomes " +
        "prior.onnx, which makes z of normal and, of a mixture, uniform numbers; without one, an earlier prior.onnx in " +
        "the folder is removed.",
    )
    .argument("<run>", "the run directory")
    .requiredOption("--out <folder>", "the folder to write to; made if it is not there")
    .addOption(
      new Option("--prior <name>", "what prior.onnx draws from: the model's own prior, or a sampler stored with it")
        .choices(priorChoices)
        .default("model"),
    )
    .addOption(jsonOption())
    .action(async (run: string, { out, prior, json }: ExportFlags) => {
      if (out === "") throw new UsageError('--out: expected a folder, got ""');
      const { exportOnnx } = await import("../apps/export.node.ts");
      const result = await exportOnnx({ run, out, prior });
      printResult(json, result, [
        ...result.files,
        `Checked against the model: largest difference ${result.maxDifference.toExponential(1)}.`,
      ]);
    });
  addExamples(command, "vaekit export runs/mnist --out onnx", "vaekit export runs/mnist --out onnx --prior mixture");
}
