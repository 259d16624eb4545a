import { mul, square } from "../src/graph/ops/arithmetic.ts";
import { cumulativeSum, logSoftmax, softmax } from "../src/graph/ops/axis.ts";
import { exp } from "../src/graph/ops/functions.ts";
import { concat, pad, slice, split, splitEvenly, stack } from "../src/graph/ops/join.ts";
import { bernoulliLogProb } from "../src/graph/ops/likelihood.ts";
import { linear, linearFeaturesFirst, matmul } from "../src/graph/ops/linear.ts";
import { logsumexp, max, mean, min } from "../src/graph/ops/reduce.ts";
import { argmax, argmin, gather, oneHot, scatterAdd } from "../src/graph/ops/select.ts";
import { dropout, scaleGradient, straightThrough } from "../src/graph/ops/stochastic.ts";
import { expand, reshape, stopGradient, sum, sumEvent, transpose } from "../src/graph/ops/structure.ts";
import { tril, trilVector } from "../src/graph/ops/triangle.ts";
import type { Shape } from "../src/graph/shape.ts";
import { constant, type Tensor } from "../src/graph/tensor.ts";
import { type Composed, type Entries, given, none, ofStaticAxes, reduced, singles, total } from "./cases.ts";
import { type Array1, at, type Case, elementwise, reduction, tabulate } from "./gradient-check.ts";

/* Cases of the operators that move, join, choose, sum and multiply elements. */

const swapLast = (x: Array1): Array1 =>
  permuted(
    x,
    x.shape.map((_, i) => (i < x.shape.length - 2 ? i : 2 * x.shape.length - 3 - i)),
  );

function permuted(x: Array1, order: readonly number[]): Array1 {
  return tabulate(
    order.map((axis) => x.shape[axis]!),
    (index) =>
      at(
        x,
        x.shape.map((_, axis) => index[order.indexOf(axis)]!),
      ),
  );
}

function product(a: Array1, b: Array1): Array1 {
  const inner = a.shape.at(-1)!;
  return tabulate([...a.shape.slice(0, -1), b.shape.at(-1)!], (index) => {
    const [lead, row, column] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!];
    return total(Array.from({ length: inner }, (_, k) => at(a, [...lead, row, k]) * at(b, [...lead, k, column])));
  });
}

function products(): Case[] {
  const flags = [false, true].flatMap((transposeA) => [false, true].map((transposeB) => ({ transposeA, transposeB })));
  const swapped = (shape: Shape, swap: boolean): Shape =>
    swap ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;
  const shapes: readonly (readonly [Shape, Shape])[] = [
    [
      ["batch", 3],
      [3, 2],
    ],
    [
      [2, 3],
      [3, "batch"],
    ],
    [
      [2, "batch"],
      ["batch", 3],
    ],
    [
      [2, "batch", 3],
      [2, 3, 2],
    ],
  ];
  return flags.flatMap((flag) =>
    shapes.map(
      ([a, b]): Case => ({
        shapes: [swapped(a, flag.transposeA), swapped(b, flag.transposeB)],
        build: (x, y) => matmul(x, y, flag),
        expected: (x, y) => product(flag.transposeA ? swapLast(x!) : x!, flag.transposeB ? swapLast(y!) : y!),
      }),
    ),
  );
}

/** Layers with rows of a symbolic and a known number; x is given as it is, or as the transpose of what lies there. */
function layers(featuresFirst: boolean, swap: boolean): Case[] {
  const turned = (x: Array1) => (swap ? swapLast(x) : x);
  return (["batch", 4] as const).map((rows) => ({
    shapes: [swap ? [3, rows] : [rows, 3], featuresFirst ? [2, 3] : [3, 2], [2]],
    build: (x, weight, bias) =>
      (featuresFirst ? linearFeaturesFirst : linear)(swap ? transpose(x!) : x!, weight!, bias!),
    expected: (x, weight, bias) =>
      featuresFirst
        ? elementwise((wx, b) => wx! + b!)(product(weight!, swapLast(turned(x!))), { ...bias!, shape: [2, 1] })
        : elementwise((xw, b) => xw! + b!)(product(turned(x!), weight!), bias!),
  }));
}

