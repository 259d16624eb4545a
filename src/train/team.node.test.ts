import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { constantStart, settings, stateOf } from "../../test/training.ts";
import { RunError, UsageError } from "../errors.ts";
import { add, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { linear } from "../graph/ops/linear.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { constant, input, type Tensor } from "../graph/tensor.ts";
import { weightedMean } from "../models/objective.ts";
import { parameterTree } from "../nn/parameters.ts";
import { sharedAlias } from "../runtime/alias.node.ts";
import { attachKernels, createKernels, scratchBytes } from "../runtime/kernels.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { siteKey } from "../runtime/philox.ts";
import { threadHelpers } from "./helper.node.ts";
import { initializeParameters } from "./initialize.ts";
import { rowsOf, shareOf } from "./plan.ts";
import { type TrainingOptions, type TrainingProgram, trainingProgram } from "./program.ts";
import { assemble, divisionFor, type Helper, type Helpers } from "./team.ts";
import { train } from "./train.node.ts";

const rows = 100;

/** The mean of so many copies of x: x, by way of a large tensor. */
function copied(x: Tensor, copies: number): Tensor {
  const each = mul(reshape(x, [...x.shape, 1]), constant(new Float64Array(copies).fill(1), [copies]));
  return mul(sum(each, [2]), 1 / copies);
}

/** Two objectives over one net, the second with two draws for each row, and a running mean as state. */
function net(batchSize = rows, copies = 1): Omit<TrainingOptions, "backend"> {
  const { root, specs } = parameterTree();
  const w = root.parameter("net.weight", [3, 40], { kind: "normal", standardDeviation: 1 });
  const b = root.parameter("net.bias", [40], constantStart(0.1));
  const v = root.parameter("top", [40, 1], { kind: "normal", standardDeviation: 0.2 });
  root.state("mean", [1], constantStart(0));
  const [x, y, weight] = [input("x", ["batch", 3]), input("y", ["batch"]), input("weight", ["batch"])];
  const scale = input("scale", []);
  const out = (data: Tensor) => linear(square(copied(linear(data, w, b), copies)), v, input("offset", [1]));
  const error = square(sub(reshape(out(x), ["batch"]), y));
  const minimize = mul(weightedMean(error, weight), scale);
  const updates = [
    { path: "mean", total: reshape(sum(mul(weight, y)), [1]), count: reshape(sum(weight), [1]), decay: 0.5 },
  ];
  const noise = input("noise", ["2*batch", 3]);
  const noisy = reshape(out(noise), [2, "batch"]);
  const second = weightedMean(sum(square(sub(noisy, reshape(y, [1, "batch"]))), [0]), weight);
  return {
    specs,
    batchSize,
    average: true,
    objectives: [
      {
        ...{ name: "first", minimize, trains: ["net.weight", "net.bias", "top"], weights: "weight" },
        ...{ terms: { twice: add(minimize, minimize) }, updates },
      },
      { name: "second", minimize: second, trains: ["top", "net.bias"], every: 2, weights: "weight" },
    ],
  };
}

const number = (i: number) => Math.sin(12.9898 * i) * 2;

function fill({ inputs }: TrainingProgram, step: number, present = rows): number {
  for (const name of ["x", "y", "noise"])
    for (let i = 0; i < inputs[name]!.length; i++) inputs[name]![i] = number(i + 1000 * step + name.length);
  inputs.weight!.fill(0);
  for (let i = 0; i < present; i++) inputs.weight![i] = 1 + (i % 3);
  inputs.scale!.fill(1.5);
  inputs.offset!.fill(0.25);
  return inputs.weight!.reduce((total, weight) => total + weight, 0);
}

async function trained(threads: number, options: Partial<TrainingOptions> = {}, present = [rows, 100, 40, 70]) {
  const own = { ...net(options.batchSize), ...options };
  const program = await trainingProgram({
    ...{ backend: await cpuBackend(threads), ...own },
    helpers: threads > 1 ? await threadHelpers() : undefined,
  });
  expect(program.members).toBe(threads);
  initializeParameters(program.parameters, program.layout, own.specs, 0);
  program.average!.set(program.parameters);
  const results = [];
  for (let step = 1; step <= 6; step++) {
    const weights = present[(step - 1) % present.length]!;
    fill(program, step, weights);
    const batches = {
      count: 3,
      fill: (i: number) => (i === 1 ? 0 : fill(program, step + 10 * i, Math.min(weights, own.batchSize))),
    };
    results.push(
      ...(
        await program.step(step, { ...settings, epsilon: 1, clip: 1 }, options.accumulates ? { batches } : {})
      ).values(),
    );
    await program.averageParameters(step, 0.9);
  }
  const state = [...stateOf(program), program.average!.slice()];
  await program.release();
  return { results, state };
}

const close = (a: readonly Float32Array[], b: readonly Float32Array[]) => {
  for (const [i, array] of a.entries())
    for (const [j, value] of array.entries())
      expect(Math.abs(value - b[i]![j]!), `array ${i}, element ${j}`).toBeLessThan(2e-5 * (1 + Math.abs(value)));
};

test("several threads take the steps that one takes: shared rows, partial batches, state, clipping, average", async () => {
  const one = await trained(1);
  const three = await trained(3);
  close(one.state, three.state);
  for (const [i, result] of one.results.entries()) {
    expect(three.results[i]!.loss / result.loss).toBeCloseTo(1, 4);
    expect(three.results[i]!.gradientNorm / result.gradientNorm).toBeCloseTo(1, 4);
    for (const [name, term] of Object.entries(result.terms))
      expect(three.results[i]!.terms[name]! / term).toBeCloseTo(1, 4);
  }
  expect(await trained(3)).toEqual(three); // to the bit
});

test("a thread that computes its rows in parts takes the steps of one that computes them at once", async () => {
  const whole = await trained(1);
  for (const threads of [1, 2]) {
    const inParts = await trained(threads, net(rows, 400));
    close(whole.state, inParts.state);
    expect(inParts.state).not.toEqual((await trained(threads)).state); // other sums: it was in parts
  }
  const options = { accumulates: true };
  close((await trained(1, options)).state, (await trained(2, { ...net(rows, 400), ...options })).state);
});

test("several threads gather several batches as one does", async () => {
  const one = await trained(1, { accumulates: true });
  const two = await trained(2, { accumulates: true });
  close(one.state, two.state);
});

test("each thread draws for its rows what one thread draws for all", async () => {
  const program = await trainingProgram({
    ...{ backend: await cpuBackend(3), ...net(), helpers: await threadHelpers() },
    extraBytes: 4096 + 5 * rows,
  });
  const { kernels, inputs } = program;
  const [example, pixels] = [kernels.uint32(rows), kernels.uint8(3 * rows)];
  for (let i = 0; i < rows; i++) example[i] = 7 * i;
  for (let i = 0; i < pixels.length; i++) pixels[i] = (37 * i) % 256;
  const [x, noise] = [inputs.x!, inputs.noise!];
  const [one, other] = [siteKey(1, "a"), siteKey(1, "b")];
  const place = ({ byteOffset, length }: Float32Array | Uint32Array | Uint8Array) => ({ byteOffset, length });
  fill(program, 1);
  const step = () => program.step(1, settings);
  program.draw([
    { kind: "binarize", out: place(x), pixels: place(pixels), key: one, step: 3, example: place(example), columns: 3 },
    { kind: "normals", out: place(noise), key: other, step: 4, example: place(example), columns: 3, samples: 2 },
  ]);
  await step();
  const drawn = [x.slice(), noise.slice()];
  kernels.binarize(x, pixels, one, 3, example, 3);
  kernels.normals(noise, other, 4, example, 3, 0, 2);
  expect(drawn).toEqual([x.slice(), noise.slice()]);
  program.draw([{ kind: "unitInterval", out: place(x), pixels: place(pixels), columns: 3 }]);
  await step();
  expect([...x]).toEqual([...pixels].map((value) => Math.fround(value / 255)));
  program.draw([{ kind: "unitInterval", out: place(x), pixels: place(pixels), columns: 3 }]);
  inputs.weight!.fill(0);
  await expect(step()).rejects.toThrow("weigh");
  fill(program, 1);
  const own = x.slice();
  await step();
  expect(x).toEqual(own); // what a step that failed had to draw is of no other one
  await program.release();
});

test("rows and parameters are shared out, each once; parameters at multiples of 16", () => {
  for (const members of [1, 2, 3, 7]) {
    const all = Array.from({ length: members }, (_, i) => i);
    expect(all.flatMap((i) => Object.values(rowsOf(100, i, members))).slice(1, -1)).toEqual(
      all.slice(1).flatMap((i) => [Math.floor((100 * i) / members), Math.floor((100 * i) / members)]),
    );
    const stretches = [
      { from: 16, to: 48, name: "a" },
      { from: 64, to: 80, name: "b" },
      { from: 320, to: 640, name: "c" },
    ];
    const seen = all.flatMap((i) => shareOf(stretches, i, members));
    for (const stretch of stretches) {
      const parts = seen.filter(({ name }) => name === stretch.name);
      expect(parts[0]!.from).toBe(stretch.from);
      expect(parts.at(-1)!.to).toBe(stretch.to);
      for (const [i, part] of parts.slice(1).entries()) expect(part.from).toBe(parts[i]!.to);
    }
    expect(seen.every(({ from, to }) => from % 16 === 0 && to % 16 === 0 && from < to)).toBe(true);
  }
});

test("threads share only what is made of its examples, and rows or work enough", () => {
  const [batch, given] = [["batch"] as const, { dtype: "float" } as const];
  type Given = readonly { name: string; shape: readonly ("batch" | number)[] }[];
  const of = (inputs: Given, weights?: string, flops = 1000) => {
    const own = inputs.map((one) => ({ ...one, ...given }));
    return [{ objective: { weights }, inputs: own, cost: { flops, largestBytes: 100 } }] as never;
  };
  const weight = { name: "weight", shape: batch };
  const membersOf = (...args: Parameters<typeof divisionFor>) => divisionFor(...args).members;
  expect(membersOf(8, 128, 1000, of([weight], "weight"))).toBe(4);
  expect(membersOf(2, 128, 1000, of([weight], "weight"))).toBe(2);
  expect(membersOf(2, 63, 1000, of([weight], "weight"))).toBe(1);
  expect(membersOf(2, 63, 1000, of([weight], "weight", 1e7))).toBe(2);
  expect(membersOf(8, 4, 1000, of([weight], "weight", 1e9))).toBe(4);
  expect(membersOf(2, 128, 2 ** 26, of([weight], "weight"))).toBe(1);
  expect(membersOf(2, 128, 1000, of([weight]))).toBe(1);
  expect(membersOf(2, 128, 1000, of([weight, { name: "x", shape: [3, "batch"] }], "weight"))).toBe(1);
});

test("a thread computes its rows in parts where they have large tensors beside few parameters", () => {
  const divided = (floats: number, largestBytes: number, weights = "weight", objectives = 1, batchSize = 64) =>
    divisionFor(
      2,
      batchSize,
      floats,
      Array.from({ length: objectives }, () => ({
        ...{ objective: { weights }, inputs: [{ name: "weight", shape: ["batch"], dtype: "float" }] },
        cost: { flops: 1e9, largestBytes },
      })) as never,
    );
  expect(divided(1000, 2 ** 17)).toEqual({ members: 2, pieces: 4 });
  expect(divided(1000, 2 ** 15)).toEqual({ members: 2, pieces: 1 });
  expect(divided(1000, 2 ** 30)).toEqual({ members: 2, pieces: 32 }); // a row each
  expect(divided(1000, 2 ** 30, "weight", 1, 3)).toEqual({ members: 2, pieces: 1 }); // no part without a row
  expect(divided(2 ** 20, 2 ** 17)).toEqual({ members: 2, pieces: 1 }); // which would be read again for each part
  expect(divided(2 ** 22, 2 ** 30, "weight", 2)).toEqual({ members: 2, pieces: 4 }); // gradients of 256 MiB
  expect(divided(1000, 2 ** 17, "other")).toEqual({ members: 1, pieces: 1 });
});

const died = new RunError("the training failed in a thread: out of memory");

test("a thread that dies ends the step with what it said, and the release does not wait for it", async () => {
  const { alias } = (await threadHelpers())!;
  const start = () => ({ ready: Promise.resolve(), failure: () => died, ended: () => Promise.resolve() });
  const program = await trainingProgram({
    backend: await cpuBackend(2),
    ...net(),
    helpers: { alias, start, assemble },
  });
  fill(program, 1);
  await expect(program.step(1, settings)).rejects.toThrow("the training failed in a thread: out of memory");
  await program.release();
});

test("where one thread cannot start, the others are told to end", async () => {
  const real = (await threadHelpers())!;
  const started: Helper[] = [];
  const helpers: Helpers = {
    ...real,
    start(task) {
      const helper = real.start(task);
      started.push(helper);
      return task.index === 1 ? helper : { ...helper, ready: Promise.reject(died) };
    },
  };
  await expect(trainingProgram({ backend: await cpuBackend(3), ...net(), helpers })).rejects.toThrow("out of memory");
  expect(started).toHaveLength(2);
  await Promise.all(started.map((helper) => helper.ended()));
});

test("a run that cannot be opened leaves no thread behind, which would keep the process alive", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vaekit-"));
  const program = join(folder, "program.mjs");
  const own = pathToFileURL(resolve("dist/index.js")).href;
  await writeFile(
    program,
    `import { train } from ${JSON.stringify(own)};
    import { readdirSync, truncateSync } from "node:fs";
    const options = { data: "sprites", out: ${JSON.stringify(join(folder, "run"))}, threads: 2,
      set: ["data.examples=600", "train.batchSize=64", "model.encoder.hidden=[32]"] };
    await train({ ...options, steps: 3 });
    const folder = options.out + "/checkpoints/";
    truncateSync(folder + readdirSync(folder).at(-1), 100);
    await train({ ...options, steps: 6, resume: true }).catch((error) => console.log(error.message));`,
  );
  const { stdout, status } = spawnSync(process.execPath, [program], { encoding: "utf8", timeout: 30_000 });
  expect(status).toBe(0);
  expect(stdout).toContain("the file is damaged");
  await rm(folder, { recursive: true });
});

