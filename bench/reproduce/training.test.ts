import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Experiment } from "./experiment.ts";
import { type Plan, planOf } from "./plan.ts";
import { writeResult } from "./result.ts";
import { commitOf } from "./session.ts";
import { trainRuns } from "./training.ts";

const folder = mkdtempSync(join(tmpdir(), "vaekit-reproduce-"));
afterAll(() => rmSync(folder, { recursive: true }));

const experiment: Experiment = {
  name: "two",
  about: "Two small models",
  source: "nowhere",
  data: "sprites",
  file: "two.json",
  validate: async () => [],
  test: async () => [],
};

const plan = (out: string): Plan =>
  planOf(
    {
      config: {
        data: { examples: 60 },
        model: { latent: 2, encoder: { hidden: [4] } },
        train: { batchSize: 24, steps: 4 },
      },
      budgets: { short: [], default: [], full: [] },
      runs: [
        { name: "vae", set: [] },
        { name: "iwae", set: ["objective.kind=iwae", "objective.samples=2"] },
      ],
    },
    "two.json",
    "default",
    join(folder, out),
  );

/** Trains, and says how many steps of which run were taken. */
async function train(out: string, resume: boolean, stopAfter = ""): Promise<readonly (string | boolean)[]> {
  const said: (string | boolean)[] = [];
  const progress = {
    note: (text: string) => void said.push(text),
    onProgress: (event: { readonly kind: string; readonly row?: { readonly step: number } }) => {
      if (event.kind === "epoch") said.push(`step ${event.row!.step}`);
      if (stopAfter && event.kind === "epoch" && said.includes(stopAfter)) process.emit("SIGTERM", "SIGTERM");
    },
    close: () => undefined,
  };
  const done = await trainRuns(experiment, plan(out), { resume, threads: 1, progress });
  process.exitCode = 0; // what a signal sets
  return [...said, done];
}

test("runs are trained one after the other, one that is complete is not trained again, and the record is written", async () => {
  const first = ["Run 1 of 2: vae", "step 2", "step 4", "Run 2 of 2: iwae", "step 2", "step 4", true];
  expect(await train("whole", false)).toEqual(first);
  expect(await train("whole", true)).toEqual(["Run 1 of 2: vae", "Run 2 of 2: iwae", true]);

  const { runs } = plan("whole");
  const commit = await commitOf(
    runs.map(({ directory }) => directory),
    "0123",
  );
  expect(commit).toMatch(/^0123 \(trained at [^,]+\)$/); // once, though two runs were
  const results = mkdtempSync(join(folder, "results-"));
  const measured = { command: "a command", commit, plan: plan("whole"), budget: "default", figures: [] } as const;
  await writeResult(results, experiment, measured);
  expect(readdirSync(results).sort()).toEqual(
    ["two-curve.svg", "two-iwae-samples.png", "two-vae-samples.png", "two.json", "two.log", "two.md"].sort(),
  );
  const record = JSON.parse(readFileSync(join(results, "two.json"), "utf8"));
  expect(Object.keys(record)).toEqual(["name", "command", "commit", "seed", "seconds", "machine", "figures"]);
  expect(record.figures.map(({ name, unit }: { name: string; unit: string }) => [name, unit])).toEqual([
    ["vae: training", "s"],
    ["vae: steps of training per second", "steps/s"],
    ["iwae: training", "s"],
    ["iwae: steps of training per second", "steps/s"],
  ]);
  const curve = readFileSync(join(results, "two-curve.svg"), "utf8");
  for (const series of ["vae: −ELBO", "iwae: −ELBO", "iwae: bound of all draws"]) expect(curve).toContain(series);
});

test("a stopped comparison goes on where it was: within a run, and with the runs that did not begin", async () => {
  const stopped = await train("stopped", false, "step 2");
  expect(stopped.slice(0, 2)).toEqual(["Run 1 of 2: vae", "step 2"]);
  expect(stopped.at(-2)).toBe("Stopped after step 2. To go on: the same command with --resume.");
  expect(stopped.at(-1)).toBe(false);
  expect(existsSync(plan("stopped").runs[1]!.directory)).toBe(false);
  expect(await train("stopped", true)).toEqual([
    "Run 1 of 2: vae",
    "step 4",
    "Run 2 of 2: iwae",
    "step 2",
    "step 4",
    true,
  ]);
});

test("nothing is trained where a run is in the way, or there is nothing to go on with", async () => {
  await expect(train("none", true)).rejects.toThrow("there is no run at");
  const { runs } = plan("way");
  await train("way", false);
  rmSync(runs[0]!.directory, { recursive: true });
  await expect(train("way", false)).rejects.toThrow(`${runs[1]!.directory} exists and is not empty`);
  expect(existsSync(runs[0]!.directory)).toBe(false);
});