/** Row-major elements start…end−1 of the last axis. */
const cut = (x: Array1, start: number, end: number): Array1 =>
  tabulate([...x.shape.slice(0, -1), end - start], (index) => at(x, [...index.slice(0, -1), index.at(-1)! + start]));

const first = (better: (a: number, b: number) => boolean) => (x: number[]) =>
  x.reduce((best, value, i) => (better(value, x[best]!) ? i : best), 0);

/** f of the elements along one axis, which gives as many. */
function alongAxis(build: (x: Tensor, axis: number) => Tensor, f: (row: number[]) => number[]): Case[] {
  const axes: readonly (readonly [Shape, number])[] = [
    [["batch", 4], 1],
    [["batch", 3, 2], 1],
    [[2, "batch", 3], -1],
    [["batch", 2], 0],
    [[5], 0],
  ];
  return axes.map(([shape, axis]) => ({
    shapes: [shape],
    build: (x) => build(x!, axis),
    expected: (x) => {
      const own = axis < 0 ? axis + shape.length : axis;
      return tabulate(x!.shape, (index) => {
        const row = Array.from({ length: x!.shape[own]! }, (_, i) => at(x!, index.with(own, i)));
        return f(row)[index[own]!]!;
      });
    },
  }));
}

const softmaxOf = (row: number[]): number[] => {
  const sum = total(row.map(Math.exp));
  return row.map((x) => Math.exp(x) / sum);
};

/** Element (i, j ≤ i) of a lower-triangular matrix is this one of its vector. */
const place = (i: number, j: number): number => (i * (i + 1)) / 2 + j;

