import { expect } from "vitest";
import { grad } from "../src/graph/grad.ts";
import type { Precision } from "../src/graph/lower.ts";
import { add, mul } from "../src/graph/ops/arithmetic.ts";
import { sum } from "../src/graph/ops/structure.ts";
import { isSymbolic, type Shape, shapeAt } from "../src/graph/shape.ts";
import { constant, input, type Tensor } from "../src/graph/tensor.ts";
import type { Backend, Data } from "../src/runtime/backend.ts";
import { compile, type Program } from "../src/runtime/program.ts";

/** Numbers with their shape, for plain reference implementations. */
export interface Array1 {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/**
 * Where the values of an input are drawn from. "distinct" values differ by 0.1 or more from each other and from 0, so
 * that a finite difference steps over no kink; "whole" values are −2…2 and often equal; "index" are int64 from 0 to 2.
 */
export type Domain = "any" | "positive" | "nonzero" | "distinct" | "whole" | "index";

export interface Case {
  readonly shapes: readonly Shape[];
  /** One for all inputs, or one for each. Default: any. */
  readonly domain?: Domain | readonly Domain[];
  readonly build: (...inputs: Tensor[]) => Tensor;
  /** The same in plain JavaScript. */
  readonly expected: (...inputs: Array1[]) => Array1;
  /** The gradient is 0 by definition, whatever finite differences say. */
  readonly detached?: boolean;
}

/** mulberry32: the same numbers at every run, in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// ---- plain arrays

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The element at an index, broadcast as NumPy does: leading axes may be missing, axes of size 1 repeat. */
export function at({ shape, data }: Array1, index: readonly number[]): number {
  const own = index.slice(index.length - shape.length);
  return data[own.reduce((offset, i, axis) => offset * shape[axis]! + (shape[axis] === 1 ? 0 : i), 0)]!;
}

export function tabulate(shape: readonly number[], f: (index: number[]) => number): Array1 {
  const data = Array.from({ length: sizeOf(shape) }, (_, flat) => {
    let rest = flat;
    const index = shape.map(() => 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return f(index);
  });
  return { shape, data };
}

/** f of the elements of arrays that broadcast together. */
export function elementwise(f: (...x: number[]) => number): (...inputs: Array1[]) => Array1 {
  return (...inputs) => {
    const rank = Math.max(...inputs.map(({ shape }) => shape.length));
    const shape = Array.from({ length: rank }, (_, i) =>
      Math.max(...inputs.map((x) => x.shape[x.shape.length - rank + i] ?? 1)),
    );
    return tabulate(shape, (index) => f(...inputs.map((x) => at(x, index))));
  };
}

/** Folds the elements along some axes. */
export function reduction(
  axes: readonly number[],
  keepDims: boolean,
  f: (elements: number[]) => number,
): (x: Array1) => Array1 {
  return (x) => {
    const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const folded = tabulate(kept, (index) => {
      const inner = x.shape.map((size, axis) => (axes.includes(axis) ? size : 1));
      return f([
        ...tabulate(inner, (offset) =>
          at(
            x,
            index.map((i, axis) => i + offset[axis]!),
          ),
        ).data,
      ]);
    });
    return keepDims ? folded : { shape: x.shape.filter((_, axis) => !axes.includes(axis)), data: folded.data };
  };
}

// ---- the check

/** Half the step of the five-point stencil; its error is of order step⁴. */
const step = 1e-3;

function draw(shape: readonly number[], domain: Domain, random: () => number, grid: number[]): number[] {
  const signed = (low: number) => (random() < 0.5 ? -1 : 1) * (low + 1.5 * random());
  const draws: Record<Domain, () => number> = {
    any: () => 4 * random() - 2,
    positive: () => 0.5 + 2 * random(),
    nonzero: () => signed(0.5),
    distinct: () => grid.splice(Math.floor(random() * grid.length), 1)[0]!,
    whole: () => Math.floor(random() * 5) - 2,
    index: () => Math.floor(random() * 3),
  };
  // Numbers that float32 holds exactly, so that both precisions are given the same.
  return Array.from({ length: sizeOf(shape) }, () => Math.fround(draws[domain]()));
}

const numbers = (data: Data): number[] => Array.from(data as ArrayLike<number | bigint>, Number);

function feed(values: readonly number[], domain: Domain, precision: Precision): Data {
  if (domain === "index") return BigInt64Array.from(values, BigInt);
  return precision === "float32" ? Float32Array.from(values) : Float64Array.from(values);
}

type Values = Readonly<Record<string, readonly number[]>>;

/**
 * Checks an expression in float64 and float32: its values against plain JavaScript, its gradient and the gradient of
 * its gradient against finite differences (relative error ≤ 1e-6), float32 against float64; for batches of 1, 2 and 5
 * where a shape is symbolic, with one program.
 */
export async function checkCase(
  backend: Backend,
  test: Case,
  random: () => number,
  differentiable: boolean,
): Promise<void> {
  const domains = test.shapes.map((_, i) =>
    typeof test.domain === "string" ? test.domain : (test.domain?.[i] ?? "any"),
  );
  const inputs = test.shapes.map((shape, i) => input(`x${i}`, shape, domains[i] === "index" ? "int" : "float"));
  const y = test.build(...inputs);
  const variables = inputs.filter(({ dtype }) => dtype === "float");
  const outputs: Record<string, Tensor> = { y };
  const shapes: Record<string, Shape> = Object.fromEntries(inputs.map(({ label, shape }) => [label!, shape]));
  if (differentiable) {
    const total = (terms: Tensor[]) => terms.reduce((a, b) => add(a, b), constant(0));
    outputs.loss = sum(mul(y, input("w", y.shape))); // a random weight for each element of y
    const first = grad(outputs.loss, variables);
    // A derivative along the direction v, to be differentiated once more.
    outputs.along = total(first.map((gradient, i) => sum(mul(gradient, input(`v${i}`, gradient.shape)))));
    const second = grad(outputs.along, variables);
    for (const [i, { label }] of variables.entries()) {
      outputs[`first:${label}`] = first[i]!;
      outputs[`second:${label}`] = second[i]!;
      shapes[`v${i}`] = first[i]!.shape;
    }
    shapes.w = y.shape;
  }
  const program = await compile(backend, outputs, { precision: "float64" });
  const single = await compile(backend, outputs);
  const domainOf = (name: string): Domain => (name.startsWith("x") ? domains[Number(name.slice(1))]! : "any");
  const run = async (what: Program, values: Values, precision: Precision): Promise<Values> => {
    const feeds = Object.fromEntries(
      Object.entries(values).map(([name, x]) => [name, feed(x, domainOf(name), precision)]),
    );
    return Object.fromEntries(Object.entries(await what.run(feeds)).map(([name, { data }]) => [name, numbers(data)]));
  };

  for (const batchSize of test.shapes.flat().some(isSymbolic) ? [2, 1, 5] : [1]) {
    const grid = Array.from({ length: 200 }, (_, i) => (i - 100) * 0.1 + 0.05);
    const values: Values = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        draw(shapeAt(shape, batchSize), domainOf(name), random, grid),
      ]),
    );
    const where = `batch ${batchSize}, ${JSON.stringify(values)}`;
    const exact = await run(program, values, "float64");