test("what is not finite in another thread's rows stops the step before anything changes", async () => {
  const program = await trainingProgram({
    ...{ backend: await cpuBackend(2), ...net(), helpers: await threadHelpers() },
  });
  initializeParameters(program.parameters, program.layout, net().specs, 0);
  fill(program, 1);
  program.inputs.y![rows - 1] = Number.NaN;
  const before = stateOf(program);
  await expect(program.step(1, settings)).rejects.toThrow('the input or parameter "y" itself holds NaN');
  fill(program, 1);
  program.inputs.weight![rows - 1] = Number.NaN;
  await expect(program.step(1, settings)).rejects.toThrow('the input or parameter "weight" itself holds NaN');
  expect(stateOf(program)).toEqual(before);
  await program.release();
});

test("a negative weight is refused by its name and place, however the batch is divided", async () => {
  for (const threads of [1, 2]) {
    const helpers = threads > 1 ? await threadHelpers() : undefined;
    const program = await trainingProgram({ ...net(), backend: await cpuBackend(threads), helpers });
    initializeParameters(program.parameters, program.layout, net().specs, 0);
    fill(program, 1);
    program.inputs.weight!.fill(-1, rows / 2);
    const before = stateOf(program);
    const failure = program.step(1, settings);
    await expect(failure).rejects.toThrow(UsageError);
    await expect(failure).rejects.toThrow(
      'objective "first": input "weight": expected weights of 0 or more, got -1 at example 50 of the batch',
    );
    expect(stateOf(program)).toEqual(before);
    await program.release();
  }
});