export const tensorCases: Entries = {
  reshape: given([
    {
      shapes: [["batch", 6]],
      build: (x) => reshape(x!, ["batch", 2, 3]),
      expected: (x) => ({ ...x!, shape: [x!.shape[0]!, 2, 3] }),
    },
    {
      shapes: [[2, "batch", 3]],
      build: (x) => reshape(x!, ["2*batch", 3]),
      expected: (x) => ({ ...x!, shape: [2 * x!.shape[1]!, 3] }),
    },
    {
      shapes: [["4*batch"]],
      build: (x) => reshape(x!, [4, "batch"]),
      expected: (x) => ({ ...x!, shape: [4, x!.shape[0]! / 4] }),
    },
    {
      shapes: [["batch", 2, 2]],
      build: (x) => reshape(square(reshape(reshape(x!, ["2*batch", 2]), ["4*batch"])), ["batch", 4]),
      expected: (x) => ({ shape: [x!.shape[0]!, 4], data: x!.data.map((value) => value * value) }),
    },
  ]),
  transpose: given([
    {
      shapes: [["batch", 3]],
      build: (x) => square(transpose(x!)),
      expected: (x) => swapLast({ ...x!, data: x!.data.map((v) => v * v) }),
    },
    { shapes: [[2, "batch", 3]], build: (x) => transpose(x!, [2, 0, 1]), expected: (x) => permuted(x!, [2, 0, 1]) },
    { shapes: [[2, 3, 1, 2]], build: (x) => transpose(x!, [3, 1, 0, 2]), expected: (x) => permuted(x!, [3, 1, 0, 2]) },
  ]),
  expand: given(
    (
      [
        [[], ["batch", 3]],
        [[3], ["batch", 3]],
        [
          ["batch", 1],
          ["batch", 3],
        ],
        [
          [2, 1],
          [4, 2, 3],
        ],
        [[1], [1, 1]],
      ] as const
    ).map((shapes): Case => ({ shapes, build: expand, expected: elementwise((x) => x!) })),
  ),
  sum: given([
    ...reduced(sum, total),
    {
      shapes: [["batch", 2]],
      build: (x) => sum(square(x!)),
      expected: (x) => ({ shape: [], data: [total(x!.data.map((v) => v * v))] }),
    },
  ]),
  max: given(reduced(max, (x) => Math.max(...x), "distinct")),
  min: given(reduced(min, (x) => Math.min(...x), "distinct")),
  scaleGradient: given(
    singles.map(
      (shape): Case => ({ shapes: [shape], build: (x) => scaleGradient(x!, constant(1)), expected: (x) => x! }),
    ),
  ),
  stopGradient: given(
    singles.map((shape): Case => ({ shapes: [shape], build: stopGradient, expected: (x) => x!, detached: true })),
  ),
  matmul: given(products()),
  linear: given(
    [false, true].flatMap((featuresFirst) => [false, true].map((swap) => layers(featuresFirst, swap))).flat(),
  ),
  bernoulliLogProb: given(
    (
      [
        [["batch", 3], ["batch", 3], 1],
        [[2, 16], [2, 16], 1], // a product of 16 factors
        [["batch", 5, 4], ["batch", 5, 4], 2],
        [["batch", 2, 49], [3, "batch", 2, 49], 2], // k reconstructions of each example, two products of 49
        [[67], ["batch", 67], 1], // no product: 67 is prime
        [["batch", 8], [8], 1],
      ] as const
    ).map(
      ([x, logits, rank]): Case => ({
        shapes: [x, logits],
        build: (a, b) => bernoulliLogProb(a!, b!, rank),
        expected: (a, b) => {
          const each = elementwise((v, l) => v! * l! - Math.log1p(Math.exp(l!)))(a!, b!);
          const lead = each.shape.length - rank;
          return reduction(
            Array.from({ length: rank }, (_, i) => lead + i),
            false,
            total,
          )(each);
        },
      }),
    ),
  ),
  concat: given([
    {
      shapes: [
        ["batch", 2],
        ["batch", 3],
        ["batch", 1],
      ],
      build: (...parts) => concat(parts, 1),
      expected: (a, b, c) =>
        tabulate([a!.shape[0]!, 6], ([i, j]) =>
          j! < 2 ? at(a!, [i!, j!]) : j! < 5 ? at(b!, [i!, j! - 2]) : at(c!, [i!, 0]),
        ),
    },
    {
      shapes: [
        [1, "batch"],
        [2, "batch"],
      ],
      build: (a, b) => concat([b!, a!, b!], 0),
      expected: (a, b) => ({ shape: [5, a!.shape[1]!], data: [...b!.data, ...a!.data, ...b!.data] }),
    },
  ]),
  slice: given([
    { shapes: [["batch", 5]], build: (x) => slice(x!, 1, 1, 4), expected: (x) => cut(x!, 1, 4) },
    {
      shapes: [["batch", 5]],
      build: (x) => mul(slice(x!, 1, 0, 3), slice(x!, 1, 2, 5)),
      expected: (x) => elementwise((a, b) => a! * b!)(cut(x!, 0, 3), cut(x!, 2, 5)),
    },
    {
      shapes: [[3, "batch"]],
      build: (x) => slice(x!, 0, 2, 3),
      expected: (x) => ({ shape: [1, x!.shape[1]!], data: x!.data.slice(2 * x!.shape[1]!) }),
    },
  ]),
  pad: given(
    [
      [2, 1],
      [0, 2],
      [1, 0],
    ].map(
      ([before, after]): Case => ({
        shapes: [["batch", 3]],
        build: (x) => pad(x!, 1, before!, after!),
        expected: (x) =>
          tabulate([x!.shape[0]!, 3 + before! + after!], ([i, j]) =>
            j! >= before! && j! < before! + 3 ? at(x!, [i!, j! - before!]) : 0,
          ),
      }),
    ),
  ),
  gather: given(
    ([["batch"], ["batch", 2], [4], []] as const).map(
      (index): Case => ({
        shapes: [[3, 2], index],
        domain: ["any", "index"],
        build: (table, index) => gather(table!, index!),
        expected: (table, index) =>
          tabulate([...index!.shape, 2], (i) => at(table!, [at(index!, i.slice(0, -1)), i.at(-1)!])),
      }),
    ),
  ),
  softmax: given(alongAxis(softmax, softmaxOf)),
  logSoftmax: given(alongAxis(logSoftmax, (row) => softmaxOf(row).map(Math.log))),
  cumulativeSum: given([
    ...alongAxis(cumulativeSum, (row) => row.map((_, i) => total(row.slice(0, i + 1)))),
    ...alongAxis(
      (x, axis) => cumulativeSum(x, axis, { exclusive: true }),
      (row) => row.map((_, i) => total(row.slice(0, i))),
    ),
    ...alongAxis(
      (x, axis) => cumulativeSum(x, axis, { exclusive: true, reverse: true }),
      (row) => row.map((_, i) => total(row.slice(i + 1))),
    ),
  ]),
  tril: given(
    ([["batch", 6], ["batch", 2, 3], [1]] as const).map(
      (shape): Case => ({
        shapes: [shape],
        build: (x) => tril(x!),
        expected: (x) => {
          const size = { 1: 1, 3: 2, 6: 3 }[x!.shape.at(-1) as 1 | 3 | 6];
          return tabulate([...x!.shape.slice(0, -1), size, size], (index) => {
            const [lead, i, j] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!];
            return j <= i ? at(x!, [...lead, place(i, j)]) : 0;
          });
        },
      }),
    ),
  ),
  trilVector: given(
    (
      [
        ["batch", 3, 3],
        [2, "batch", 2, 2],
      ] as const
    ).map(
      (shape): Case => ({
        shapes: [shape],
        build: (x) => trilVector(x!),
        expected: (x) => {
          const size = x!.shape.at(-1)!;
          return tabulate([...x!.shape.slice(0, -2), place(size, 0)], (index) => {
            const row = Array.from({ length: size }, (_, i) => i).findLast((i) => place(i, 0) <= index.at(-1)!)!;
            return at(x!, [...index.slice(0, -1), row, index.at(-1)! - place(row, 0)]);
          });
        },
      }),
    ),
  ),
  scatterAdd: given(
    (
      [
        [["batch"], ["batch", 2], 0],
        [["batch", 2], [3, "batch", 2], 1],
        [[4], ["batch", 4], 1],
        [[], [2], 0],
      ] as const
    ).map(
      ([index, values, axis]): Case => ({
        shapes: [index, values],
        domain: ["index", "any"],
        build: (i, x) => scatterAdd(i!, x!, 3, axis),
        expected: (i, x) => {
          const [before, after] = [x!.shape.slice(0, axis), x!.shape.slice(axis + index.length)];
          return tabulate([...before, 3, ...after], (place) => {
            const added = tabulate(i!.shape, (own) =>
              at(i!, own) === place[axis] ? at(x!, [...place.slice(0, axis), ...own, ...place.slice(axis + 1)]) : 0,
            );
            return total(added.data);
          });
        },
      }),
    ),
  ),
  argmax: none([
    {
      shapes: [["batch", 4]],
      domain: "whole",
      build: (x) => argmax(x!, 1),
      expected: reduction(
        [1],
        false,
        first((a, b) => a > b),
      ),
    },
    {
      shapes: [[3, "batch"]],
      domain: "whole",
      build: (x) => argmax(x!, 0),
      expected: reduction(
        [0],
        false,
        first((a, b) => a > b),
      ),
    },
  ]),
  argmin: none([
    {
      shapes: [["batch", 4]],
      domain: "whole",
      build: (x) => argmin(x!, 1),
      expected: reduction(
        [1],
        false,
        first((a, b) => a < b),
      ),
    },
  ]),
  oneHot: none(
    ([["batch"], ["batch", 2], [3]] as const).map(
      (shape): Case => ({
        shapes: [shape],
        domain: "index",
        build: (x) => oneHot(x!, 4),
        expected: (x) => tabulate([...x!.shape, 4], (i) => Number(at(x!, i.slice(0, -1)) === i.at(-1))),
      }),
    ),
  ),
};

