import { expect, test } from "vitest";
import { refused } from "../test/config-refusal.ts";
import { parseConfig } from "./config.ts";

test("an optimizer has its own keys and defaults", () => {
  const optimizer = (given: object) => parseConfig({ optimizer: given }, "c").optimizer;
  expect(optimizer({ kind: "adamw" })).toMatchObject({ kind: "adamw", weightDecay: 0.01, beta1: 0.9 });
  expect(optimizer({ kind: "adamax", weightDecay: 0.1 })).toMatchObject({ kind: "adamax", weightDecay: 0.1 });
  expect(optimizer({ kind: "sgd" })).toEqual({
    kind: "sgd",
    learningRate: 0.001,
    momentum: 0.9,
    nesterov: false,
    weightDecay: 0,
    clip: null,
    skipAbove: null,
    groups: [],
    schedule: { kind: "constant", warmup: 0 },
  });
  expect(refused({ optimizer: { kind: "sgd", beta1: 0.5 } })).toEqual([
    'c.json: optimizer.beta1: goes with the kinds "adam", "adamw", "adamax", got "sgd"; leave it out, or take one of those',
  ]);
  expect(refused({ optimizer: { weightDecay: 0.1, groups: [{ parameters: ["encoder"], weightDecay: 1 }] } })).toEqual([
    'c.json: optimizer.weightDecay: goes with the kinds "adamw", "adamax", "sgd", got "adam"; leave it out, or take one of those',
    'c.json: optimizer.groups: weightDecay goes with "adamw", got "adam"; take "adamw"',
  ]);
});

test.each<[string, unknown, string]>([
  [
    "learning rate 0",
    { optimizer: { learningRate: 0 } },
    "c.json: optimizer.learningRate: expected a number > 0, got 0",
  ],
  [
    "schedule",
    { optimizer: { schedule: { kind: "cosin" } } },
    'c.json: optimizer.schedule.kind: expected "constant", "cosine", "step", "plateau", got "cosin"',
  ],
  [
    "schedule's key",
    { optimizer: { schedule: { kind: "step" } } },
    "c.json: optimizer.schedule.every: expected a positive integer, got nothing",
  ],
  [
    "cosine without length",
    { optimizer: { schedule: { kind: "cosine" } }, train: { minutes: 5 } },
    'c.json: optimizer.schedule: "cosine" needs train.steps or train.epochs for its length, got train.minutes 5 alone',
  ],
])("%s is refused with its own message", (_, value, message) => {
  expect(refused(value)).toContain(message);
});
