import type { Dim, Shape } from "../src/graph/shape.ts";
import type { Tensor } from "../src/graph/tensor.ts";
import { type Case, type Domain, elementwise, generator, reduction } from "./gradient-check.ts";

/* What the families of operators' cases are made with. */

// ---- shapes

export const singles: readonly Shape[] = [[], [3], ["batch", 4], ["3*batch", 2], [2, 1, 3]];

/** Both operands broadcast, scalars, missing leading axes, the batch on either side; then random ones. */
export const pairs: readonly (readonly [Shape, Shape])[] = [
  [[], []],
  [["batch", 3], []],
  [[], ["batch", 3]],
  [["batch", 3], [3]],
  [[3], ["batch", 3]],
  [
    ["batch", 1],
    ["batch", 3],
  ],
  [
    ["batch", 1],
    [1, 3],
  ],
  [
    [2, 1, 3],
    [4, 1],
  ],
  [["batch"], [2, 1]],
  [
    ["2*batch", 2],
    ["2*batch", 2],
  ],
  ...randomPairs(6),
];

function randomPairs(count: number): (readonly [Shape, Shape])[] {
  const random = generator(1);
  return Array.from({ length: count }, () => {
    const full = Array.from(
      { length: 1 + Math.floor(random() * 3) },
      (_, i): Dim => (i === 0 && random() < 0.5 ? "batch" : 1 + Math.floor(random() * 4)),
    );
    const operand = () => full.slice(Math.floor(random() * full.length)).map((dim) => (random() < 0.3 ? 1 : dim));
    return [operand(), operand()] as const;
  });
}

// ---- cases

export function unary(build: (x: Tensor) => Tensor, f: (x: number) => number, domain: Domain = "any"): Case[] {
  return singles.map((shape) => ({ shapes: [shape], domain, build, expected: elementwise(f) }));
}

export function binary(
  build: (a: Tensor, b: Tensor) => Tensor,
  f: (a: number, b: number) => number,
  domain: Domain | readonly Domain[] = "any",
): Case[] {
  return pairs.map((shapes) => ({ shapes, domain, build, expected: elementwise(f) }));
}

export function reduced(
  reduce: (x: Tensor, axes: readonly number[], keepDims: boolean) => Tensor,
  f: (elements: number[]) => number,
  domain: Domain = "any",
): Case[] {
  const reductions: readonly (readonly [Shape, readonly number[], boolean])[] = [
    [["batch", 3], [1], false],
    [["batch", 3], [0, 1], true],
    [["batch", 3], [-1], true],
    [["batch", 2, 3], [-1, -2], false],
    [[2, "batch", 3], [0], false],
    [[2, 1, 3], [1, 0], false],
    [[4], [0], false],
  ];
  return reductions.map(([shape, axes, keepDims]) => {
    const counted = axes.map((axis) => (axis < 0 ? axis + shape.length : axis));
    return {
      shapes: [shape],
      domain,
      build: (x) => reduce(x, axes, keepDims),
      expected: reduction(counted, keepDims, f),
    };
  });
}

/** Cases over the axes that are not of the batch. */
export const ofStaticAxes = (cases: readonly Case[]): Case[] => cases.filter((_, i) => i !== 1);
export const total = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0);

export interface Entry {
  readonly cases: readonly Case[];
  /** The operator has no gradient, and says why. */
  readonly none?: true;
}

export const given = (cases: readonly Case[]): Entry => ({ cases });
export const none = (cases: readonly Case[]): Entry => ({ cases, none: true });

/** Cases by the name of an operator. */
export type Entries = Readonly<Record<string, Entry>>;
/** Cases of functions made of operators, and of what the builders simplify. */
export type Composed = Readonly<Record<string, readonly Case[]>>;