export const tensorComposed: Composed = {
  "gather along another axis": (
    [
      [["batch", 3], [4], 1],
      [["batch", 3, 2], [2, 2], 1],
      [[2, 3], ["batch"], 1],
    ] as const
  ).map(([table, index, axis]) => ({
    shapes: [table, index],
    domain: ["any", "index"],
    build: (x, i) => gather(x!, i!, axis),
    expected: (x, i) =>
      tabulate(x!.shape.toSpliced(axis, 1, ...i!.shape), (place) => {
        const own = place.slice(axis, axis + index.length);
        return at(x!, place.toSpliced(axis, index.length, at(i!, own)));
      }),
  })),
  "products that broadcast": (
    [
      [["batch", 2, 3], [3, 2], false],
      [["batch", 2, 3], [2, 3], true],
      [[3, 2], ["batch", 2, 3], false],
      [[2, 1, 2, 3], ["batch", 3, 2], false],
      [["batch", 1, 2, 3], [4, 2, 3], true],
    ] as const
  ).map(([a, b, transposeB]) => ({
    shapes: [a, b],
    build: (x, y) => matmul(x!, y!, { transposeB }),
    expected: (x, y) => {
      const right = transposeB ? swapLast(y!) : y!;
      const rank = Math.max(a.length, b.length);
      const lead = Array.from({ length: rank - 2 }, (_, i) =>
        Math.max(x!.shape[x!.shape.length - rank + i] ?? 1, right.shape[right.shape.length - rank + i] ?? 1),
      );
      const left = tabulate([...lead, ...x!.shape.slice(-2)], (index) => at(x!, index));
      return product(left, right);
    },
  })),
  stack: [
    {
      shapes: [
        ["batch", 2],
        ["batch", 2],
      ],
      build: (a, b) => stack([a!, b!, a!], 1),
      expected: (a, b) => tabulate([a!.shape[0]!, 3, 2], ([i, j, k]) => at(j === 1 ? b! : a!, [i!, k!])),
    },
    {
      shapes: [["batch"], ["batch"]],
      build: (a, b) => stack([a!, b!], 1),
      expected: (a, b) => tabulate([a!.shape[0]!, 2], ([i, j]) => at(j === 1 ? b! : a!, [i!])),
    },
  ],
  splitEvenly: [
    {
      shapes: [["batch", 4]],
      build: (x) => mul(...(splitEvenly(x!, 1, 2) as [Tensor, Tensor])),
      expected: (x) => elementwise((a, b) => a! * b!)(cut(x!, 0, 2), cut(x!, 2, 4)),
    },
  ],
  dropout: [
    {
      shapes: [
        ["batch", 3],
        ["batch", 3],
      ],
      domain: ["any", "distinct"],
      build: (x, noise) => dropout(x!, noise!, 0.25),
      expected: elementwise((x, noise) => (noise! >= 0.25 ? x! / 0.75 : 0)),
    },
  ],
  "straightThrough of equals": [
    { shapes: [["batch", 3]], build: (x) => straightThrough(x!, mul(x!, 1)), expected: (x) => x! },
  ],
  logsumexp: reduced(logsumexp, (x) => Math.log(total(x.map(Math.exp)))),
  mean: ofStaticAxes(reduced(mean, (x) => total(x) / x.length)),
  split: [
    {
      shapes: [["batch", 5]],
      build: (x) => mul(...(split(exp(x!), 1, [2, 2, 1]).slice(0, 2) as [Tensor, Tensor])),
      expected: (x) => elementwise((a, b) => Math.exp(a! + b!))(cut(x!, 0, 2), cut(x!, 2, 4)),
    },
  ],
  sumEvent: [{ shapes: [["batch", 2, 3]], build: (x) => sumEvent(x!, 2), expected: reduction([1, 2], false, total) }],
};
