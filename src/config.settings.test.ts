import { expect, test } from "vitest";
import { messageOf } from "../test/config-refusal.ts";
import { applySet } from "./config.ts";

test("settings are applied in order to a copy, as JSON or else as text", () => {
  const before = { model: { latent: 10 }, train: { epochs: 3 } };
  const after = applySet(before, [
    "model.latent=50",
    "model.encoder.hidden=[200, 200]",
    "model.encoder.activation=tanh",
    "model.likelihood.kind=zero-inflated",
    "model.likelihood.floor=0.5",
    "train.epochs=null",
    "optimizer.learningRate=1e-3",
    "objective.kind=capacity",
    "objective.to=10",
  ]);
  expect(after).toEqual({
    model: {
      latent: 50,
      encoder: { hidden: [200, 200], activation: "tanh" },
      likelihood: { kind: "zero-inflated", floor: 0.5 },
    },
    train: { epochs: null },
    optimizer: { learningRate: 0.001 },
    objective: { kind: "capacity", to: 10 },
  });
  expect(before).toEqual({ model: { latent: 10 }, train: { epochs: 3 } });
  expect(applySet(undefined, [])).toEqual({});
});

test.each([
  ["model.latnet=3", '--set model.latnet: unknown key "latnet"; did you mean "latent"?'],
  ["modle.latent=3", '--set modle.latent: unknown key "modle"; did you mean "model"?'],
  ["optimizer.schedule.finall=3", '--set optimizer.schedule.finall: unknown key "finall"; did you mean "final"?'],
  ["__proto__=1", '--set __proto__: "__proto__" is not allowed as a key'],
  ["model.__proto__.polluted=1", '--set model.__proto__.polluted: "__proto__" is not allowed as a key'],
  ["model.likelihood.constructor=1", '--set model.likelihood.constructor: "constructor" is not allowed as a key'],
  ["model.latent.x=1", '--set model.latent.x: "model.latent" is a value and has no keys; set it as a whole'],
  ["model.likelihood.a.b=1", '--set model.likelihood.a.b: set "model.likelihood.a" as a whole, as JSON'],
  ["model.latent", '--set: expected key=value such as model.latent=50, got "model.latent"'],
  ["=3", '--set: expected key=value such as model.latent=50, got "=3"'],
  ["model.=3", "--set model.: expected a key such as model.latent, got an empty part"],
])("--set %s is refused", (setting, message) => {
  expect(messageOf(() => applySet({}, [setting]))).toBe(message);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("setting a key of a section that the config holds as a value is refused", () => {
  expect(messageOf(() => applySet({ model: 3 }, ["model.latent=2"]))).toBe(
    '--set model.latent: "model" is 3 and has no keys',
  );
});
