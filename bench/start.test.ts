import { expect, test } from "vitest";
import { startLine } from "../src/cli/progress-line.ts";
import { deepModel, hasBegun, secondsOfStep } from "./start.ts";

test("the command's own line says that training begins", () => {
  const line = startLine({ kind: "start", parameters: 651_628, epochs: 1, steps: 1, minutes: null, examples: 55_000 });
  expect(hasBegun(`A note before.\n${line}\n`)).toBe(true);
  expect(hasBegun("A note before.\n")).toBe(false);
  expect(hasBegun("error: no such file: 3 parameters")).toBe(false);
});

test("the rate of a run of one step tells what it took", () => {
  expect(secondsOfStep({ examplesPerSecond: 6400 }, 128)).toBe(0.02);
});

test("the deep model has so many nodes, and with a layer less it has not", async () => {
  const least = await deepModel(1);
  for (const nodes of [200, 500]) {
    const deep = await deepModel(nodes);
    expect(deep.nodes).toBeGreaterThanOrEqual(nodes);
    const perLayer = (deep.nodes - least.nodes) / (deep.layers - least.layers);
    expect(deep.nodes - perLayer).toBeLessThan(nodes);
  }
});
