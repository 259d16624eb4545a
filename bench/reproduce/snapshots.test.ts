import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { scoreRun } from "../../src/evaluate/evaluate.node.ts";
import { loadModel } from "../../src/models/portable.ts";
import { directoryStorage } from "../../src/storage/directory.node.ts";
import type { ProgressEvent } from "../../src/train/options.ts";
import type { Experiment } from "./experiment.ts";
import { planOf } from "./plan.ts";
import { snapshotOf, snapshotSteps, spreadByLogarithm, stagesOf, takeSnapshot } from "./snapshots.ts";
import { trainRuns } from "./training.ts";

const folder = mkdtempSync(join(tmpdir(), "vaekit-snapshots-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("steps are spread by their logarithm, and the last one ends the run", () => {
  expect(spreadByLogarithm(100, 2)(10_000)).toEqual([100, 316, 1000, 3162, 10_000]);
  expect(spreadByLogarithm(100, 4)(3000)).toEqual([95, 169, 300, 533, 949, 1687, 3000]);
  expect(spreadByLogarithm(100, 4)(50)).toEqual([50]);
});

test("a run whose steps depend on its length is not trained in stages", () => {
  const stages = (config: object) => stagesOf(() => [1], parseConfig(config, "c"), "x.json");
  expect(stages({ train: { steps: 9 } })).toEqual([1]);
  expect(() => stages({})).toThrow("x.json: train.steps: expected a number of steps, got null");
  expect(() => stages({ train: { steps: 9 }, optimizer: { schedule: { kind: "cosine" } } })).toThrow(
    'x.json: optimizer.schedule: expected one that does not go by the length of the run, since it is trained in stages, got "cosine"',
  );
});

const experiment: Experiment = {
  name: "stages",
  about: "A small model",
  source: "nowhere",
  data: "sprites",
  file: "stages.json",
  validate: async () => [],
  test: async () => [],
};

/** The steps from which trainings went on. */
const begun: (number | undefined)[] = [];

/** Trains for some steps; the directory of the run. */
async function trained(name: string, steps: number, kept?: readonly number[], resume = false): Promise<string> {
  const config = {
    data: { examples: 60, binarization: "none" },
    model: { latent: 2, encoder: { hidden: [4] }, likelihood: { kind: "normal", variance: "learned" } },
    optimizer: { learningRate: 0.3 }, // too high, so that the last weights are not the best
    train: { batchSize: 24, steps },
  };
  const plan = planOf({ config, budgets: { short: [], default: [], full: [] } }, "c", "default", join(folder, name));
  const onProgress = (event: ProgressEvent) => void (event.kind === "start" && begun.push(event.resumedFrom));
  const progress = { note: () => undefined, onProgress, close: () => undefined };
  const snapshots = kept && { snapshots: () => kept };
  expect(await trainRuns({ ...experiment, ...snapshots }, plan, { resume, threads: 1, progress })).toBe(true);
  return plan.runs[0]!.directory;
}

const weightsOf = async (run: string) => (await loadModel(directoryStorage(run))).weights;
test("a run in stages ends as one at one go, and its snapshots are the weights that it had", async () => {
  const staged = await trained("staged", 8, [2, 5, 8]);
  expect(await snapshotSteps(staged)).toEqual([2, 5, 8]);
  expect(await weightsOf(snapshotOf(staged, 8))).not.toEqual(await weightsOf(staged));
  const whole = await trained("whole", 8, [8]);
  expect(await weightsOf(snapshotOf(staged, 8))).toEqual(await weightsOf(snapshotOf(whole, 8)));
  const shorter = await trained("shorter", 5, [5]);
  expect(await weightsOf(snapshotOf(staged, 5))).toEqual(await weightsOf(snapshotOf(shorter, 5)));
  expect(await weightsOf(snapshotOf(staged, 5))).not.toEqual(await weightsOf(snapshotOf(staged, 8)));
  const { negElboNats } = await scoreRun({ run: snapshotOf(staged, 5), split: "validation" });
  expect(negElboNats.every(Number.isFinite)).toBe(true);
  await expect(takeSnapshot(staged, 5)).rejects.toThrow("expected the state after step 5, got 8");
});

test("stages whose weights are there are not trained again, and the others are", async () => {
  const run = await trained("resumed", 8, [2, 5, 8]);
  const last = await weightsOf(snapshotOf(run, 8));
  rmSync(snapshotOf(run, 8), { recursive: true });
  begun.length = 0;
  await trained("resumed", 8, [2, 5, 8], true);
  await trained("resumed", 9, [2, 5, 8, 9], true);
  expect(begun).toEqual([8, 8]); // to take the weights that are there, and to go on
  expect(await weightsOf(snapshotOf(run, 8))).toEqual(last);
  expect(await snapshotSteps(run)).toEqual([2, 5, 8, 9]);
});
