import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";
import { klMonteCarlo } from "../src/distributions/kl.ts";
import { normal, standardNormal } from "../src/distributions/normal.ts";
import { grad } from "../src/graph/grad.ts";
import { add, mul, neg, square, sub } from "../src/graph/ops/arithmetic.ts";
import { equal, where } from "../src/graph/ops/comparison.ts";
import { tanh } from "../src/graph/ops/functions.ts";
import { linear, matmul } from "../src/graph/ops/linear.ts";
import { logsumexp } from "../src/graph/ops/reduce.ts";
import { reshape, sum } from "../src/graph/ops/structure.ts";
import { times } from "../src/graph/shape.ts";
import { constant, input, parameter } from "../src/graph/tensor.ts";
import { negElbo, weightedMean } from "../src/models/objective.ts";
import { buildVae } from "../src/models/vae.ts";
import { parameterTree } from "../src/nn/parameters.ts";
import type { Backend } from "../src/runtime/backend.ts";
import { cpuBackend } from "../src/runtime/ort.node.ts";
import { compile } from "../src/runtime/program.ts";
import { compileTraining } from "../src/train/compile.ts";
import { initializeParameters } from "../src/train/initialize.ts";
import type { TrainingProgram } from "../src/train/program.ts";
import { differences, evaluate, furthest, runner } from "./numeric.ts";
import { at, compiled, constantStart, gradientsOf, settings } from "./training.ts";

/* The thin slice of DESIGN.md, section 3, continued: samples, derivatives, inputs, loops. */

// ---- k samples fold into the batch

/*
 * One latent and one observed number: q(z|x) = N(c·x + m, e^l), p(z) = N(0, 1), p(x|z) = N(a·z + b, 1).
 * The importance-weighted bound of Burda et al. (2016): −log 1/k Σ w, with w = p(x|z)·p(z)/q(z|x).
 */
const start = { a: 0.8, b: -0.3, c: 0.6, m: 0.2, l: -0.5 };

function importanceWeighted(samples: number) {
  const { root, specs } = parameterTree();
  const declare = (name: keyof typeof start, shape: readonly number[]) =>
    root.parameter(name, shape, constantStart(start[name]));
  const [a, b, c, m, l] = [
    declare("a", [1, 1]),
    declare("b", [1]),
    declare("c", [1, 1]),
    declare("m", [1]),
    declare("l", [1]),
  ];
  const x = input("x", ["batch", 1]);
  const posterior = normal(linear(x, c, m), l); // (batch, 1)
  const z = posterior.sample(input("noise", [samples, "batch", 1])); // (k, batch, 1)
  const decoded = linear(reshape(z, [times("batch", samples), 1]), a, b); // (k·batch, 1): the samples are rows like any
  const likelihood = normal(reshape(decoded, [samples, "batch", 1]), constant(0));
  const logWeight = sum(sub(likelihood.logProb(x), klMonteCarlo(posterior, standardNormal(z), z)), [2]); // (k, batch)
  const bound = sub(Math.log(samples), logsumexp(logWeight, [0])); // (batch)
  const elbo = sum(add(neg(likelihood.logProb(x)), klMonteCarlo(posterior, standardNormal(z), z)), [2]); // (k, batch)
  return { specs, bound, elbo };
}

/** The bound's mean over the batch and its gradient by hand: −Σ w̃·∇log w, with w̃ the weights normalized to 1. */
function byHand(x: readonly number[], noise: readonly (readonly number[])[]) {
  const { a, b, c, m, l } = start;
  const normalDensity = (value: number, mean: number, deviation: number) =>
    Math.exp(-(((value - mean) / deviation) ** 2) / 2) / (deviation * Math.sqrt(2 * Math.PI));
  const deviation = Math.exp(l / 2);
  const result = { loss: 0, a: 0, b: 0, c: 0, m: 0, l: 0 };
  for (const [i, xi] of x.entries()) {
    const samples = noise.map((draws) => {
      const z = c * xi + m + deviation * draws[i]!;
      const residual = xi - a * z - b;
      const dz = a * residual - z; // of log w; log q does not change with z as it moves with its mean
      const weight =
        (normalDensity(xi, a * z + b, 1) * normalDensity(z, 0, 1)) / normalDensity(z, c * xi + m, deviation);
      return { weight, a: residual * z, b: residual, c: dz * xi, m: dz, l: (dz * deviation * draws[i]!) / 2 + 0.5 };
    });
    const total = samples.reduce((sum, { weight }) => sum + weight, 0);
    result.loss -= Math.log(total / samples.length) / x.length;
    for (const sample of samples)
      for (const name of ["a", "b", "c", "m", "l"] as const)
        result[name] -= ((sample.weight / total) * sample[name]) / x.length;
  }
  return result;
}

