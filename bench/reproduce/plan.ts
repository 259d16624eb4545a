import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { applySet, type Config, parseConfig } from "../../src/config.ts";
import { UsageError } from "../../src/errors.ts";
import type { Budget, Run } from "./experiment.ts";

/** The committed file of an experiment. */
export interface ExperimentFile {
  /** What all runs have in common. */
  readonly config: unknown;
  /** Settings over the config, for all runs. */
  readonly budgets: Readonly<Record<Budget, readonly string[]>>;
  /** What is held against each other, the first against each other one; absent where there is one run alone. */
  readonly runs?: readonly RunInFile[];
}

interface RunInFile {
  readonly name: string;
  /** Over the config and the budget's settings. */
  readonly set: readonly string[];
  /** More of them, for one budget. */
  readonly budgets?: Readonly<Partial<Record<Budget, readonly string[]>>>;
}

/** A run that is to be trained. */
export interface PlannedRun extends Run {
  /** What sets it apart from the others. */
  readonly own: readonly string[];
  /** All settings over the file's config. */
  readonly set: readonly string[];
  readonly config: Config;
}

export interface Plan {
  /** What the runs have in common, as the file has it. */
  readonly base: unknown;
  /** The same with the budget's settings and every default. */
  readonly config: Config;
  readonly runs: readonly PlannedRun[];
}

export async function readPlan(file: string, budget: Budget, out: string): Promise<Plan> {
  return planOf(JSON.parse(await readFile(file, "utf8")) as ExperimentFile, file, budget, out);
}

/**
 * The runs of an experiment under a budget. One run alone lies in `out` itself, several in a folder of it each.
 * @param where the file, for messages
 * @throws UsageError for a config that is wrong, and runs that differ in more than the model and its objective
 */
export function planOf(
  { config: base, budgets, runs }: ExperimentFile,
  where: string,
  budget: Budget,
  out: string,
): Plan {
  const resolved = (set: readonly string[]) => parseConfig(applySet(base, set), where);
  const common = budgets[budget];
  const config = resolved(common);
  if (!runs) return { base, config, runs: [{ name: null, directory: out, own: [], set: common, config }] };
  const planned = runs.map(({ name, set, budgets: more }) => {
    const own = [...set, ...(more?.[budget] ?? [])];
    const all = [...common, ...own];
    return { name, directory: join(out, name), own, set: all, config: resolved(all) };
  });
  checkComparable(planned, where);
  return { base, config, runs: planned };
}

/** A comparison is between the same epochs, the same seed, data and schedule, or it says nothing of the models. */
function checkComparable(runs: readonly PlannedRun[], where: string): void {
  const [first, ...others] = runs;
  for (const { name, config } of others)
    for (const section of ["data", "optimizer", "train"] as const)
      if (JSON.stringify(config[section]) !== JSON.stringify(first!.config[section]))
        throw new UsageError(
          `${where}: the runs "${first!.name}" and "${name}" differ in ${section}; a comparison is between models and objectives alone: set ${section} for all runs, in config or budgets`,
        );
}
