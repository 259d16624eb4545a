import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { applySet, parseConfig } from "./config.ts";
import { UsageError } from "./errors.ts";
import { show } from "./show.ts";

const own = (value: unknown) => ({ model: { likelihood: { kind: "mine", option: value } } });
const cycle: Record<string, unknown> = {};
cycle.within = cycle;
let deep: unknown = 1;
for (let i = 0; i < 100; i++) deep = [deep];

test.each([
  [own(Number.NaN), "c: model.likelihood.option: expected a finite number, got NaN"],
  [own(() => 1), "c: model.likelihood.option: expected plain data, got a function"],
  [own(1n), "c: model.likelihood.option: expected plain data, got 1n"],
  [own(Symbol("s")), "c: model.likelihood.option: expected plain data, got Symbol(s)"],
  [own(new Date(0)), "c: model.likelihood.option: expected a plain object, got a Date"],
  [own(new Float32Array(3)), "c: model.likelihood.option: expected a plain object, got a Float32Array of 3"],
  [own(cycle), "c: model.likelihood.option.within: an object cannot be within itself"],
  [own(deep), "nested more than 32 levels deep"],
  [{ model: { latent: Number.NaN } }, "c: model.latent: expected a positive integer, got NaN"],
  [{ model: { latent: 5n } }, "c: model.latent: expected a positive integer, got 5n"],
  [Object.create({ train: { epochs: 1 } }), "c: expected a plain object, got an object that inherits from another"],
  [{ model: Promise.resolve({}) }, "c: model: expected a plain object, got a Promise"],
])("refused: what JSON would lose or change: %o", (config, message) => {
  const parse = () => parseConfig(config, "c");
  expect(parse).toThrow(UsageError);
  expect(parse).toThrow(message);
  if (!message.includes("positive integer"))
    expect(() => applySet(config, [])).toThrow(message.replace(/^c:/, "config:"));
});

test("plain data pass: of another realm, without a prototype, the same object in two places", () => {
  const network = { hidden: [8] };
  const config = { model: { encoder: network, decoder: network } };
  const foreign: unknown = runInNewContext("({ model: { encoder: { hidden: [8] }, decoder: { hidden: [8] } } })");
  const bare = Object.assign(Object.create(null), config) as object;
  for (const same of [config, foreign, bare]) expect(parseConfig(same)).toEqual(parseConfig(config));
});

test("a value is shown in one short line, whatever it is", () => {
  expect([undefined, null, "a", 5n, Number.NaN, -0].map(show)).toEqual(["nothing", "null", '"a"', "5n", "NaN", "0"]);
  expect(show(cycle)).toBe("an object");
  expect(show([1n])).toBe("an array");
  expect(show(new Map())).toBe("a Map");
  expect(show(new (class Photo {})())).toBe("a Photo");
  expect(show(new Array(1e6).fill(7))).toHaveLength(60);
  expect(show("x".repeat(1e6))).toHaveLength(60);
});