    const expected = test.expected(
      ...inputs.map(({ label, shape }) => ({ shape: shapeAt(shape, batchSize), data: values[label!]! })),
    );
    expect(shapeAt(y.shape, batchSize), `shape, ${where}`).toEqual(expected.shape);
    compare(exact.y!, expected.data, 1e-12, 1e-12, `value, ${where}`);
    const rounded = await run(single, values, "float32");
    for (const [name, value] of Object.entries(exact))
      compare(rounded[name]!, value, 2e-5, 2e-5, `float32 of ${name}, ${where}`);

    if (!differentiable) continue;
    for (const { label } of variables) {
      const name = label!;
      if (test.detached) {
        compare(
          exact[`first:${name}`]!,
          values[name]!.map(() => 0),
          0,
          0,
          `gradient of ${name}, ${where}`,
        );
        continue;
      }
      const size = values[name]!.length;
      // Each element alone at the first batch size, one random direction at the others.
      const directions =
        batchSize < 5 && size <= 32
          ? values[name]!.map((_, i) => values[name]!.map((_, j) => (i === j ? 1 : 0)))
          : [values[name]!.map(() => 2 * random() - 1)];
      for (const direction of directions) {
        const moved = async (distance: number) =>
          run(program, { ...values, [name]: values[name]!.map((x, i) => x + distance * direction[i]!) }, "float64");
        const points = [await moved(-2 * step), await moved(-step), await moved(step), await moved(2 * step)] as const;
        const difference = (of: string) => {
          const [a, b, c, d] = points.map((point) => point[of]![0]!) as [number, number, number, number];
          return (8 * (c - b) - (d - a)) / (12 * step);
        };
        const dot = (gradient: readonly number[]) => gradient.reduce((total, g, i) => total + g * direction[i]!, 0);
        compare(
          [dot(exact[`first:${name}`]!)],
          [difference("loss")],
          1e-6,
          1e-9,
          `gradient of ${name} along ${direction}, ${where}`,
        );
        compare(
          [dot(exact[`second:${name}`]!)],
          [difference("along")],
          1e-6,
          1e-9,
          `second derivative of ${name} along ${direction}, ${where}`,
        );
      }
    }
  }
  await Promise.all([program.release(), single.release()]);
}

function compare(
  actual: readonly number[],
  expected: readonly number[],
  relative: number,
  absolute: number,
  what: string,
): void {
  expect(actual.length, what).toBe(expected.length);
  for (const [i, value] of expected.entries()) {
    const close = Math.abs(actual[i]! - value) <= relative * Math.abs(value) + absolute;
    if (!close && !Object.is(actual[i], value))
      expect.fail(`${what}: element ${i}: expected ${value}, got ${actual[i]}`);
  }
}
