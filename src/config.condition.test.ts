import { expect, test } from "vitest";
import { applySet, type PartialConfig, parseConfig } from "./config.ts";

const problemOf = (config: unknown): string => {
  try {
    parseConfig(config, "c");
  } catch (error) {
    return (error as Error).message;
  }
  return "none";
};
const on = ["label"];

test.each<[string, PartialConfig["model"], string]>([
  [
    "nothing",
    { condition: { on: [] } },
    'c: model.condition.on: expected a list of conditions such as ["label"], got []',
  ],
  [
    "what is no name",
    { condition: { on: [7 as never] } },
    'c: model.condition.on.0: expected a name such as "label", or {"name": "age", "as": "number"}, got 7',
  ],
  [
    "an unknown kind",
    { condition: { on: [{ name: "age", as: "text" as never }] } },
    'c: model.condition.on.0.as: expected "class", "number", got "text"',
  ],
  [
    "a name twice",
    { condition: { on: ["age", { name: "age", as: "class" }] } },
    'c: model.condition.on: "age" stands there twice; once is enough',
  ],
  [
    "a learned prior beside p(z|c)",
    { condition: { on, prior: true }, prior: { kind: "mixture" } },
    'c: model.condition.prior: p(z|c) is a normal that takes the place of "standard-normal", got model.prior.kind "mixture"; set one of the two back',
  ],
  [
    "a VampPrior of posteriors with conditions",
    { condition: { on }, prior: { kind: "vampprior" } },
    'c: model.prior.kind: "vampprior" is a mixture of posteriors of pseudo-inputs, which have no conditions for the encoder to see; set model.condition.encoder to false, or take the prior "mixture"',
  ],
])("%s is refused", (_, model, problem) => {
  expect(problemOf({ model })).toBe(problem);
});

test("a file of conditions without a condition would change nothing", () => {
  expect(problemOf({ data: { conditions: "ages.csv" } })).toBe(
    'c: data.conditions: "ages.csv" is for model.condition, which is null; name its columns in model.condition.on',
  );
  expect(problemOf({ data: { conditions: "ages.csv" }, model: { condition: { on: ["age"] } } })).toBe("none");
});

test("an objective that needs one prior for all refuses p(z|c)", () => {
  const config = { model: { condition: { on, prior: true } }, objective: { kind: "capacity" } };
  expect(problemOf(config)).toMatch(
    /^c: objective.kind: "capacity" needs one prior for all, got model.condition.prior/,
  );
  expect(problemOf(config)).not.toContain("\n");
});

test("a model is unconditional unless it is said; the encoder sees a condition, and the prior does not", () => {
  expect(parseConfig({}, "c").model.condition).toBeNull();
  const set = applySet({}, ['model.condition.on=["label"]']);
  expect(parseConfig(set, "c").model.condition).toEqual({ on, encoder: true, prior: false });
});

test("a VampPrior goes with an encoder that sees no condition", () => {
  expect(problemOf({ model: { condition: { on, encoder: false }, prior: { kind: "vampprior" } } })).toBe("none");
});