test("kernels on one memory see each other's arrays, and keep their scratch apart", async () => {
  const alias = (await sharedAlias())!;
  const own = createKernels(4096, alias);
  const [x, scratch] = [own.float32(50), own.uint8(scratchBytes)];
  const other = attachKernels(own.memory, alias, scratch);
  x.fill(2);
  expect(other.sumOfSquares(other.float32At(x))).toBe(200);
  other.normals(other.float32At(x), siteKey(0, "x"), 1, other.uint32At(own.uint32(5)), 10);
  expect(scratch.some((byte) => byte !== 0)).toBe(true); // 10 columns do not fill a group of 16
  const drawn = x.slice();
  own.normals(x, siteKey(0, "x"), 1, own.uint32(5), 10);
  expect(x.slice()).toEqual(drawn);
});

test.each([
  ["in one part each", 1, ["model.encoder.hidden=[32]"]],
  ["in several parts each", 2, ['model.encoder={"kind":"conv","hidden":[],"layers":[{"channels":8},{"channels":8}]}']],
])(
  "a run of two threads, %s, that was stopped and resumed ends with the bits of one that was not",
  async (_name, pieces, model) => {
    const folder = await mkdtemp(join(tmpdir(), "vaekit-"));
    const run = (name: string) => join(folder, name);
    const options = {
      data: "sprites",
      set: ["data.examples=600", "train.batchSize=64", "train.average=0.9", ...model],
      threads: 2,
    };
    const weights = async (name: string) => [...(await readFile(join(run(name), "model", "weights.safetensors")))];
    await train({ ...options, out: run("whole"), steps: 17 });
    expect(JSON.parse(await readFile(join(run("whole"), "environment.json"), "utf8"))).toMatchObject({
      members: 2,
      pieces,
    });
    await train({ ...options, out: run("parts"), steps: 11 });
    await train({ ...options, out: run("parts"), steps: 17, resume: true });
    expect(await weights("parts")).toEqual(await weights("whole"));
    await rm(folder, { recursive: true });
  },
);
