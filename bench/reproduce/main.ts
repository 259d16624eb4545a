// `npm run reproduce -- NAME`: trains a committed config, measures it, and writes docs/results/NAME.json, .md, .log.
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { trainProgress, wantsBars } from "../../src/cli/progress.ts";
import { UsageError, VaekitError } from "../../src/errors.ts";
import { buildCommand } from "../command.ts";
import { BUDGETS, type Budget, type Experiment } from "./experiment.ts";
import { experiments } from "./experiments.ts";
import { reproduce } from "./reproduce.ts";

const USAGE = `npm run reproduce -- NAME [options]    trains, measures, and writes docs/results/NAME.json, .md and .log
npm run reproduce -- --list            names every result that can be reproduced

  --budget BUDGET   ${BUDGETS.join(", ")} (default: default)
  --out DIR         the run directory, or the folder of several runs (default: runs/reproduce/NAME-BUDGET)
  --resume          go on with what was stopped, or measure what is trained
  --threads N       threads of one operator (default: one a core)
  --allow-dirty     take the test figure though the working tree differs from its commit; the record says so`;

try {
  await main();
} catch (error) {
  if (error instanceof VaekitError) console.error(`error: ${error.message}`);
  else console.error(error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments();
  if (values.list) {
    for (const { name, about } of experiments) console.log(`${name.padEnd(20)} ${about}`);
    return;
  }
  if (values.help || positionals.length === 0) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const experiment = experimentNamed(positionals);
  const budget = budgetNamed(values.budget);
  if (!existsSync(experiment.data)) {
    throw new VaekitError(`${experiment.data}: missing; ${experiment.name} is measured on these data: put them there`);
  }
  buildCommand(); // threads run what is built: see workerFile
  const progress = trainProgress(process.stderr, { bars: wantsBars(process.stderr, process.env) });
  try {
    await reproduce(experiment, {
      budget,
      out: values.out ?? `runs/reproduce/${experiment.name}-${budget}`,
      resume: values.resume,
      threads: threadsOf(values.threads),
      allowDirty: values["allow-dirty"],
      progress,
    });
  } finally {
    progress.close();
  }
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        budget: { type: "string", default: "default" },
        out: { type: "string" },
        resume: { type: "boolean", default: false },
        threads: { type: "string" },
        "allow-dirty": { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`, { cause: error });
  }
}

function experimentNamed(names: readonly string[]): Experiment {
  const found = experiments.find(({ name }) => name === names[0]);
  const known = experiments.map(({ name }) => name).join(", ");
  if (!found || names.length > 1) throw new UsageError(`expected one of ${known}, got ${names.join(" ")}`);
  return found;
}

function budgetNamed(name: string): Budget {
  const found = BUDGETS.find((budget) => budget === name);
  if (!found) throw new UsageError(`--budget: expected ${BUDGETS.join(", ")}, got "${name}"`);
  return found;
}

function threadsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(text)) throw new UsageError(`--threads: expected a positive integer, got "${text}"`);
  return Number(text);
}