describe.each([1, 2])("%i samples of an example", (samples) => {
  const x = [0.7, -1.1, 2];
  const noise = [
    [0.3, -0.2, 1.4],
    [-1.1, 0.9, 0.1],
  ].slice(0, samples);

  test("the importance-weighted bound and its gradient are those found by hand", async () => {
    const { specs, bound } = importanceWeighted(samples);
    const minimize = weightedMean(bound, input("weight", ["batch"]));
    const program = await compiled({
      specs,
      batchSize: 4,
      objectives: [{ name: "bound", minimize, trains: Object.keys(start) }],
    });
    program.inputs.x!.set([...x, 9]);
    program.inputs.noise!.set(noise.flatMap((draws) => [...draws, 9]));
    program.inputs.weight!.set([1, 1, 1, 0]);
    const { loss, gradients } = await gradientsOf(program, "bound");
    const { loss: expected, ...slopes } = byHand(x, noise);
    expect(loss).toBeCloseTo(expected, 6);
    for (const [name, slope] of Object.entries(slopes))
      expect(at(program, name, gradients)[0], name).toBeCloseTo(slope, 6);
  });
});

test("one sample gives the ELBO with the Monte-Carlo KL", async () => {
  const { bound, elbo } = importanceWeighted(1);
  const parameters = Object.fromEntries(Object.entries(start).map(([name, value]) => [name, [value]]));
  const run = await evaluate({ bound, elbo }, { ...parameters, x: [0.7, -1.1], noise: [0.3, -0.2] });
  expect(furthest(run.bound!, run.elbo!)).toBeLessThan(1e-12);
});

// ---- differentiable in anything

test("gradients by an input and by a latent are those of central differences", async () => {
  const { model } = parseConfig({ model: { latent: 2, encoder: { hidden: [4], activation: "silu" } } }, "test");
  const vae = buildVae(model, [3]);
  const x = input("x", ["batch", 3]);
  const z = input("z", ["batch", 2]);
  const bound = sum(negElbo(vae, x, input("noise", ["batch", 2])).negElboNats);
  // log p(x, z), as Hamiltonian Monte Carlo climbs it
  const joint = add(sum(vae.decode(z).logProb(x)), sum(vae.prior().logProb(z)));
  const [dx] = grad(bound, [x]);
  const [dz] = grad(joint, [z]);
  const weights = Object.fromEntries(
    vae.parameters.map(({ path, shape }) => [
      path,
      Array.from({ length: shape.reduce((p, d) => p * d, 1) }, (_, i) => Math.sin(3 * i + path.length) / 2),
    ]),
  );
  const given = { ...weights, x: [1, 0, 0.5, 0.2, 1, 0], z: [0.3, -1, 1.2, 0.4], noise: [0.5, -0.3, 1, -1] };
  const run = await runner({ bound, joint, dx: dx!, dz: dz! });
  const exact = await run(given);
  expect(furthest(exact.dx!, await differences(run, "bound", given, "x"))).toBeLessThan(1e-8);
  expect(furthest(exact.dz!, await differences(run, "joint", given, "z"))).toBeLessThan(1e-8);
  expect(Math.max(...exact.dx!.map(Math.abs))).toBeGreaterThan(0.01);
});

// ---- what is static, what is an input

/** A backend that counts what it compiles. */
async function counting(): Promise<{ backend: Backend; compilations: () => number }> {
  const backend = await cpuBackend(1);
  let count = 0;
  const compile: Backend["compile"] = (...given) => {
    count++;
    return backend.compile(...given);
  };
  return { backend: { ...backend, compile }, compilations: () => count };
}

/** distortion (w − x)² and rate w², weighed by β. */
async function weighed(backend: Backend): Promise<TrainingProgram> {
  const { root, specs } = parameterTree();
  const w = root.parameter("w", [1], constantStart(3));
  const weight = input("weight", ["batch"]);
  const distortion = weightedMean(square(sub(w, input("x", ["batch"]))), weight);
  const rate = sum(square(w));
  const minimize = add(distortion, mul(input("beta", []), rate));
  return compiled({
    backend,
    specs,
    batchSize: 2,
    objectives: [{ name: "elbo", minimize, trains: ["w"], terms: { distortion, rate } }],
  });
}

