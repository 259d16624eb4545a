import { describe, expect, test } from "vitest";
import { residentBackend } from "../../test/resident.ts";
import { at, compiled, constantStart, settings, stateOf } from "../../test/training.ts";
import { NumericalError } from "../errors.ts";
import { add, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { exp, log, tanh } from "../graph/ops/functions.ts";
import { linear } from "../graph/ops/linear.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { input } from "../graph/tensor.ts";
import { weightedMean } from "../models/objective.ts";
import { parameterTree } from "../nn/parameters.ts";
import type { Backend } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import type { OptimizerSettings } from "./optimizer.ts";
import { type StepResult, type TrainingOptions, type TrainingProgram, trainingProgram } from "./program.ts";

/* Training with parameters in the memory of a device: the numbers of the processor, and nothing left lying about. */

const rows = 8;

/** Two objectives over one net, the second at every other step, with the running mean of y as state, which both read. */
function net(): Omit<TrainingOptions, "backend"> {
  const { root, specs } = parameterTree();
  const normal = { kind: "normal", standardDeviation: 0.5 } as const;
  const w = root.parameter("net.weight", [3, 5], normal);
  const b = root.parameter("net.bias", [5], constantStart(0.1));
  const v = root.parameter("top.weight", [5, 1], normal);
  const c = root.parameter("top.bias", [1], constantStart(0));
  const mean = root.state("mean", [1], constantStart(0.5));
  const [x, y, weight] = [input("x", ["batch", 3]), input("y", ["batch"]), input("weight", ["batch"])];
  const out = reshape(linear(tanh(linear(x, w, b)), v, add(c, mul(mean, 0.1))), ["batch"]);
  const minimize = mul(weightedMean(square(sub(out, y)), weight), input("scale", []));
  const other = weightedMean(square(sub(out, exp(mul(y, 0.1)))), weight);
  const updates = [
    { path: "mean", total: reshape(sum(mul(weight, y)), [1]), count: reshape(sum(weight), [1]), decay: 0.9 },
  ];
  return {
    specs,
    batchSize: rows,
    average: true,
    objectives: [
      {
        ...{ name: "first", minimize, trains: ["net.weight", "net.bias", "top.weight", "top.bias"], updates },
        terms: { twice: add(minimize, minimize) },
      },
      { name: "second", minimize: other, trains: ["top.weight", "top.bias"], every: 2 },
    ],
  };
}

const number = (i: number) => Math.sin(12.9898 * i) * 2;

function fill({ inputs }: TrainingProgram, step: number, present = rows): number {
  for (const name of ["x", "y"])
    for (let i = 0; i < inputs[name]!.length; i++) inputs[name]![i] = number(i + 1000 * step + name.charCodeAt(0));
  inputs.weight!.fill(0);
  for (let i = 0; i < present; i++) inputs.weight![i] = 1 + (i % 3);
  for (const name of ["scale", "average"]) inputs[name]?.fill(1.5);
  return inputs.weight!.reduce((total, weight) => total + weight, 0);
}

async function opened(backend: Backend, options: Partial<TrainingOptions> = {}): Promise<TrainingProgram> {
  const program = await compiled({ ...net(), ...options, backend });
  program.average?.set(program.parameters);
  return program;
}

async function steps(
  program: TrainingProgram,
  count: number,
  own: OptimizerSettings,
  accumulates: boolean,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (let step = 1; step <= count; step++) {
    fill(program, step);
    const present = [3, rows, 0, 5];
    const batches = {
      count: present.length,
      fill: (i: number) => (present[i] === 0 ? 0 : fill(program, step + 100 * i, present[i])),
    };
    results.push(...(await program.step(step, own, accumulates ? { batches } : {})).values());
    await program.averageParameters(step, 0.9);
  }
  return results;
}

const everything = async (program: TrainingProgram) => {
  await program.download();
  return [...stateOf(program), ...(program.average ? [program.average.slice()] : [])];
};

/** Parameters and an input with names that the training's own arrays and scalars might have. */
function namesakes(): Pick<TrainingOptions, "specs" | "objectives"> {
  const { root, specs } = parameterTree();
  const normal = { kind: "normal", standardDeviation: 0.5 } as const;
  const [scale, share, epsilon] = ["scale", "share", "epsilon"].map((name) => root.parameter(name, [3, 1], normal));
  const [x, y, weight] = [input("x", ["batch", 3]), input("y", ["batch"]), input("weight", ["batch"])];
  const bias = root.parameter("momentum", [1], constantStart(0));
  const out = linear(x, add(scale!, mul(share!, tanh(epsilon!))), bias);
  const minimize = mul(weightedMean(square(sub(reshape(out, ["batch"]), y)), weight), input("average", []));
  return { specs, objectives: [{ name: "first", minimize, trains: specs.map(({ path }) => path) }] };
}

/** The same training on both. */
async function both(own: OptimizerSettings, options: Partial<TrainingOptions> = {}, count = 50) {
  const { backend, live } = await residentBackend();
  const programs = [await opened(await cpuBackend(1), options), await opened(backend, options)] as const;
  const [cpu, device] = programs;
  const expected = await steps(cpu, count, own, options.accumulates ?? false);
  const results = await steps(device, count, own, options.accumulates ?? false);
  expect(results.length).toBe(expected.length);
  const near = (value: number, wanted: number, what: string) =>
    expect(Math.abs(value - wanted), `${what}: ${value}, not ${wanted}`).toBeLessThan(1e-5 * (1 + Math.abs(wanted)));
  for (const [i, result] of results.entries()) {
    expect(result.skipped).toBe(expected[i]!.skipped);
    near(result.loss, expected[i]!.loss, `loss ${i}`);
    near(result.gradientNorm, expected[i]!.gradientNorm, `norm ${i}`);
    for (const [name, term] of Object.entries(result.terms)) near(term, expected[i]!.terms[name]!, `${name} ${i}`);
  }
  const [wanted, got] = [await everything(cpu), await everything(device)];
  for (const [i, array] of wanted.entries())
    for (const { path, offset, length } of cpu.layout.slots)
      for (let j = offset; j < offset + length; j++) near(got[i]![j]!, array[j]!, `array ${i}, ${path}`);
  await Promise.all(programs.map((program) => program.release()));
  expect(live()).toBe(0);
  return { results, parameters: wanted[0]! };
}

// With a larger ε: Adam takes a whole step along a gradient that is 0 but for rounding.
const adam = { ...settings, learningRate: 0.02, epsilon: 1e-3 };
const descent: OptimizerSettings = { kind: "sgd", learningRate: 0.02, momentum: 0, nesterov: false };

describe("50 steps have the processor's losses, norms and parameters", () => {
  test.each([
    ["adam", adam],
    ["adamw", { ...adam, kind: "adamw", weightDecay: 0.1 }],
    ["adamax", { ...adam, kind: "adamax" }],
    ["sgd", descent],
    ["sgd with momentum", { ...descent, momentum: 0.9, nesterov: true, weightDecay: 0.1 }],
  ] as const)("%s", async (_name, own) => {
    const { results } = await both(own);
    expect(results.at(-1)!.loss).toBeLessThan(results[0]!.loss);
  });

  test("clipped, with spikes skipped", async () => {
    const free = await both(adam, {}, 4);
    const norms = free.results.map(({ gradientNorm }) => gradientNorm).sort((a, b) => a - b);
    const { results } = await both({ ...adam, clip: norms[1]!, skipAbove: 1.01 * norms.at(-2)! });
    expect(new Set(results.map(({ skipped }) => skipped))).toEqual(new Set([true, false]));
  });

  test("several batches a step, of different weight", async () => {
    await both({ ...adam, clip: 1 }, { accumulates: true });
  });

  test("parameters called as the optimizer's numbers are, and an input called as the average", async () => {
    await both(adam, namesakes());
    await both({ ...descent, momentum: 0.9 }, { ...namesakes(), accumulates: true });
  });

  test("groups with rates and decays of their own, and without an average", async () => {
    const groups = [
      { parameters: ["net.weight"], learningRate: 0.3, weightDecay: 0.5 },
      { parameters: ["top"], weightDecay: 0 },
    ];
    await both({ ...adam, weightDecay: 0.1 }, { groups, average: false });
  });

  test("frozen parameters stay, and an objective of which all are frozen changes nothing", async () => {
    const groups = [{ parameters: ["top"], learningRate: 0 }];
    const { parameters, results } = await both(adam, { groups });
    const { layout, parameters: before, release } = await opened(await cpuBackend(1), { groups });
    for (const { path, offset, length } of layout.slots)
      if (path.startsWith("top"))
        expect(parameters.subarray(offset, offset + length)).toEqual(before.subarray(offset, offset + length));
    expect(results.some(({ gradientNorm }) => gradientNorm === 0)).toBe(true);
    await release();
  });
});

test("parameters, moments and average go to the device once, and stay until they are asked for", async () => {
  const { backend, fed } = await residentBackend();
  const program = await opened(backend, { accumulates: true });
  await steps(program, 2, adam, true);
  const first = fed();
  const large = ["net.weight", "net.bias", "top.weight", "top.bias", "first:0:0", "second:0:0", "average:all"];
  for (const name of large) expect(first, name).toContain(name);
  await steps(program, 5, adam, true);
  const later = fed();
  for (const name of large) expect(later, name).not.toContain(name);
  expect(later).toContain("x");
  expect(later).toContain("mean"); // state that is not trained stays with the processor

  const weights = () => at(program, "net.weight").slice();
  const before = weights();
  await steps(program, 1, adam, true);
  expect(weights()).toEqual(before);
  await program.download();
  expect(weights()).not.toEqual(before);
  await steps(program, 1, adam, true);
  expect(fed()).toContain("net.weight");
  await program.release();
});

test("300 steps, some skipped and some that fail, leave no more on the device than one", async () => {
  const watched = await residentBackend();
  const program = await opened(watched.backend);
  const counts = new Set<number>();
  for (let step = 1; step <= 300; step++) {
    fill(program, step);
    const own = step % 7 === 0 ? { ...adam, skipAbove: 1e-9 } : adam;
    const fails = { 50: "gradient:0:0", 100: "new:net.weight", 150: "new:average:all" }[step];
    if (fails) watched.failAt(fails);
    const run = async () => {
      await program.step(step, own);
      await program.averageParameters(step, 0.9);
    };
    if (fails) await expect(run()).rejects.toThrow("the device failed");
    else await run();
    if (step % 2 === 0 && step % 7 !== 0 && !fails) counts.add(watched.live()); // both objectives took their step
    if (step % 60 === 0) await program.download();
  }
  const [parameters, objectives, kinds, moments, average] = [4, 2, 2, 2, 1]; // weights and biases are two kinds
  expect([...counts]).toEqual([parameters + objectives * kinds * moments + average]);
  await program.release();
  expect(watched.live()).toBe(0);
});

test("where a step fails on the device, parameters and moments are as before it", async () => {
  const watched = await residentBackend();
  const program = await opened(watched.backend);
  await steps(program, 3, adam, false);
  const before = await everything(program);
  for (const name of ["new:net.weight", "gradient:0:0", "new:first:0:0"]) {
    fill(program, 9);
    watched.failAt(name);
    await expect(program.step(5, adam), name).rejects.toThrow("the device failed");
    expect(await everything(program), name).toEqual(before);
  }
  await program.step(5, adam); // and it can be taken again
  expect(await everything(program)).not.toEqual(before);
  await program.release();
});

test("a checkpoint between gradient and update sees what was before, and changes nothing", async () => {
  const states: Float32Array[][] = [];
  for (const looks of [false, true]) {
    const { backend } = await residentBackend();
    const program = await opened(backend);
    for (let step = 1; step <= 6; step++) {
      fill(program, step);
      const before = looks ? await everything(program) : undefined;
      const beforeCommit = async () => expect(await everything(program)).toEqual(before);
      await program.step(step, adam, looks ? { beforeCommit } : {});
    }
    states.push(await everything(program));
    await program.release();
  }
  expect(states[1]).toEqual(states[0]); // to the bit
});

test("what is written to the parameters after they were brought home is what training goes on with", async () => {
  const { backend } = await residentBackend();
  const program = await opened(backend);
  await steps(program, 3, adam, false);
  await program.download();
  at(program, "net.weight").fill(0.25);
  program.moments.get("first")!.first.fill(0);
  fill(program, 1);
  await program.step(1, { ...descent, learningRate: 0 });
  await program.download();
  expect(at(program, "net.weight").every((value) => value === 0.25)).toBe(true);
  await program.release();
});

test("a loss that is not finite changes nothing, and the tensor is named", async () => {
  const { root, specs } = parameterTree();
  const w = root.parameter("w", [2], constantStart(1));
  const minimize = sum(log(mul(w, input("x", ["batch", 2]))));
  const { backend, live } = await residentBackend();
  const program = await compiled({
    specs,
    batchSize: 1,
    objectives: [{ name: "fit", minimize, trains: ["w"] }],
    backend,
  });
  program.inputs.x!.fill(2);
  await program.step(1, { ...descent, learningRate: 2 }); // along 1/w, to −1
  const failure = program.step(2, descent);
  await expect(failure).rejects.toThrow(NumericalError);
  await expect(failure).rejects.toThrow(/the loss \(NaN\).*log of "\w" was the first tensor to hold NaN/);
  expect([...at(program, "w")]).toEqual([-1, -1]);
  await program.release();
  expect(live()).toBe(0);
});

test("where one objective is refused, the graphs of the others are released", async () => {
  for (const { backend } of [{ backend: await cpuBackend(1) }, await residentBackend()]) {
    let compiled = 0;
    const seen = { opened: 0, released: 0 };
    const failing: Backend = {
      ...backend,
      async compile(...given) {
        if (++compiled === 1) throw new Error("no more memory");
        const executable = await backend.compile(...given);
        seen.opened++;
        return {
          ...executable,
          async release() {
            seen.released++;
            await executable.release();
          },
        };
      },
    };
    await expect(trainingProgram({ ...net(), backend: failing })).rejects.toThrow("no more memory");
    expect(seen).toEqual({ opened: 1, released: 1 }); // it was waited for
  }
});

test("a graph that cannot be tied to its arrays is released", async () => {
  const inner = await cpuBackend(1);
  let open = 0;
  const failing: Backend = {
    ...inner,
    async compile(...given) {
      const executable = await inner.compile(...given);
      open++;
      return {
        ...executable,
        bind() {
          throw new Error("no more memory");
        },
        async release() {
          open--;
          await executable.release();
        },
      };
    },
  };
  await expect(trainingProgram({ ...net(), backend: failing })).rejects.toThrow("no more memory");
  expect(open).toBe(0);
});
