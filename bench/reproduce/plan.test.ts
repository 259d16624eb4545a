import { expect, test } from "vitest";
import { BUDGETS } from "./experiment.ts";
import { experiments } from "./experiments.ts";
import { type ExperimentFile, planOf, readPlan } from "./plan.ts";

const file: ExperimentFile = {
  config: { model: { latent: 3 }, train: { steps: 5 } },
  budgets: { short: ["train.steps=2"], default: [], full: ["train.steps=9"] },
};
const runs = [
  { name: "base", set: [] },
  { name: "mixed", set: ["model.prior.kind=mixture"], budgets: { full: ["model.prior.components=7"] } },
];

test("one run lies in the folder itself, several in a folder of it each", () => {
  const [only, ...others] = planOf(file, "x.json", "short", "out").runs;
  expect(others).toEqual([]);
  expect(only).toMatchObject({ name: null, directory: "out", own: [], set: ["train.steps=2"] });
  const several = planOf({ ...file, runs }, "x.json", "short", "out");
  expect(several.runs.map(({ name, directory }) => [name, directory])).toEqual([
    ["base", "out/base"],
    ["mixed", "out/mixed"],
  ]);
  expect(several.runs.map(({ config }) => config.train.steps)).toEqual([2, 2]);
});

test("a run has the config, the budget's settings, its own, and its own of that budget", () => {
  const mixed = (budget: "default" | "full") => planOf({ ...file, runs }, "x.json", budget, "out").runs[1]!;
  expect(mixed("default").config.model.prior).toEqual({ kind: "mixture", components: 500 });
  expect(mixed("full").config.model.prior).toEqual({ kind: "mixture", components: 7 });
  expect(mixed("full").config.train.steps).toBe(9);
  expect(mixed("full").own).toEqual(["model.prior.kind=mixture", "model.prior.components=7"]);
  expect(planOf({ ...file, runs }, "x.json", "full", "out").config.model.prior.kind).toBe("standard-normal");
});

test.each([
  ["train", "train.seed=1"],
  ["optimizer", "optimizer.learningRate=0.5"],
  ["data", "data.binarization=static"],
])("runs that differ in %s are no comparison", (section, setting) => {
  const unlike = { ...file, runs: [...runs, { name: "unlike", set: [setting] }] };
  expect(() => planOf(unlike, "x.json", "default", "out")).toThrow(
    `x.json: the runs "base" and "unlike" differ in ${section}; a comparison is between models and objectives alone`,
  );
});

test.each(experiments.flatMap(({ name, file }) => BUDGETS.map((budget) => [name, budget, file] as const)))(
  "the committed file of %s has right configs for the budget %s",
  async (_name, budget, file) => {
    const { runs } = await readPlan(file, budget, "out");
    expect(new Set(runs.map(({ config }) => JSON.stringify(config))).size).toBe(runs.length);
    expect(new Set(runs.map(({ directory }) => directory)).size).toBe(runs.length);
  },
);
