import { expect, test } from "vitest";
import type { PeerModel } from "../models.ts";
import { answers, type Library } from "./js/answers.mjs";

const model: PeerModel = {
  ...{ event: [1, 2, 1], batch: 2, latent: 1, hidden: [3], activation: "relu", layers: [], binarize: true },
};

/** A library that says what it was asked. */
function spy() {
  const begun: { readonly shapes: Record<string, number[]>; readonly values: Record<string, number[]> }[] = [];
  const steps: number[][] = [];
  let released = 0;
  const library: Library = {
    choices: [{ fused: true }, { fused: false }],
    training(weights) {
      const entries = Object.entries(weights);
      begun.push({
        shapes: Object.fromEntries(entries.map(([name, { shape }]) => [name, shape])),
        values: Object.fromEntries(entries.map(([name, { values }]) => [name, [...values]])),
      });
      return {
        step: async (x, noise, batch) => steps.push([...x, ...noise, batch]),
        release: () => void released++,
      };
    },
  };
  return { library, begun, steps, released: () => released };
}

test("a check takes weights as they are stored, and gives four losses", async () => {
  const { library, begun, steps, released } = spy();
  const files: Record<string, readonly number[]> = {
    "encoder.hidden.0.weight": [1, 2, 3, 4, 5, 6], // (outputs, inputs) = (3, 2)
    "encoder.hidden.0.bias": [0, 0, 0],
    "encoder.posterior.weight": [1, 2, 3, 4, 5, 6], // (3, 2)
    "encoder.posterior.bias": [0, 0],
    "decoder.hidden.0.weight": [1, 2, 3],
    "decoder.hidden.0.bias": [0, 0, 0],
    "decoder.logits.weight": [1, 2, 3, 4, 5, 6],
    "decoder.logits.bias": [0, 0],
    x: [1, 0, 0, 1],
    noise: [0.5, -0.5],
  };
  const manifest = Object.fromEntries(Object.keys(files).map((name) => [name, `at ${name}`]));
  const answer = answers(library, new Uint8Array(8), model, async (path) => Float32Array.from(files[path.slice(3)]!));
  expect(await answer({ check: manifest })).toEqual({ values: [1, 2, 3, 4] });
  expect(steps).toEqual(Array.from({ length: 4 }, () => [1, 0, 0, 1, 0.5, -0.5, 2]));
  expect(begun[1]!.shapes).toMatchObject({ encoderWeight: [2, 3], posteriorWeight: [3, 2], logitsBias: [2] });
  expect(begun[1]!.values).toMatchObject({ encoderWeight: [1, 3, 5, 2, 4, 6], posteriorWeight: [1, 2, 3, 4, 5, 6] });
  expect(released()).toBe(1);
});

test("so many steps are run, and every choice is tried", async () => {
  const { library, begun, steps, released } = spy();
  const answer = answers(library, new Uint8Array(8), model, async () => new Float32Array());
  expect(await answer({ run: 7 })).toEqual({ seconds: expect.any(Number) });
  expect(steps.length).toBe(7);
  expect(await answer({ tune: 2 })).toMatchObject({ seconds: expect.any(Number), choice: expect.any(Object) });
  expect(steps.length).toBe(7 + 2 * (4 + 5 * 2));
  expect([begun.length, released()]).toEqual([4, 3]); // the first, both choices, and the chosen one anew
});

test("a model that it is not written for is refused", () => {
  const { library } = spy();
  for (const other of [{ hidden: [3, 3] }, { activation: "tanh" }, { layers: [[1]] }, { binarize: false }] as const)
    expect(() => answers(library, new Uint8Array(8), { ...model, ...other }, async () => new Float32Array())).toThrow(
      "one dense hidden layer",
    );
});
