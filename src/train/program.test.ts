import { expect, test } from "vitest";
import { at, compiled, constantStart, settings } from "../../test/training.ts";
import { NumericalError, UsageError } from "../errors.ts";
import { add, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { exp } from "../graph/ops/functions.ts";
import { linear } from "../graph/ops/linear.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { input } from "../graph/tensor.ts";
import { weightedMean } from "../models/objective.ts";
import { parameterTree } from "../nn/parameters.ts";
import type { ParameterGroup } from "./groups.ts";
import type { OptimizerSettings } from "./optimizer.ts";
import type { TrainingOptions } from "./program.ts";

const descent: OptimizerSettings = { kind: "sgd", learningRate: 0.1, momentum: 0, nesterov: false };

/** Least squares y ≈ x·w + b, with the running mean of y as state. */
function regression(options: Partial<TrainingOptions> = {}) {
  const { root, specs } = parameterTree();
  const w = root.parameter("net.weight", [2, 1], constantStart(1));
  const b = root.parameter("net.bias", [1], constantStart(1));
  root.state("mean", [1], constantStart(0));
  const [x, y, weight] = [input("x", ["batch", 2]), input("y", ["batch"]), input("weight", ["batch"])];
  const error = square(sub(reshape(linear(x, w, b), ["batch"]), y));
  const minimize = weightedMean(error, weight);
  const updates = [
    { path: "mean", total: reshape(sum(mul(weight, y)), [1]), count: reshape(sum(weight), [1]), decay: 0.5 },
  ];
  return compiled({
    specs,
    batchSize: 4,
    objectives: [
      { name: "fit", minimize, trains: ["net.weight", "net.bias"], terms: { twice: mul(minimize, 2) }, updates },
    ],
    ...options,
  });
}

const examples = { x: [1, 2, 3, -1, 0, 1, 2, 2], y: [1, -2, 0, 3], weight: [1, 2, 1, 0.5] };
type Program = Awaited<ReturnType<typeof regression>>;
const fillWith = ({ inputs }: Program, rows: readonly number[]) => {
  const weights = [0, 1, 2, 3].map((i) => (rows[i] === undefined ? 0 : examples.weight[rows[i]]!));
  for (let i = 0; i < 4; i++) {
    const row = rows[i] ?? rows[0]!;
    inputs.x!.set(examples.x.slice(2 * row, 2 * row + 2), 2 * i);
    inputs.y![i] = examples.y[row]!;
    inputs.weight![i] = weights[i]!;
  }
  return weights.reduce((total, weight) => total + weight, 0);
};
const all = [0, 1, 2, 3];

/** Parameters after some steps on all examples. */
async function after(steps: number, own: OptimizerSettings, options: Partial<TrainingOptions> = {}) {
  const program = await regression(options);
  const results = [];
  for (let step = 1; step <= steps; step++) {
    fillWith(program, all);
    results.push((await program.step(step, own)).get("fit")!);
  }
  const parameters = { weight: [...at(program, "net.weight")], bias: [...at(program, "net.bias")] };
  await program.release();
  return { ...parameters, results };
}

// With a larger ε: Adam takes a whole step along a gradient that is 0 but for rounding.
const smooth = { ...settings, epsilon: 1 };

test("several batches of different weight make the step of the one batch that they add up to", async () => {
  for (const [own, parts] of [
    [
      descent,
      [
        [0, 1],
        [2, 3],
      ],
    ],
    [smooth, [[0], [1, 2, 3]]],
    [smooth, [[0, 1, 2], [3], []]],
    [smooth, [[], [2], [0], [3], [1]]],
  ] as const) {
    const whole = await regression();
    const parted = await regression({ accumulates: true });
    for (let step = 1; step <= 20; step++) {
      fillWith(whole, all);
      const one = (await whole.step(step, own)).get("fit")!;
      const fill = (i: number) => (parts[i]!.length === 0 ? 0 : fillWith(parted, parts[i]!));
      const many = (await parted.step(step, own, { batches: { count: parts.length, fill } })).get("fit")!;
      expect(many.loss).toBeCloseTo(one.loss, 4);
      expect(many.terms.twice).toBeCloseTo(2 * one.loss, 4);
      expect(many.gradientNorm).toBeCloseTo(one.gradientNorm, 3);
    }
    for (const path of ["net.weight", "net.bias", "mean"])
      for (const [i, value] of at(whole, path).entries()) expect(at(parted, path)[i]).toBeCloseTo(value, 5);
    await Promise.all([whole.release(), parted.release()]);
  }
  const program = await regression();
  await expect(program.step(1, settings, { batches: { count: 1, fill: () => 1 } })).rejects.toThrow(UsageError);
});

test("clipping scales a gradient that is too long down to the norm, and leaves a shorter one", async () => {
  const free = await after(1, descent);
  const { gradientNorm } = free.results[0]!;
  const moved = (w: readonly number[], b: readonly number[]) => Math.hypot(w[0]! - 1, w[1]! - 1, b[0]! - 1);
  expect(moved(free.weight, free.bias)).toBeCloseTo(0.1 * gradientNorm, 5);
  const clipped = await after(1, { ...descent, clip: 0.5 });
  expect(clipped.results[0]!.gradientNorm).toBe(gradientNorm);
  expect(moved(clipped.weight, clipped.bias)).toBeCloseTo(0.1 * 0.5, 6);
  const untouched = await after(1, { ...descent, clip: 2 * gradientNorm });
  expect([untouched.weight, untouched.bias]).toEqual([free.weight, free.bias]);
});

test("a step above skipAbove changes nothing and is counted as skipped", async () => {
  const { gradientNorm } = (await after(1, descent)).results[0]!;
  const skipped = await after(2, { ...descent, skipAbove: 0.9 * gradientNorm });
  expect([skipped.weight, skipped.bias]).toEqual([[1, 1], [1]]);
  expect(skipped.results.map((result) => result.skipped)).toEqual([true, true]);
  const taken = await after(1, { ...descent, skipAbove: 1.1 * gradientNorm });
  expect(taken.results[0]!.skipped).toBe(false);
  expect(taken.weight).not.toEqual([1, 1]);
});

test("a loss that is not finite is skipped where that is wished, but not a hundred times in a row", async () => {
  const { root, specs } = parameterTree();
  const w = root.parameter("w", [1], constantStart(1));
  const minimize = sum(exp(mul(w, input("x", ["batch"]))));
  const program = await compiled({ specs, batchSize: 1, objectives: [{ name: "fit", minimize, trains: ["w"] }] });
  program.inputs.x!.fill(1000);
  for (let step = 1; step <= 100; step++) {
    const { skipped, gradientNorm } = (await program.step(step, { ...descent, skipAbove: 10 })).get("fit")!;
    expect([skipped, gradientNorm]).toEqual([true, Number.NaN]);
  }
  expect(at(program, "w")[0]).toBe(1);
  await expect(program.step(101, { ...descent, skipAbove: 10 })).rejects.toThrow(NumericalError);
  await program.release();
});

test("a finite gradient too long a hundred times in a row ends the training, and is not taken", async () => {
  const program = await regression();
  const { gradientNorm } = (await after(1, descent)).results[0]!;
  const own = { ...descent, skipAbove: gradientNorm / 2 };
  for (let step = 1; step <= 100; step++) {
    fillWith(program, all);
    await program.step(step, own);
  }
  await expect(program.step(101, own)).rejects.toThrow(/above optimizer\.skipAbove.*101st time in a row/);
  expect([...at(program, "net.weight")]).toEqual([1, 1]);
  await program.release();
});

test("Adam's correction counts the steps that were taken", async () => {
  const { gradientNorm } = (await after(1, descent)).results[0]!;
  const first = await after(1, settings);
  const program = await regression();
  for (let step = 1; step <= 30; step++) {
    fillWith(program, all);
    await program.step(step, { ...settings, skipAbove: gradientNorm / 2 });
  }
  await program.step(31, settings);
  expect([...at(program, "net.weight")]).toEqual(first.weight);
  expect(program.skipped.get("fit")).toEqual({ total: 30, inRow: 0 });
  await program.release();
});

test("weights of batches that are none, or all 0, are refused, and a bad batch is found", async () => {
  const program = await regression({ accumulates: true });
  const step = (weights: readonly number[]) =>
    program.step(1, descent, {
      batches: {
        count: weights.length,
        fill(i) {
          fillWith(program, [i]);
          if (weights[i] === 3) program.inputs.y!.fill(Number.NaN);
          return weights[i]!;
        },
      },
    });
  await expect(step([0, 0])).rejects.toThrow('objective "fit": every batch of the step has weight 0');
  await expect(step([])).rejects.toThrow(UsageError);
  await expect(step([1, -1])).rejects.toThrow('batch 1 of objective "fit": expected a weight of 0 or more, got -1');
  await expect(step([1, Number.NaN])).rejects.toThrow("got NaN");
  await expect(step([3, 1])).rejects.toThrow(/the loss \(NaN\).*"y" itself holds NaN/);
  expect([...at(program, "net.weight")]).toEqual([1, 1]);
  await program.release();
});

test("settings and groups that would make a step none are refused", async () => {
  const program = await regression();
  for (const [given, message] of [
    [{ learningRate: Number.NaN }, "optimizer.learningRate: expected a number of 0 or more, got NaN"],
    [{ clip: -1 }, "optimizer.clip: expected a number above 0, got -1"],
    [{ beta1: undefined }, "optimizer.beta1: expected a number, got undefined"],
  ] as const)
    await expect(program.step(1, { ...settings, ...given } as never)).rejects.toThrow(new UsageError(message));
  await program.release();
  const grouped = (group: ParameterGroup) => regression({ groups: [group] });
  await expect(grouped({ parameters: ["net"], learningRate: Number.NaN })).rejects.toThrow(
    "optimizer.groups.0.learningRate: expected a number of 0 or more, got NaN",
  );
  await expect(grouped({ parameters: ["net"], learningRate: 0 })).rejects.toThrow(
    "optimizer.groups: freeze every parameter of the model; leave some to train",
  );
});

test("what is frozen has no part in the norm of the gradient", async () => {
  const whole = await after(1, descent);
  const frozen = await after(1, descent, { groups: [{ parameters: ["net.weight"], learningRate: 0 }] });
  expect(frozen.results[0]!.gradientNorm).toBeCloseTo(Math.abs(frozen.bias[0]! - 1) / 0.1, 4);
  expect(frozen.results[0]!.gradientNorm).toBeLessThan(whole.results[0]!.gradientNorm);
});

test("weight decay shrinks weights and not biases", async () => {
  const plain = await after(1, { ...settings, learningRate: 0.01 });
  const decayed = await after(1, { ...settings, learningRate: 0.01, weightDecay: 2 });
  for (const i of [0, 1]) expect(decayed.weight[i]).toBeCloseTo(plain.weight[i]! - 0.01 * 2 * 1, 6);
  expect(decayed.bias).toEqual(plain.bias);
});

test("groups have their own learning rate and weight decay; 0 freezes", async () => {
  const grouped = (...groups: ParameterGroup[]) => after(1, { ...descent, weightDecay: 1 }, { groups });
  const plain = await grouped();
  const half = await grouped({ parameters: ["net.weight"], learningRate: 0.5 });
  for (const i of [0, 1]) expect(half.weight[i]! - 1).toBeCloseTo((plain.weight[i]! - 1) / 2, 6);
  expect(half.bias).toEqual(plain.bias);
  const frozen = await grouped({ parameters: ["net.weight"], learningRate: 0 }, { parameters: ["net"] });
  expect(frozen.weight).toEqual([1, 1]);
  expect(frozen.bias).toEqual(plain.bias);
  const kept = await grouped({ parameters: ["net"], weightDecay: 0 });
  for (const i of [0, 1]) expect(kept.weight[i]! - plain.weight[i]!).toBeCloseTo(0.1, 6);
  await expect(grouped({ parameters: ["ne"] })).rejects.toThrow(
    new UsageError(
      'optimizer.groups.0: no parameter\'s path begins with "ne"; the paths are net.weight, net.bias, mean',
    ),
  );
});

test.each([
  ["adam", settings],
  ["adamax", { ...settings, kind: "adamax" }],
  ["sgd", descent],
  ["sgd with momentum", { ...descent, learningRate: 0.01, momentum: 0.9, nesterov: true }],
] as const)("%s finds the least squares", async (_name, own) => {
  const { results } = await after(400, own);
  expect(results.at(-1)!.gradientNorm).toBeLessThan(0.05 * results[0]!.gradientNorm);
  expect(results.at(-1)!.loss).toBeLessThan(results[0]!.loss);
});

test("only one of two objectives sees the checkpoint's moment", async () => {
  const { root, specs } = parameterTree();
  const [a, b] = [root.parameter("a", [1], constantStart(1)), root.parameter("b", [1], constantStart(1))];
  const program = await compiled({
    specs,
    batchSize: 1,
    objectives: [
      { name: "first", minimize: sum(square(a)), trains: ["a"] },
      { name: "second", minimize: sum(square(add(a, b))), trains: ["b"] },
    ],
  });
  const seen: number[] = [];
  await program.step(1, descent, { beforeCommit: async () => void seen.push(at(program, "a")[0]!) });
  expect(seen).toEqual([1]);
  await program.release();
});