test("a scalar input changes between steps without another session", async () => {
  const { backend, compilations } = await counting();
  const program = await weighed(backend);
  program.inputs.x!.set([1, 2]);
  program.inputs.weight!.fill(1);
  for (const [i, beta] of [0, 1, 4].entries()) {
    program.inputs.beta![0] = beta;
    const { loss, terms } = (await program.step(i + 1, settings)).get("elbo")!;
    expect(loss).toBeCloseTo(terms.distortion! + beta * terms.rate!, 5);
    expect(terms.rate).toBeGreaterThan(1);
  }
  expect(compilations()).toBe(1);
});

test("10,000 steps of a VAE leave resident memory as it was", { timeout: 60_000 }, async () => {
  setFlagsFromString("--expose-gc");
  setFlagsFromString("--semi-space-growth-factor=1"); // else V8 itself takes more room for short-lived objects, with time
  const collect = runInNewContext("gc") as () => void;
  const resident = () => {
    collect();
    return process.memoryUsage().rss / 2 ** 20;
  };
  const config = parseConfig({ model: { latent: 4, encoder: { hidden: [32] } }, train: { batchSize: 16 } }, "test");
  const vae = buildVae(config.model, [64]);
  const program = await compileTraining(await cpuBackend(1), vae, config);
  initializeParameters(program.parameters, program.layout, vae.parameters, 0);
  program.inputs.weight!.fill(1);
  program.inputs.beta!.fill(1);
  const run = async (from: number, to: number) => {
    for (let step = from; step <= to; step++) await program.step(step, config.optimizer);
  };
  await run(1, 2_000);
  const warm = resident();
  await run(2_001, 12_000);
  let after = resident();
  for (let more = 12_000; more < 15_000; more += 1_000) {
    await run(more + 1, more + 1_000);
    after = Math.min(after, resident()); // V8 may hold some megabytes more for a moment
  }
  expect(after - warm).toBeLessThan(6); // 800 bytes a step would be 7.6
  await program.release();
});

// ---- a loop with a fixed-length cache, as autoregressive sampling needs

test("a cache of fixed length is fed back, one position a run, with one program", async () => {
  const [length, width, rows] = [4, 2, 3];
  const cache = input("cache", ["batch", length, width]);
  const position = input("position", [], "int");
  const weight = parameter("weight", [width, width]);
  // a step of attention without weights: the next row from the sum of all before it
  const next = tanh(add(matmul(sum(cache, [1]), weight), input("start", [width]))); // (batch, width)
  const range = constant(
    Array.from({ length }, (_, i) => i),
    [1, length, 1],
    "int",
  );
  const written = where(equal(range, position), reshape(next, ["batch", 1, width]), cache);
  const program = await compile(await cpuBackend(1), { written });

  const given = { weight: Float32Array.of(0.5, -1, 0.25, 0.75), start: Float32Array.of(0.3, -0.6) };
  const buffers = [0, 1].map(() => new Float32Array(rows * length * width));
  const now = new BigInt64Array(1);
  // two bindings, each reading what the other wrote, so that nothing is copied and nothing allocated
  const steps = [0, 1].map((i) =>
    program.bind(rows, { ...given, position: now, cache: buffers[i]! }, { written: buffers[1 - i]! }),
  );
  buffers[0]!.fill(0.1, 0, width); // the first example differs from the others
  for (let t = 0; t < length; t++) {
    now[0] = BigInt(t);
    await steps[t % 2]!();
  }

  const direct = [0.1, 0, 0].flatMap((first) => {
    const sequence = Array.from({ length }, (_, t) => Array.from({ length: width }, () => (t === 0 ? first : 0)));
    for (let t = 0; t < length; t++) {
      const total = [0, 1].map((j) => sequence.reduce((sum, row) => sum + row[j]!, 0));
      sequence[t] = [0, 1].map((j) =>
        Math.tanh(total[0]! * given.weight[j]! + total[1]! * given.weight[2 + j]! + given.start[j]!),
      );
    }
    return sequence.flat();
  });
  expect(furthest(buffers[length % 2]!, direct)).toBeLessThan(1e-6);
});
