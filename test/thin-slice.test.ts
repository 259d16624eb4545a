import { expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";
import { NumericalError, UsageError } from "../src/errors.ts";
import { softplus } from "../src/graph/ops/activation.ts";
import { add, mul, neg, sqrt, square, sub } from "../src/graph/ops/arithmetic.ts";
import { log } from "../src/graph/ops/functions.ts";
import { linear, matmul } from "../src/graph/ops/linear.ts";
import { argmin, oneHot } from "../src/graph/ops/select.ts";
import { reshape, sum } from "../src/graph/ops/structure.ts";
import { input, labelled, type Tensor } from "../src/graph/tensor.ts";
import { negElbo, weightedMean } from "../src/models/objective.ts";
import { buildVae } from "../src/models/vae.ts";
import { parameterTree } from "../src/nn/parameters.ts";
import type { TrainingOptions, TrainingProgram } from "../src/train/program.ts";
import { furthest } from "./numeric.ts";
import { at, compiled, constantStart, gradientsOf, settings, stateOf } from "./training.ts";

/*
 * The thin slice of DESIGN.md, section 3, with the other two files of the name: each rule that keeps the core from breaking later, on the program that all
 * training runs on. Models come and go; what is shown here must go on working.
 */

// ---- a batch is a record: columns, a mask, a weight for each example

/** The ELBO of a small model on batches of so many rows, x with elements missing. */
async function maskedElbo(batchSize: number): Promise<TrainingProgram> {
  const { model } = parseConfig({ model: { latent: 2, encoder: { hidden: [4], activation: "tanh" } } }, "test");
  const vae = buildVae(model, [3]);
  const mask = input("mask", ["batch", 3]);
  const { negElboNats } = negElbo(vae, input("x", ["batch", 3]), input("noise", ["batch", 2]), mask);
  const minimize = weightedMean(negElboNats, input("weight", ["batch"]));
  const trains = vae.parameters.map(({ path }) => path);
  return compiled({ specs: vae.parameters, batchSize, objectives: [{ name: "elbo", minimize, trains }] });
}

interface Example {
  readonly x: readonly number[];
  readonly mask: readonly number[];
  readonly noise: readonly number[];
  readonly weight: number;
}

const one: Example = { x: [1, 0, 1], mask: [1, 1, 0], noise: [0.3, -1], weight: 1 };
const two: Example = { x: [0, 1, 1], mask: [0, 1, 0], noise: [-0.7, 0.2], weight: 1 };
const padding: Example = { x: [1, 1, 0], mask: [1, 1, 1], noise: [2, 2], weight: 0 };

async function gradientOn(examples: readonly Example[]) {
  const program = await maskedElbo(examples.length);
  for (const name of ["x", "mask", "noise", "weight"] as const)
    program.inputs[name]!.set(examples.flatMap((example) => example[name]));
  return { program, ...(await gradientsOf(program, "elbo")) };
}

test("a partial batch, padded with examples of weight 0, gives the gradient of the smaller batch", async () => {
  const alone = await gradientOn([one, two]);
  const padded = await gradientOn([one, two, padding, padding]);
  expect(padded.loss).toBeCloseTo(alone.loss, 6);
  expect(furthest(padded.gradients, alone.gradients)).toBeLessThan(1e-6);
  expect(Math.max(...alone.gradients)).toBeGreaterThan(0.01);
});

test("an example of weight 2 counts as two of weight 1", async () => {
  const weighted = await gradientOn([one, { ...two, weight: 2 }]);
  const repeated = await gradientOn([one, two, two]);
  expect(weighted.loss).toBeCloseTo(repeated.loss, 6);
  expect(furthest(weighted.gradients, repeated.gradients)).toBeLessThan(1e-6);
});

test("what is masked has no part in the loss", async () => {
  const { program, gradients } = await gradientOn([one, two]);
  const [first, second, third] = at(program, "decoder.logits.bias", gradients);
  expect([first !== 0, second !== 0, third]).toEqual([true, true, 0]);
});

// ---- state that is not a parameter

/** Fits w to the logarithm of x, and keeps the running mean and the running number of what it saw. */
async function withRunningMean(): Promise<TrainingProgram> {
  const { root, specs } = parameterTree();
  const w = root.parameter("w", [1], constantStart(2));
  root.state("mean", [1], constantStart(0));
  root.state("seen", [1], constantStart(0));
  const x = input("x", ["batch"]);
  const weight = input("weight", ["batch"]);
  const scaled = labelled(mul(x, w), "scaled x");
  const total = reshape(sum(mul(weight, x)), [1]);
  const count = reshape(sum(weight), [1]);
  return compiled({
    specs,
    batchSize: 3,
    objectives: [
      {
        name: "fit",
        minimize: weightedMean(square(log(scaled)), weight),
        trains: ["w"],
        updates: [
          { path: "mean", total, count, decay: 0.75 },
          { path: "seen", total: add(count, input("extra", [1])), decay: 0.5 },
        ],
      },
    ],
  });
}

test("running statistics: totals and counts are committed after the step", async () => {
  const program = await withRunningMean();
  program.inputs.x!.set([1, 3, 9]);
  program.inputs.weight!.set([1, 1, 0]);
  await program.step(1, settings);
  expect(at(program, "mean")[0]).toBeCloseTo(0.25 * 2, 6);
  expect(at(program, "seen")[0]).toBeCloseTo(0.5 * 2, 6);
  program.inputs.weight!.set([1, 1, 2]);
  await program.step(2, settings);
  expect(at(program, "mean")[0]).toBeCloseTo(0.75 * 0.5 + 0.25 * 5.5, 6);
  expect(at(program, "seen")[0]).toBeCloseTo(0.5 * 1 + 0.5 * 4, 6);
  program.inputs.weight!.set([0, 0, 0]);
  await expect(program.step(3, settings)).rejects.toThrow(NumericalError); // a mean over nothing
});

test.each([
  {
    name: "x",
    values: [1, Number.NaN, 1],
    message:
      /the loss \(NaN\) of objective "fit" at step 2 is not finite: the input or parameter "x" itself holds NaN at element 1/,
  },
  { name: "x", values: [1, -2, 1], message: /the loss \(NaN\) .* log of "scaled x" was the first tensor to hold NaN/ },
  {
    name: "x",
    values: [1, 0, 1],
    message: /the loss \(Infinity\) .* log of "scaled x" was the first tensor to hold -Infinity/,
  },
  {
    name: "extra",
    values: [Number.POSITIVE_INFINITY],
    message: /the total for seen of objective "fit" at step 2 is not finite: .*"extra"/,
  },
])(
  "a step that is not finite changes nothing, and says which tensor went first: $name = $values",
  async ({ name, values, message }) => {
    const program = await withRunningMean();
    program.inputs.x!.fill(3);
    program.inputs.weight!.fill(1);
    await program.step(1, settings);
    const before = stateOf(program);
    program.inputs[name]!.set(values);
    const step = program.step(2, settings);
    await expect(step).rejects.toThrow(NumericalError);
    await expect(step).rejects.toThrow(message);
    expect(stateOf(program)).toEqual(before);
  },
);

test("a gradient that is not finite changes nothing either, where the loss is finite", async () => {
  const { root, specs } = parameterTree();
  const w = root.parameter("w", [1], constantStart(0));
  const program = await compiled({
    specs,
    batchSize: 1,
    objectives: [{ name: "root", minimize: sum(sqrt(w)), trains: ["w"] }],
  });
  const before = stateOf(program);
  await expect(program.step(1, settings)).rejects.toThrow(
    /the gradient of objective "root" at step 1 is not finite: div of "w"/,
  );
  expect(stateOf(program)).toEqual(before);
});

test("an EMA codebook (van den Oord et al. 2017, appendix A.1): each code moves to the mean of what chose it", async () => {
  const { root, specs } = parameterTree();
  const start = [0, 0, 4, 4, -9, 9];
  const codebook = root.state("codebook", [3, 2], { kind: "values", values: Float32Array.from(start) });
  const z = input("z", ["batch", 2]);
  const weight = input("weight", ["batch"]);
  const distances = sum(square(sub(reshape(z, ["batch", 1, 2]), reshape(codebook, [1, 3, 2]))), [2]); // (batch, codes)
  const chosen = mul(oneHot(argmin(distances, 1), 3), reshape(weight, ["batch", 1])); // (batch, codes)
  const error = sum(square(sub(z, matmul(chosen, codebook))), [1]); // (batch)
  const program = await compiled({
    specs,
    batchSize: 4,
    objectives: [
      {
        name: "quantize",
        minimize: weightedMean(error, weight),
        trains: [],
        updates: [
          { path: "codebook", total: matmul(chosen, z, { transposeA: true }), count: sum(chosen, [0]), decay: 0.9 },
        ],
      },
    ],
  });
  program.inputs.z!.set([1, 0, 0, 1, 3, 5, 100, 100]);
  program.inputs.weight!.set([1, 1, 1, 0]);
  const { loss } = (await program.step(1, settings)).get("quantize")!;
  expect(loss).toBeCloseTo((1 + 1 + 2) / 3, 6);
  // code 0: the mean of (1, 0) and (0, 1); code 1: (3, 5); code 2 was not chosen and stays
  expect(furthest(at(program, "codebook"), [0.05, 0.05, 3.9, 4.1, -9, 9])).toBeLessThan(1e-6);
});

// ---- an objective is a list

/** A generator that shifts noise and a discriminator that is linear, trained at every second step. */
async function adversarial(): Promise<TrainingProgram> {
  const { root, specs } = parameterTree();
  const layer = (name: string) =>
    [
      root.parameter(`${name}.weight`, [1, 1], constantStart(0.5)),
      root.parameter(`${name}.bias`, [1], constantStart(0)),
    ] as const;
  const [generator, discriminator] = [layer("generator"), layer("discriminator")];
  const weight = input("weight", ["batch"]);
  const fake = linear(input("noise", ["batch", 1]), ...generator);
  const score = (x: Tensor) => reshape(linear(x, ...discriminator), ["batch"]);
  const real = input("real", ["batch", 1]);
  return compiled({
    specs,
    batchSize: 4,
    objectives: [
      {
        name: "generator",
        minimize: weightedMean(softplus(neg(score(fake))), weight),
        trains: ["generator.weight", "generator.bias"],
      },
      {
        name: "discriminator",
        minimize: weightedMean(add(softplus(neg(score(real))), softplus(score(fake))), weight),
        trains: ["discriminator.weight", "discriminator.bias"],
        every: 2,
      },
    ],
  });
}

test("two entries alternate: each trains its own parameters alone, with moments and bias corrections of its own", async () => {
  const program = await adversarial();
  program.inputs.noise!.set([-1, 0, 1, 2]);
  program.inputs.real!.set([4, 5, 6, 7]);
  program.inputs.weight!.fill(1);
  const copy = () =>
    Object.fromEntries(
      ["generator", "discriminator"].map((part) => [
        part,
        [...at(program, `${part}.weight`), ...at(program, `${part}.bias`)],
      ]),
    );
  const zero = copy();
  expect([...(await program.step(1, settings)).keys()]).toEqual(["generator"]);
  const first = copy();
  expect(first.discriminator).toEqual(zero.discriminator);
  expect(first.generator).not.toEqual(zero.generator);
  expect([...(await program.step(2, settings)).keys()]).toEqual(["generator", "discriminator"]);
  // Adam's first step is as long as the learning rate, whatever the gradient, if its bias correction counts from 1
  const moved = copy().discriminator!.map((value, i) => Math.abs(value - zero.discriminator![i]!));
  expect(furthest(moved, [settings.learningRate, settings.learningRate])).toBeLessThan(1e-6);
  for (const [name, other] of [
    ["generator", "discriminator"],
    ["discriminator", "generator"],
  ] as const) {
    const { first, second } = program.moments.get(name)!;
    for (const buffer of [first, second]) {
      expect(at(program, `${name}.weight`, buffer)[0]).not.toBe(0);
      expect([...at(program, `${other}.weight`, buffer), ...at(program, `${other}.bias`, buffer)]).toEqual([0, 0]);
    }
  }
});

test("an objective that would train or update nothing, or something else, is refused", async () => {
  const { root, specs } = parameterTree();
  const w = root.parameter("w", [2], constantStart(1));
  root.state("mean", [2], constantStart(0));
  const good = { name: "a", minimize: sum(w), trains: ["w"] };
  const refused = async (problem: RegExp, ...objectives: TrainingOptions["objectives"]) => {
    const attempt = compiled({ specs, batchSize: 2, objectives });
    await expect(attempt).rejects.toThrow(UsageError);
    await expect(attempt).rejects.toThrow(problem);
  };
  await refused(/objective "a": the name is given twice/, good, good);
  await refused(/objective "a": every: expected a positive integer, got 0.5/, { ...good, every: 0.5 });
  await refused(/objective "a" trains "v", which is no trained parameter/, { ...good, trains: ["w", "v"] });
  await refused(/objective "a" trains "mean", which is no trained parameter/, { ...good, trains: ["mean"] });
  await refused(/objective "a" updates "w", which is no state/, {
    ...good,
    updates: [{ path: "w", total: w, decay: 0 }],
  });
  await refused(/updates "mean" \(2,\) with a total \(\)/, {
    ...good,
    updates: [{ path: "mean", total: sum(w), decay: 0 }],
  });
  await refused(/input "codes": a training program takes floats, got int/, {
    ...good,
    minimize: add(sum(w), sum(oneHot(input("codes", [2], "int"), 2))),
  });
});
