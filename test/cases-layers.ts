import { mul, sub } from "../src/graph/ops/arithmetic.ts";
import { crop, flipHorizontal, flipVertical, shift } from "../src/graph/ops/augmentation.ts";
import { asFloat, greater } from "../src/graph/ops/comparison.ts";
import type { Shape } from "../src/graph/shape.ts";
import type { Tensor } from "../src/graph/tensor.ts";
import { type AttentionOptions, attention, multiHeadAttention } from "../src/nn/attention.ts";
import { made, maskedDense } from "../src/nn/masked.ts";
import { maskedConv } from "../src/nn/masked-convolution.ts";
import { batchNorm, groupNorm, layerNorm } from "../src/nn/normalization.ts";
import { weightNormalized } from "../src/nn/normalization-weight.ts";
import { parameterTree, type Scope } from "../src/nn/parameters.ts";
import { type Composed, total } from "./cases.ts";
import { type Array1, at, type Case, tabulate } from "./gradient-check.ts";

/* Cases of layers and of augmentation, against loops over every element. A layer's parameters are inputs of the case. */

/** A scope whose declarations are tensors that there are, in their order. */
function scopeOf(tensors: readonly Tensor[]): Scope {
  let next = 0;
  const { root } = parameterTree();
  const declare: Scope["parameter"] = (name, shape) => {
    const tensor = tensors[next++]!;
    if (tensor.shape.join() !== shape.join()) throw new Error(`${name} is (${shape}), the case has (${tensor.shape})`);
    return tensor;
  };
  const scope = (): Scope => ({ path: root.path, at: scope, parameter: declare, state: declare });
  return scope();
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

// ---- normalization

/** Every element of x less the mean of its set, over √(variance + ε), times scale, plus bias. */
function normalized(
  x: Array1,
  epsilon: number,
  sameSet: (a: readonly number[], b: readonly number[]) => boolean,
  weightOf: (index: readonly number[]) => number,
  affine: (index: readonly number[]) => readonly [number, number],
): Array1 {
  const places = tabulate(x.shape, () => 0).data.map((_, flat) => {
    let rest = flat;
    const index = x.shape.map(() => 0);
    for (let axis = x.shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % x.shape[axis]!;
      rest = Math.floor(rest / x.shape[axis]!);
    }
    return index;
  });
  return tabulate(x.shape, (index) => {
    const set = places.filter((other) => sameSet(index, other));
    const weight = total(set.map(weightOf));
    const mean = total(set.map((i) => weightOf(i) * at(x, i))) / weight;
    const variance = total(set.map((i) => weightOf(i) * (at(x, i) - mean) ** 2)) / weight;
    const [scale, bias] = affine(index);
    return ((at(x, index) - mean) / Math.sqrt(variance + epsilon)) * scale + bias;
  });
}

const ofChannel = (scale: Array1, bias: Array1) => (index: readonly number[]) =>
  [at(scale, index.slice(-1)), at(bias, index.slice(-1))] as const;

/** x, its weight, the channels. */
const batchNorms: readonly (readonly [Shape, Shape, number])[] = [
  [["batch", 3], ["batch"], 3],
  [["batch", 2, 3, 2], ["batch"], 2],
  [["batch", 3, 2], ["batch", 3], 2],
  [["2*batch", 1, 2, 1], ["2*batch"], 1],
];

const layerNorms: readonly (readonly [Shape, readonly number[]])[] = [
  [["batch", 4], [4]],
  [
    ["batch", 2, 2, 2],
    [2, 2, 2],
  ],
  [[2, "batch", 3], [3]],
];

/** x, the groups. */
const groupNorms: readonly (readonly [Shape, number])[] = [
  [["batch", 4], 2],
  [["batch", 2, 3, 4], 2],
  [["batch", 3, 2], 1],
  [["batch", 2, 2, 2], 2],
  [["batch", 2, 2, 1], 1],
];

const epsilon = 0.25;

const normalizations: Composed = {
  "batchNorm of a batch": batchNorms.map(([shape, weight, channels]) => ({
    shapes: [shape, weight, [channels], [channels]],
    domain: ["any", "positive", "any", "any"],
    build: (x, w, scale, bias) =>
      batchNorm(scopeOf([scale!, bias!, scale!, bias!]), channels, { epsilon })(x!, { weight: w! }).output,
    expected: (x, w, scale, bias) =>
      normalized(
        x!,
        epsilon,
        (a, b) => a.at(-1) === b.at(-1),
        (index) => at(w!, index.slice(0, weight.length)),
        ofChannel(scale!, bias!),
      ),
  })),
  "batchNorm by its state": batchNorms.map(([shape, , channels]) => ({
    shapes: [shape, [channels], [channels], [channels], [channels]],
    domain: ["any", "any", "any", "any", "positive"],
    build: (x, ...parameters) => batchNorm(scopeOf(parameters), channels, { epsilon })(x!, "evaluation").output,
    expected: (x, scale, bias, mean, variance) =>
      tabulate(x!.shape, (index) => {
        const of = (statistic: Array1 | undefined) => at(statistic!, index.slice(-1));
        return ((at(x!, index) - of(mean)) / Math.sqrt(of(variance) + epsilon)) * of(scale) + of(bias);
      }),
  })),
  "the running statistics of batchNorm": batchNorms.flatMap(([shape, weight, channels]): Case[] =>
    [0, 1].map((which) => ({
      shapes: [shape, weight],
      domain: ["any", "positive"],
      // As the total alone: a batch of one example has a variance of nothing, 0/0.
      build: (x, w) => {
        const { root } = parameterTree();
        return batchNorm(root, channels)(x!, { weight: w! }).updates[which]!.total;
      },
      expected: (x, w) =>
        tabulate([channels], ([channel]) => {
          const elements: (readonly [number, number])[] = [];
          tabulate(x!.shape, (index) => {
            if (index.at(-1) === channel) elements.push([at(w!, index.slice(0, weight.length)), at(x!, index)]);
            return 0;
          });
          const mean = total(elements.map(([wi, xi]) => wi * xi)) / total(elements.map(([wi]) => wi));
          return total(elements.map(([wi, xi]) => wi * (which === 0 ? xi : (xi - mean) ** 2)));
        }),
    })),
  ),
  layerNorm: layerNorms.map(([shape, event]) => ({
    shapes: [shape, event, event],
    build: (x, scale, bias) => layerNorm(scopeOf([scale!, bias!]), event, { epsilon })(x!),
    expected: (x, scale, bias) => {
      const lead = shape.length - event.length;
      return normalized(
        x!,
        epsilon,
        (a, b) => a.slice(0, lead).join() === b.slice(0, lead).join(),
        () => 1,
        (index) => [at(scale!, index.slice(lead)), at(bias!, index.slice(lead))],
      );
    },
  })),
  groupNorm: groupNorms.map(([shape, groups]): Case => {
    const channels = shape.at(-1) as number;
    const groupOf = (index: readonly number[]) => Math.floor((index.at(-1)! * groups) / channels);
    return {
      shapes: [shape, [channels], [channels]],
      build: (x, scale, bias) => groupNorm(scopeOf([scale!, bias!]), channels, { groups, epsilon })(x!),
      expected: (x, scale, bias) =>
        normalized(
          x!,
          epsilon,
          (a, b) => a[0] === b[0] && groupOf(a) === groupOf(b),
          () => 1,
          ofChannel(scale!, bias!),
        ),
    };
  }),
  weightNormalized: (
    [
      [[3, 2], -1],
      [[2, 2, 1, 3], -1],
      [[2, 1, 3, 2], 2],
      [[3], 0],
    ] as const
  ).map(([shape, axis]) => {
    const own = axis < 0 ? axis + shape.length : axis;
    return {
      shapes: [shape, [shape[own]!]],
      domain: ["nonzero", "any"],
      build: (direction, length) =>
        weightNormalized(scopeOf([direction!, length!]), axis).parameter("weight", shape, {
          kind: "normal",
          standardDeviation: 1,
        }),
      expected: (direction, length) =>
        tabulate(shape, (index) => {
          const output = index[own]!;
          let squares = 0;
          tabulate(shape, (other) => {
            if (other[own] === output) squares += at(direction!, other) ** 2;
            return 0;
          });
          return (at(length!, [output]) * at(direction!, index)) / Math.sqrt(squares);
        }),
    };
  }),
};

// ---- masked layers

/** W·x + b of one row. */
const product = (x: readonly number[], weight: Array1, bias: Array1, seen: (i: number, j: number) => boolean) =>
  bias.data.map((b, j) => b + total(x.map((value, i) => (seen(i, j) ? value * at(weight, [i, j]) : 0))));

const rowOf = (x: Array1, row: number): number[] => range(x.shape[1]!).map((i) => at(x, [row, i]));

const maskedConvs = [
  { size: [3, 4], kernel: 3, mask: "A", inputs: 1, outputs: 2, colours: 1 },
  { size: [3, 3], kernel: [3, 5], mask: "B", inputs: 2, outputs: 2, colours: 1 },
  { size: [3, 2], kernel: 3, mask: "A", inputs: 3, outputs: 6, colours: 3 },
  { size: [2, 3], kernel: 3, mask: "B", inputs: 4, outputs: 2, colours: 2 },
] as const;

const masks: Composed = {
  maskedDense: [false, true].map((strict) => {
    const [from, to] = [
      [2, 1, 3],
      [1, 3, 2, 2],
    ];
    return {
      shapes: [["batch", 3], [3, 4], [4]],
      build: (x, ...parameters) => maskedDense(scopeOf(parameters), from, to, { initialization: "he", strict })(x!),
      expected: (x, weight, bias) => {
        const seen = (i: number, j: number) => (strict ? from[i]! < to[j]! : from[i]! <= to[j]!);
        const data = range(x!.shape[0]!).flatMap((row) => product(rowOf(x!, row), weight!, bias!, seen));
        return { shape: [x!.shape[0]!, 4], data };
      },
    };
  }),
  "made with a context": [
    {
      shapes: [["batch", 2], ["batch", 1], [3, 3], [3], [3, 4], [4]],
      build: (x, context, ...parameters) =>
        made(scopeOf(parameters), 2, {
          hidden: [3],
          activation: "tanh",
          initialization: "lecun",
          parameters: 2,
          order: [1, 0],
          context: 1,
        })(x!, context!),
      expected: (x, context, w0, b0, w1, b1) => {
        const [inputs, units, outputs] = [
          [2, 1, 0],
          [0, 1, 0],
          [2, 2, 1, 1],
        ];
        const data = range(x!.shape[0]!).flatMap((row) => {
          const given = [...rowOf(x!, row), ...rowOf(context!, row)];
          const h = product(given, w0!, b0!, (i, j) => inputs[i]! <= units[j]!).map(Math.tanh);
          return product(h, w1!, b1!, (i, j) => units[i]! < outputs[j]!);
        });
        return { shape: [x!.shape[0]!, 2, 2], data };
      },
    },
  ],
  maskedConv: maskedConvs.map(({ size, kernel, mask, inputs, outputs, colours }): Case => {
    const [kh, kw] = typeof kernel === "number" ? [kernel, kernel] : kernel;
    const [above, left] = [(kh - 1) / 2, (kw - 1) / 2];
    const [height, width] = size;
    return {
      shapes: [["batch", height, width, inputs], [above + 1, kw, inputs, outputs], [outputs]],
      build: (x, ...parameters) =>
        maskedConv(scopeOf(parameters), inputs, outputs, { mask, kernel, colours, initialization: "he" })(x!),
      expected: (x, weight, bias) =>
        tabulate([x!.shape[0]!, height, width, outputs], ([b, y, column, out]) => {
          let sum = at(bias!, [out!]);
          for (const dy of range(above + 1))
            for (const dx of range(kw))
              for (const c of range(inputs)) {
                const [row, place] = [y! + dy - above, column! + dx - left];
                if (row < 0 || place < 0 || place >= width) continue;
                const [from, to] = [Math.floor((c * colours) / inputs), Math.floor((out! * colours) / outputs)];
                const own = mask === "A" ? from < to : from <= to;
                if (row < y! || place < column! || (place === column && own))
                  sum += at(x!, [b!, row, place, c]) * at(weight!, [dy, dx, c, out!]);
              }
          return sum;
        }),
    };
  }),
};

// ---- attention

/** Every query's average of the values, by loops over heads, queries and keys. */
function attended(query: Array1, key: Array1, value: Array1, heads: number, open: (...place: number[]) => boolean) {
  const [batch, queries, features] = query.shape as [number, number, number];
  const [keys, width] = [key.shape[1]!, value.shape[2]! / heads];
  const d = features / heads;
  return tabulate([batch, queries, width * heads], ([b, i, feature]) => {
    const head = Math.floor(feature! / width);
    const seen = range(keys).filter((j) => open(b!, i!, j));
    const weights = seen.map((j) =>
      Math.exp(
        total(range(d).map((f) => at(query, [b!, i!, head * d + f]) * at(key, [b!, j, head * d + f]))) / Math.sqrt(d),
      ),
    );
    return seen.length === 0
      ? 0
      : total(seen.map((j, n) => weights[n]! * at(value, [b!, j, feature!]))) / total(weights);
  });
}

/** Of the indices 0…2, 0 is masked. */
const openOf = (index: Tensor): Tensor => asFloat(greater(asFloat(index), 0.5));

/** Queries, keys, heads, features of a head of keys and of values, the rest. */
const attentions: readonly (readonly [number, number, number, number, number, AttentionOptions])[] = [
  [2, 3, 1, 2, 3, {}],
  [3, 2, 2, 3, 1, {}],
  [3, 3, 2, 1, 2, { causal: true }],
];

const attentionCases: Composed = {
  attention: attentions.map(([queries, keys, heads, d, e, { causal = false }]) => ({
    shapes: [
      ["batch", queries, heads * d],
      ["batch", keys, heads * d],
      ["batch", keys, heads * e],
    ],
    build: (q, k, v) => attention(q!, k!, v!, { heads, causal }),
    expected: (q, k, v) => attended(q!, k!, v!, heads, (_b, i, j) => !causal || j! <= i!),
  })),
  "attention with a mask": ([[2, 3], ["batch", 1, 3], ["batch", 2, 3], [1]] as const).map((shape) => ({
    shapes: [["batch", 2, 4], ["batch", 3, 4], ["batch", 3, 2], shape],
    domain: ["any", "any", "any", "index"],
    build: (q, k, v, mask) => attention(q!, k!, v!, { heads: 2, mask: openOf(mask!) }),
    expected: (q, k, v, mask) =>
      attended(q!, k!, v!, 2, (...place) => at(mask!, place.slice(-Math.max(mask!.shape.length, 1))) > 0),
  })),
  multiHeadAttention: [
    {
      shapes: [["batch", 2, 2], ["batch", 3, 2], ...range(4).flatMap(() => [[2, 2], [2]])],
      build: (x, source, ...parameters) =>
        multiHeadAttention(scopeOf(parameters), 2, { heads: 2, initialization: "glorot" })(x!, source!),
      expected: (x, source, ...parameters) => {
        const project = (y: Array1, which: number): Array1 =>
          tabulate(y.shape, ([b, i, feature]) => {
            const [weight, bias] = parameters.slice(2 * which) as [Array1, Array1];
            return total(range(2).map((f) => at(y, [b!, i!, f]) * at(weight, [f, feature!]))) + at(bias, [feature!]);
          });
        return project(
          attended(project(x!, 0), project(source!, 1), project(source!, 2), 2, () => true),
          3,
        );
      },
    },
  ],
};

// ---- augmentation

/** Pixel (row, column) of an image, by the padding outside. */
function pixel(x: Array1, edge: boolean, [b, row, column, ...channel]: number[]): number {
  const [height, width] = x.shape.slice(1) as [number, number];
  const inside = row! >= 0 && row! < height && column! >= 0 && column! < width;
  if (!inside && !edge) return 0;
  const held = (i: number, size: number) => Math.min(Math.max(i, 0), size - 1);
  return at(x, [b!, held(row!, height), held(column!, width), ...channel]);
}

/** Whole numbers of both signs, of the indices 0…2, the last beyond the images. */
const signed = (index: Tensor): Tensor => sub(mul(asFloat(index), 3), 2);

const images: readonly Shape[] = [
  ["batch", 3, 4],
  ["batch", 4, 3, 2],
  ["batch", 2, 3, 1],
];

const augmentation: Composed = {
  shift: images.flatMap((shape): Case[] =>
    (["zero", "edge"] as const).map((padding) => ({
      shapes: [shape, ["batch"], ["batch"]],
      domain: ["any", "index", "index"],
      build: (x, down, right) => shift(x!, signed(down!), signed(right!), { padding }),
      expected: (x, down, right) =>
        tabulate(x!.shape, ([b, i, j, ...channel]) => {
          const [dy, dx] = [at(down!, [b!]) * 3 - 2, at(right!, [b!]) * 3 - 2];
          return pixel(x!, padding === "edge", [b!, i! - dy, j! - dx, ...channel]);
        }),
    })),
  ),
  crop: images.flatMap((shape): Case[] =>
    (["zero", "edge"] as const).map((padding) => ({
      shapes: [shape, ["batch"], ["batch"]],
      domain: ["any", "index", "index"],
      build: (x, top, left) => crop(x!, top!, left!, [2, 3], { padding }),
      expected: (x, top, left) =>
        tabulate([x!.shape[0]!, 2, 3, ...x!.shape.slice(3)], ([b, i, j, ...channel]) =>
          pixel(x!, padding === "edge", [b!, i! + at(top!, [b!]), j! + at(left!, [b!]), ...channel]),
        ),
    })),
  ),
  flips: images.flatMap((shape): Case[] =>
    [flipHorizontal, flipVertical].map((flip, which) => ({
      shapes: [shape, ["batch"]],
      domain: ["any", "index"],
      build: (x, chosen) => flip(x!, chosen!),
      expected: (x, chosen) =>
        tabulate(x!.shape, (index) => {
          const axis = which === 0 ? 2 : 1;
          const mirrored = index.with(axis, x!.shape[axis]! - 1 - index[axis]!);
          return at(x!, at(chosen!, index.slice(0, 1)) > 0 ? mirrored : index);
        }),
    })),
  ),
};

export const layersComposed: Composed = { ...normalizations, ...masks, ...attentionCases, ...augmentation };
