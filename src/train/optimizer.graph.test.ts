import { expect, test } from "vitest";
import type { Precision } from "../graph/lower.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { createKernels } from "../runtime/kernels.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { compile } from "../runtime/program.ts";
import { numbersFor, ruleOf, rules } from "./optimizer.graph.ts";
import { type OptimizerSettings, update } from "./optimizer.ts";

const moments = { beta1: 0.9, beta2: 0.99, epsilon: 1e-4 };
const stretch = { from: 0, to: 1, rateFactor: 0.5, weightDecay: undefined };
const scale = 0.3;
const optimizers: Readonly<Record<string, OptimizerSettings>> = {
  adam: { learningRate: 0.1, ...moments },
  adamw: { kind: "adamw", learningRate: 0.1, weightDecay: 0.2, ...moments },
  adamax: { kind: "adamax", learningRate: 0.1, weightDecay: 0.2, ...moments },
  sgd: { kind: "sgd", learningRate: 0.1, momentum: 0, nesterov: false },
  momentum: { kind: "sgd", learningRate: 0.1, weightDecay: 0.2, momentum: 0.8, nesterov: false },
  nesterov: { kind: "sgd", learningRate: 0.1, momentum: 0.8, nesterov: true },
};

type State = readonly [theta: number, first: number, second: number];

/** A step as the papers write it, on one number. */
function textbook(settings: OptimizerSettings, [theta, first, second]: State, gradient: number, t: number): State {
  const rate = settings.learningRate * stretch.rateFactor;
  const g = scale * gradient;
  const decayed = theta - rate * (settings.weightDecay ?? 0) * theta;
  if (settings.kind === "sgd") {
    const v = settings.momentum * first + g;
    return [decayed - rate * (settings.nesterov ? settings.momentum * v + g : v), v, second];
  }
  const { beta1, beta2, epsilon } = settings;
  const m = beta1 * first + (1 - beta1) * g;
  const corrected = m / (1 - beta1 ** t);
  if (settings.kind === "adamax") {
    const u = Math.max(beta2 * second, Math.abs(g) + epsilon);
    return [decayed - (rate * corrected) / u, m, u];
  }
  const v = beta2 * second + (1 - beta2) * g * g;
  return [decayed - (rate * corrected) / (Math.sqrt(v / (1 - beta2 ** t)) + epsilon), m, v];
}

const length = 21;
const steps = 40;
const start = Float32Array.from({ length }, (_, i) => Math.sin(i));
/** Of many sizes; some are always 0. */
const gradientAt = (i: number, step: number): number =>
  i % 7 === 6 ? 0 : Math.fround((Math.cos(i * 7 + step) * 10 ** (i % 5)) / 1e3);
const gradientsAt = (step: number) => Float32Array.from({ length }, (_, i) => gradientAt(i, step));

/** Parameters and moments after all steps of the graph. */
async function byGraph(settings: OptimizerSettings, precision: Precision): Promise<readonly (readonly number[])[]> {
  const vector = (name: string) => input(name, [length]);
  const flat = { parameters: vector("parameters"), first: vector("first"), second: vector("second") };
  const { parameters, ...changed }: Readonly<Record<string, Tensor>> = rules[ruleOf(settings)](
    { ...flat, gradients: vector("gradients") },
    (name) => input(name, []),
  );
  const outputs = Object.fromEntries(
    Object.entries({ parameters: parameters!, ...changed }).map(([name, tensor]) => [`new:${name}`, tensor]),
  );
  const program = await compile(await cpuBackend(1), outputs, { precision });
  const arrayOf = (values: ArrayLike<number>) =>
    precision === "float32" ? Float32Array.from(values) : Float64Array.from(values);
  const state: Record<string, Float32Array | Float64Array> = {
    parameters: arrayOf(start),
    first: arrayOf(new Float32Array(length)),
    second: arrayOf(new Float32Array(length)),
  };
  for (let step = 1; step <= steps; step++) {
    const numbers = numbersFor(stretch, settings, step, scale);
    const results = await program.run({ ...state, gradients: arrayOf(gradientsAt(step)), ...numbers });
    for (const [name, { data }] of Object.entries(results)) state[name.slice(4)] = data as Float32Array;
  }
  await program.release();
  return [state.parameters!, state.first!, state.second!].map((array) => [...array]);
}

const close = (value: number, expected: number, tolerance: number, size: number) =>
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(tolerance * size);

test.each(Object.entries(optimizers))("%s as a graph is the textbook's, in float64", async (_name, settings) => {
  const [parameters, first, second] = (await byGraph(settings, "float64")) as [number[], number[], number[]];
  for (let i = 0; i < length; i++) {
    let state: State = [start[i]!, 0, 0];
    for (let step = 1; step <= steps; step++) state = textbook(settings, state, gradientAt(i, step), step);
    close(parameters[i]!, state[0], 1e-12, 1);
    close(first[i]!, state[1], 1e-12, 1);
    close(second[i]!, state[2], 1e-12, 1);
  }
});

test.each(Object.entries(optimizers))("%s as a graph is the kernel's, to float32 rounding", async (_name, settings) => {
  const kernels = createKernels(10_000);
  const arrays = [0, 1, 2, 3].map(() => kernels.float32(length)) as [F, F, F, F];
  const [parameters, gradients, first, second] = arrays;
  parameters.set(start);
  for (let step = 1; step <= steps; step++) {
    gradients.set(gradientsAt(step));
    update(kernels, [{ ...stretch, parameters, gradients, first, second }], settings, step, scale);
  }
  const graph = await byGraph(settings, "float32");
  for (let i = 0; i < length; i++) {
    const size = 10 ** (i % 5) / 1e3; // of the gradient
    close(graph[0]![i]!, parameters[i]!, 2e-6, Math.max(1, size));
    close(graph[1]![i]!, first[i]!, 2e-6, size);
    close(graph[2]![i]!, second[i]!, 2e-6, Math.max(size, size * size));
  }
  // Where the gradient was always 0: nothing but the decay, and no 0/0.
  expect(graph[0]![6]).toBeCloseTo(start[6]! * (1 - 0.05 * (settings.weightDecay ?? 0)) ** steps, 5);
});

test("an ε of 0 divides nothing by 0, as in the kernel", async () => {
  const [parameters] = await byGraph({ learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 0 }, "float32");
  expect(parameters!.every(Number.isFinite)).toBe(true);
  expect(parameters![6]).toBe(start[6]);
});

type F = Float32Array;
