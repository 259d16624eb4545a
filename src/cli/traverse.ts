import { join } from "node:path";
import type { Command } from "commander";
import type { traverseRun } from "../report/figures.node.ts";
import {
  addExamples,
  dataOption,
  given,
  givenOption,
  jsonOption,
  naturalNumber,
  positiveInteger,
  positiveNumber,
  SPLITS,
  type SplitName,
  splitOption,
} from "./options.ts";
import { checkOutputFile, printResult, tableLines } from "./output.ts";

interface TraverseFlags {
  readonly steps: number;
  readonly range: number;
  readonly dimensions?: number;
  readonly example?: number;
  readonly given?: Readonly<Record<string, number>>;
  readonly data?: string;
  readonly split: SplitName;
  readonly out?: string;
  readonly json?: boolean;
}

type TraversalResult = Awaited<ReturnType<typeof traverseRun>>;

/** Far beyond where a prior has mass, and far below what a decoder's float32 can multiply. */
const MOST_RANGE = 1000;

export function register(program: Command): void {
  const command = program
    .command("traverse")
    .summary("what each latent dimension does")
    .description(
      "Varies one latent dimension at a time, a row each: those with the most KL from the prior first, or, where the " +
        "posterior or the prior of the model gives no KL of each, those whose codes vary most.",
    )
    .argument("<run>", "the run directory")
    .addOption(positiveInteger("--steps <n>", "images in a row").default(11))
    .addOption(positiveNumber("--range <s>", "from −s to +s, in standard deviations of N(0, 1)", MOST_RANGE).default(3))
    .addOption(positiveInteger("--dimensions <n>", "rows (default: every latent dimension)"))
    .addOption(
      naturalNumber(
        "--example <row>",
        "start from this example's code (default: from 0, the mean of a standard normal prior)",
      ),
    )
    .addOption(givenOption())
    .addOption(dataOption())
    .addOption(splitOption(SPLITS, "test"))
    .option("--out <file.png>", "where to write (default: traversals.png in the run)")
    .addOption(jsonOption())
    .action(async (run: string, { out: asked, json, ...options }: TraverseFlags) => {
      if (asked !== undefined) checkOutputFile("--out", asked, [".png"]);
      const out = asked ?? join(run, "traversals.png");
      const { traverseRun } = await import("../report/figures.node.ts");
      const result = await traverseRun({ run, out, ...given(options) });
      printResult(json, result, traversalLines(result));
    });
  addExamples(
    command,
    "vaekit traverse runs/sprites",
    "vaekit traverse runs/mnist --example 4 --dimensions 10 --range 2",
  );
}

/** Which latent dimension each row of the picture shows, and its KL where it has one. */
export function traversalLines({ dimensions, file }: Pick<TraversalResult, "dimensions" | "file">): string[] {
  const rows = dimensions.map(({ dimension, klNats }, i) => [
    String(i + 1),
    String(dimension),
    ...(klNats === null ? [] : [klNats.toFixed(2)]),
  ]);
  const heads = dimensions.some(({ klNats }) => klNats !== null) ? ["KL (nats)"] : [];
  return [
    `${dimensions.length} ${dimensions.length === 1 ? "latent dimension" : "latent dimensions"}: ${file}`,
    "",
    ...tableLines([["row", "dimension", ...heads], ...rows]),
  ];
}
