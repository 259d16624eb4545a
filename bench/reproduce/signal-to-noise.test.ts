import { expect, test } from "vitest";
import { cpuBackend } from "../../src/runtime/ort.node.ts";
import { signalFigures } from "./dreg.ts";
import { linearGaussian } from "./linear-gaussian.ts";
import { encoderSignals, signalToNoise } from "./signal-to-noise.ts";

test("the ratio is that of mean and standard deviation, in the mean over the parameters that the noise changes", () => {
  // estimates 1 and 3: mean 2, s² = 2; −1 and 0: mean −½, s² = ½; a parameter that is 0, and one that is always 0.1
  const estimates = [
    [1, -1, 0, 0.1],
    [3, 0, 0, 0.1],
  ];
  const sum = Float64Array.from(estimates[0]!, (_, i) => estimates[0]![i]! + estimates[1]![i]!);
  const squares = Float64Array.from(estimates[0]!, (_, i) => estimates[0]![i]! ** 2 + estimates[1]![i]! ** 2);
  expect(signalToNoise({ estimates: 2, sum, squares })).toBeCloseTo((Math.SQRT2 + Math.SQRT1_2) / 2, 12);
});

test("ratios are taken batch by batch, and held to 1 from the side that is published", () => {
  const signals = { IWAE: { 5: [0.4, 0.2], 50: [0.2, 0.1] }, DReG: { 5: [0.4, 0.6], 50: [0.8, 0.6] } };
  const shown = signalFigures("here", signals, true).map(({ name, value, bar }) => [
    name,
    Number(value.toFixed(6)),
    bar && `${bar.op} ${bar.limit}`,
  ]);
  expect(shown).toEqual([
    ["here: signal-to-noise, DReG over IWAE, k = 5", 2, ">= 1"],
    ["here: signal-to-noise, DReG over IWAE, k = 50", 5, ">= 1"],
    ["here: signal-to-noise, IWAE, k = 50 over k = 5", 0.5, "<= 1"],
    ["here: signal-to-noise, DReG, k = 50 over k = 5", 1.5, ">= 1"],
    ["here: signal-to-noise, IWAE, k = 5", 0.3, null],
    ["here: signal-to-noise, IWAE, k = 50", 0.15, null],
    ["here: signal-to-noise, DReG, k = 5", 0.5, null],
    ["here: signal-to-noise, DReG, k = 50", 0.7, null],
  ]);
  expect(signalFigures("here", signals, false)[3]!.bar).toBeNull();
});

test("close to the best encoder of the linear-Gaussian model the ratio falls with k for IWAE, and rises for DReG", async () => {
  const { data, ...model } = linearGaussian(40);
  const backend = await cpuBackend(1);
  const at = async (gradient: "reparameterized" | "dreg", samples: number) => {
    const objective = { kind: "iwae", samples, gradient } as const;
    const options = { objective, binarization: "none", batches: 1, rows: 40, estimates: 150, seed: 0 } as const;
    return (await encoderSignals(model, backend, data, options))[0]!;
  };
  const [few, many] = [await at("reparameterized", 2), await at("reparameterized", 40)];
  expect(many).toBeLessThan(0.9 * few);
  const [fewDreg, manyDreg] = [await at("dreg", 2), await at("dreg", 40)];
  expect(fewDreg).toBeGreaterThan(few);
  expect(manyDreg).toBeGreaterThan(2 * fewDreg);
});
