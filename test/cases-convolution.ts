import {
  type ConvolutionOptions,
  conv1d,
  conv2d,
  convTranspose1d,
  convTranspose2d,
  type TransposedOptions,
} from "../src/graph/ops/convolution.ts";
import { patches, unpatches } from "../src/graph/ops/patches.ts";
import { averagePool2d, maxPool2d, type PoolingOptions } from "../src/graph/ops/pooling.ts";
import { upsampleBilinear, upsampleNearest } from "../src/graph/ops/resize.ts";
import type { Geometry, Pair } from "../src/graph/ops/window.ts";
import { tilesOperator } from "../src/graph/ops/winograd.ts";
import type { Shape } from "../src/graph/shape.ts";
import { apply } from "../src/graph/tensor.ts";
import { type Composed, type Entries, given, total } from "./cases.ts";
import { type Array1, at, type Case, generator, tabulate } from "./gradient-check.ts";

/* Cases of the operators of images, against loops over every pixel. */

// ---- plain JavaScript

type Two = readonly [number, number];
const two = (x: Pair): Two => (typeof x === "number" ? [x, x] : x);
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** [before, after] of an axis, for a convolution over `size` or, with padding "same", to size/stride. */
function sides(
  { padding = "valid", stride = 1, dilation = 1 }: TransposedOptions,
  axis: 0 | 1,
  size: number,
  k: number,
) {
  if (padding === "valid") return [0, 0] as const;
  if (padding === "same") {
    const missing =
      (Math.ceil(size / two(stride)[axis]) - 1) * two(stride)[axis] + (k - 1) * two(dilation)[axis] + 1 - size;
    const half = Math.floor(Math.max(missing, 0) / 2);
    return [half, Math.max(missing, 0) - half] as const;
  }
  if (typeof padding === "number") return [padding, padding] as const;
  return two(padding[axis] as Pair);
}

/** Every product of a convolution: an output's place, an input's place (inside the image) and the kernel's element. */
function eachProduct(size: Two, kernel: Two, options: TransposedOptions, f: (o: Two, i: Two, k: Two) => void): Two {
  const [stride, dilation] = [two(options.stride ?? 1), two(options.dilation ?? 1)];
  const along = ([0, 1] as const).map((axis) => {
    const [before, after] = sides(options, axis, size[axis], kernel[axis]);
    const extent = (kernel[axis] - 1) * dilation[axis] + 1;
    const count = Math.floor((size[axis] + before + after - extent) / stride[axis]) + 1;
    const hits = range(count).flatMap((o) =>
      range(kernel[axis])
        .map((k) => [o, o * stride[axis] + k * dilation[axis] - before, k] as const)
        .filter(([, i]) => i >= 0 && i < size[axis]),
    );
    return { count, hits };
  });
  for (const [oy, iy, ky] of along[0]!.hits) for (const [ox, ix, kx] of along[1]!.hits) f([oy, ox], [iy, ix], [ky, kx]);
  return [along[0]!.count, along[1]!.count];
}

const size = ({ shape }: Array1): Two => [shape[1]!, shape[2]!];
const kernelOf = ({ shape }: Array1): Two => [shape[0]!, shape[1]!];

/** f's numbers added up at the places it gives, in an array of a shape that is known only afterwards. */
function accumulate(
  shape: (count: Two) => number[],
  fill: (add: (index: number[], value: number) => void) => Two,
): Array1 {
  const found = new Map<string, number>();
  const count = fill((index, value) => found.set(index.join(), (found.get(index.join()) ?? 0) + value));
  return tabulate(shape(count), (index) => found.get(index.join()) ?? 0);
}

function convolved(x: Array1, w: Array1, options: ConvolutionOptions): Array1 {
  const [batch, channels, own, outputs] = [x.shape[0]!, x.shape[3]!, w.shape[2]!, w.shape[3]!];
  const perGroup = outputs / (channels / own);
  return accumulate(
    (count) => [batch, ...count, outputs],
    (add) =>
      eachProduct(size(x), kernelOf(w), options, (o, i, k) => {
        for (const b of range(batch))
          for (const out of range(outputs))
            for (const c of range(own))
              add([b, ...o, out], at(x, [b, ...i, Math.floor(out / perGroup) * own + c]) * at(w, [...k, c, out]));
      }),
  );
}

function transposed(x: Array1, w: Array1, options: TransposedOptions): Array1 {
  const { groups = 1, stride = 1, dilation = 1, padding = "valid", outputPadding = 0 } = options;
  const [batch, channels, own] = [x.shape[0]!, x.shape[3]!, w.shape[2]!];
  const image = ([0, 1] as const).map((axis) => {
    const [s, d, k, rows] = [two(stride)[axis], two(dilation)[axis], w.shape[axis]!, x.shape[1 + axis]!];
    if (padding === "same") return rows * s;
    const [before, after] = sides(options, axis, Number.NaN, k);
    return (rows - 1) * s + (k - 1) * d + 1 - before - after + two(outputPadding)[axis];
  }) as unknown as Two;
  return accumulate(
    () => [batch, ...image, own * groups],
    (add) =>
      eachProduct(image, kernelOf(w), options, (o, i, k) => {
        for (const b of range(batch))
          for (const c of range(channels))
            for (const out of range(own)) {
              const group = Math.floor(c / (channels / groups));
              add([b, ...i, group * own + out], at(x, [b, ...o, c]) * at(w, [...k, out, c]));
            }
      }),
  );
}

/** f of the pixels of every channel that a window sees. */
function pooled(
  x: Array1,
  kernel: Pair,
  { stride = kernel, padding = "valid" }: PoolingOptions,
  f: (x: number[]) => number,
) {
  const seen = new Map<string, Two[]>();
  const count = eachProduct(
    size(x),
    two(kernel),
    { stride, padding },
    (o, i) => void seen.set(o.join(), [...(seen.get(o.join()) ?? []), i]),
  );
  return tabulate([x.shape[0]!, ...count, x.shape[3]!], ([b, oy, ox, c]) =>
    f(seen.get(`${oy},${ox}`)!.map((i) => at(x, [b!, ...i, c!]))),
  );
}

// ---- cases

/** Image, kernel, channels, outputs. */
type Sizes = readonly [Two, Two, number, number];

/** One and several pixels, or channels, to a copy; paddings of every form; windows that leave rows and columns over. */
const chosen: readonly (readonly [Sizes, ConvolutionOptions])[] = [
  [[[3, 4], [1, 1], 2, 3], {}],
  [[[3, 2], [3, 2], 2, 3], {}], // one patch of all
  [[[3, 2], [3, 1], 2, 2], {}], // a patch of each column
  [[[4, 4], [2, 2], 1, 2], { stride: 2 }],
  [[[4, 6], [4, 4], 2, 3], { stride: 2, padding: 1 }],
  [[[4, 6], [4, 4], 2, 3], { stride: 2, padding: "same" }],
  [[[5, 4], [3, 3], 4, 4], { padding: 1 }],
  [[[5, 4], [3, 3], 4, 4], { stride: 2, padding: "same" }], // phases of 2 and of 1 tap
  [
    [[3, 7], [2, 3], 3, 5],
    {
      stride: [1, 2],
      padding: [
        [0, 1],
        [2, 0],
      ],
    },
  ],
  [[[4, 5], [2, 3], 4, 2], { dilation: [1, 2], padding: "same" }],
  [[[5, 5], [2, 2], 1, 5], { dilation: 2, stride: 2, padding: [1, 0] }],
  [[[5, 4], [2, 1], 4, 3], { stride: 3, padding: [1, 2] }], // some places see nothing but padding
];

const randomly: typeof chosen = (() => {
  const random = generator(11);
  const whole = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  return range(12).map(() => {
    const kernel: Two = [whole(1, 4), whole(1, 4)];
    const dilation: Two = [whole(1, 2), whole(1, 2)];
    const image: Two = [
      whole(0, 3) + (kernel[0] - 1) * dilation[0] + 1,
      whole(0, 3) + (kernel[1] - 1) * dilation[1] + 1,
    ];
    const padding = [
      [
        [whole(0, 2), whole(0, 2)],
        [whole(0, 2), whole(0, 2)],
      ] as const,
      "same",
      "valid",
    ] as const;
    const options = { stride: [whole(1, 3), whole(1, 3)], dilation, padding: padding[whole(0, 2)]! } as const;
    return [[image, kernel, whole(1, 5), whole(1, 4)], options] as const;
  });
})();

const weightOf = ([, kernel, channels, outputs]: Sizes): Shape => [...kernel, channels, outputs];

const convolution = ([sizes, options]: (typeof chosen)[number]): Case => ({
  shapes: [["batch", ...sizes[0], sizes[2]], weightOf(sizes)],
  build: (x, w) => conv2d(x!, w!, options),
  expected: (x, w) => convolved(x!, w!, options),
});

/** The adjoint of a case of a convolution: from images of the size that it gives to its own, where the stride leaves rows over. */
function adjoint([sizes, options]: (typeof chosen)[number]): Case {
  const [image, kernel, channels, outputs] = sizes;
  const { stride = 1, padding } = options;
  const count = eachProduct(image, kernel, options, () => {});
  const over = ([0, 1] as const).map((axis) => {
    const [before, after] = sides(options, axis, image[axis], kernel[axis]);
    const extent = (kernel[axis] - 1) * two(options.dilation ?? 1)[axis] + 1;
    return padding === "same" ? 0 : (image[axis] + before + after - extent) % two(stride)[axis];
  }) as unknown as Two;
  const own: TransposedOptions = { ...options, outputPadding: over };
  return {
    shapes: [
      ["batch", ...count, outputs],
      [...kernel, channels, outputs],
    ],
    build: (x, w) => convTranspose2d(x!, w!, own),
    expected: (x, w) => transposed(x!, w!, own),
  };
}

const geometry = (values: Partial<Geometry> & Pick<Geometry, "size" | "kernel" | "count">): Geometry => ({
  stride: [1, 1],
  dilation: [1, 1],
  before: [0, 0],
  ...values,
});

/** Windows with few and with many numbers to a copy. */
const windows: readonly (readonly [Geometry, number])[] = [
  [geometry({ size: [3, 4], kernel: [2, 2], count: [3, 4], before: [1, 0] }), 1],
  [geometry({ size: [3, 4], kernel: [2, 3], count: [2, 2], stride: [2, 2], before: [1, 1] }), 5],
  [geometry({ size: [2, 5], kernel: [2, 4], count: [2, 3], stride: [1, 2], before: [0, 1] }), 2],
  [geometry({ size: [4, 4], kernel: [2, 2], count: [2, 2], dilation: [2, 3] }), 2],
  [geometry({ size: [4, 4], kernel: [2, 2], count: [2, 2], before: [-1, -2] }), 4],
  [geometry({ size: [2, 3], kernel: [1, 1], count: [2, 2], stride: [1, 2] }), 4],
  [geometry({ size: [1, 3], kernel: [1, 1], count: [2, 2], stride: [2, 2], before: [1, 0] }), 4], // sees no pixel
];

/** Convolutions that are computed by 4×4 tiles; sizes that are a multiple of two and not, and images of a pixel. */
const tiled: typeof chosen = [
  [[[4, 4], [3, 3], 16, 17], { padding: 1 }],
  [[[3, 5], [3, 3], 17, 16], {}],
  [[[3, 2], [3, 3], 16, 16], { padding: "same" }],
  [[[3, 4], [3, 3], 16, 16], { padding: 2 }], // as many zeros as tiles can have around
  [[[2, 3], [3, 3], 16, 16], { padding: 3 }], // one more: not by tiles
  [
    [[1, 3], [3, 3], 16, 16],
    {
      padding: [
        [2, 0],
        [1, 2],
      ],
    },
  ],
];

/** Tiles of 4×4, 2 apart, that reach over the images on all sides, on some and on none. */
const tilings: readonly Geometry[] = [
  geometry({ size: [4, 4], kernel: [3, 3], count: [4, 4], before: [1, 1] }),
  geometry({ size: [3, 4], kernel: [3, 3], count: [3, 3], before: [2, 0] }),
  geometry({ size: [4, 6], kernel: [3, 3], count: [2, 4] }),
];

/** The element of an image at an element of a patch. */
const source = ({ stride, dilation, before }: Geometry, o: Two, k: Two): Two => [
  o[0] * stride[0] + k[0] * dilation[0] - before[0],
  o[1] * stride[1] + k[1] * dilation[1] - before[1],
];

const inside = ({ size }: Geometry, [y, x]: Two): boolean => y >= 0 && y < size[0] && x >= 0 && x < size[1];

const patchesOf = (own: Geometry, x: Array1, fill: number): Array1 => {
  const channels = x.shape[3]!;
  return tabulate([x.shape[0]!, ...own.count, own.kernel[0] * own.kernel[1] * channels], ([b, oy, ox, element]) => {
    const pixel = Math.floor(element! / channels);
    const i = source(own, [oy!, ox!], [Math.floor(pixel / own.kernel[1]), pixel % own.kernel[1]]);
    return inside(own, i) ? at(x, [b!, ...i, element! % channels]) : fill;
  });
};

const enlargements: readonly (readonly [Shape, Pair])[] = [
  [["batch", 2, 3, 2], 2],
  [
    ["batch", 3, 2, 5],
    [1, 3],
  ],
  [
    [2, 1, 2, 1],
    [3, 2],
  ],
];

const images = (channels: number, height = 4, width = 5): Shape => ["batch", height, width, channels];

const poolings: readonly (readonly [Shape, Pair, PoolingOptions])[] = [
  [images(2), 2, {}],
  [images(5), [2, 3], { stride: [2, 1], padding: 1 }],
  [images(1), 3, { stride: 2, padding: "same" }],
  [
    images(3, 3, 3),
    [2, 2],
    {
      stride: 1,
      padding: [
        [1, 0],
        [0, 1],
      ],
    },
  ],
];

const mean = (x: number[]): number => total(x) / x.length;

const between = (size: number, factor: number, i: number): readonly (readonly [number, number])[] => {
  const place = Math.min(Math.max((i + 0.5) / factor - 0.5, 0), size - 1);
  const [low, high] = [Math.floor(place), Math.ceil(place)];
  return [
    [low, low === high ? 1 : high - place],
    [high, place - low],
  ];
};

export const convolutionCases: Entries = {
  conv2d: given([...chosen, ...randomly].map(convolution)),
  tiledConv2d: given(tiled.map(convolution)),
  tiles: given(
    tilings.map((own) => ({
      shapes: [["batch", ...own.size, 3]],
      build: (x) => apply(tilesOperator, [x!], { ...own }),
      expected: (x) => {
        const across = Math.ceil(own.count[1] / 2);
        const tiles = Math.ceil(own.count[0] / 2) * across;
        return tabulate([16, x!.shape[0]! * tiles, 3], ([position, row, c]) => {
          const tile = row! % tiles;
          const [y, z] = [2 * Math.floor(tile / across), 2 * (tile % across)];
          const i: Two = [y + Math.floor(position! / 4) - own.before[0], z + (position! % 4) - own.before[1]];
          return inside(own, i) ? at(x!, [Math.floor(row! / tiles), ...i, c!]) : 0;
        });
      },
    })),
  ),
  convTranspose2d: given([...chosen, ...randomly, ...tiled].map(adjoint)),
  patches: given(
    windows.flatMap(([own, channels]) =>
      [0, -3.5].map(
        (fill): Case => ({
          shapes: [["batch", ...own.size, channels]],
          build: (x) => patches(x!, own, fill),
          expected: (x) => patchesOf(own, x!, fill),
        }),
      ),
    ),
  ),
  unpatches: given(
    windows.map(([own, channels]) => ({
      shapes: [["batch", ...own.count, own.kernel[0] * own.kernel[1] * channels]],
      build: (x) => unpatches(x!, own),
      expected: (x) =>
        accumulate(
          () => [x!.shape[0]!, ...own.size, channels],
          (add) => {
            tabulate(x!.shape, ([b, oy, ox, element]) => {
              const pixel = Math.floor(element! / channels);
              const i = source(own, [oy!, ox!], [Math.floor(pixel / own.kernel[1]), pixel % own.kernel[1]]);
              if (inside(own, i)) add([b!, ...i, element! % channels], at(x!, [b!, oy!, ox!, element!]));
              return 0;
            });
            return own.count;
          },
        ),
    })),
  ),
  upsampleNearest: given(
    enlargements.map(([shape, factor]) => ({
      shapes: [shape],
      build: (x) => upsampleNearest(x!, factor),
      expected: (x) => {
        const [fy, fx] = two(factor);
        return tabulate([x!.shape[0]!, x!.shape[1]! * fy, x!.shape[2]! * fx, x!.shape[3]!], ([b, i, j, c]) =>
          at(x!, [b!, Math.floor(i! / fy), Math.floor(j! / fx), c!]),
        );
      },
    })),
  ),
};

const grouped: readonly (readonly [Sizes, ConvolutionOptions])[] = [
  [[[3, 4], [2, 2], 4, 6], { groups: 2, padding: [0, 1] }],
  [[[4, 3], [3, 2], 3, 3], { groups: 3, stride: 2, padding: "same" }],
  [[[3, 3], [1, 1], 2, 4], { groups: 2 }],
  [[[3, 3], [2, 3], 2, 4], { groups: 2, dilation: [2, 1] }],
];

/** The weight of a grouped convolution: (kernel height, kernel width, channels/groups, outputs). */
const groupedWeight = ([, kernel, channels, outputs]: Sizes, groups: number): Shape => [
  ...kernel,
  channels / groups,
  outputs,
];

/** (batch, length, channels) as an image of one row, and a kernel likewise. */
const asImage = (x: Array1): Array1 => ({ ...x, shape: [x.shape[0]!, 1, ...x.shape.slice(1)] });
const asKernel = (w: Array1): Array1 => ({ ...w, shape: [1, ...w.shape] });
const asSeries = (y: Array1): Array1 => ({ ...y, shape: y.shape.toSpliced(1, 1) });

export const convolutionComposed: Composed = {
  "grouped convolution": grouped.map(([sizes, options]) => ({
    shapes: [["batch", ...sizes[0], sizes[2]], groupedWeight(sizes, options.groups!)],
    build: (x, w) => conv2d(x!, w!, options),
    expected: (x, w) => convolved(x!, w!, options),
  })),
  "grouped transposed convolution": grouped.map(([sizes, options]) => ({
    shapes: [["batch", ...sizes[0], sizes[3]], groupedWeight(sizes, options.groups!)],
    build: (x, w) => convTranspose2d(x!, w!, options),
    expected: (x, w) => transposed(x!, w!, options),
  })),
  "convolution with a bias": [1, 2].flatMap((groups): Case[] => [
    {
      shapes: [["batch", 3, 3, 2], [2, 2, 2 / groups, 4], [4]],
      build: (x, w, bias) => conv2d(x!, w!, { bias: bias!, groups }),
      expected: (x, w, bias) => {
        const y = convolved(x!, w!, { groups });
        return tabulate(y.shape, (index) => at(y, index) + at(bias!, [index[3]!]));
      },
    },
    {
      shapes: [["batch", 2, 2, 2], [2, 2, 4 / groups, 2], [4]],
      build: (x, w, bias) => convTranspose2d(x!, w!, { bias: bias!, groups }),
      expected: (x, w, bias) => {
        const y = transposed(x!, w!, { groups });
        return tabulate(y.shape, (index) => at(y, index) + at(bias!, [index[3]!]));
      },
    },
  ]),
  conv1d: [
    {
      shapes: [
        ["batch", 6, 3],
        [3, 3, 2],
      ],
      build: (x, w) => conv1d(x!, w!, { stride: 2, padding: [2, 1] }),
      expected: (x, w) =>
        asSeries(
          convolved(asImage(x!), asKernel(w!), {
            stride: [1, 2],
            padding: [
              [0, 0],
              [2, 1],
            ],
          }),
        ),
    },
    {
      shapes: [
        ["batch", 5, 2],
        [2, 1, 4],
      ],
      build: (x, w) => conv1d(x!, w!, { dilation: 2, padding: "same", groups: 2 }),
      expected: (x, w) => asSeries(convolved(asImage(x!), asKernel(w!), { dilation: [1, 2], padding: "same" })),
    },
  ],
  convTranspose1d: [
    {
      shapes: [["batch", 3, 2], [4, 3, 2], [3]],
      build: (x, w, bias) => convTranspose1d(x!, w!, { stride: 2, padding: 1, outputPadding: 1, bias: bias! }),
      expected: (x, w, bias) => {
        const options = { stride: [1, 2], padding: [0, 1], outputPadding: [0, 1] } as const;
        const y = asSeries(transposed(asImage(x!), asKernel(w!), options));
        return tabulate(y.shape, (index) => at(y, index) + at(bias!, [index[2]!]));
      },
    },
  ],
  averagePool2d: poolings.map(([shape, kernel, options]) => ({
    shapes: [shape],
    build: (x) => averagePool2d(x!, kernel, options),
    expected: (x) => pooled(x!, kernel, options, mean),
  })),
  maxPool2d: poolings.map(([shape, kernel, options]) => ({
    shapes: [shape.toSpliced(0, 1, 1)], // as many distinct values as there are
    domain: "distinct",
    build: (x) => maxPool2d(x!, kernel, options),
    expected: (x) => pooled(x!, kernel, options, (elements) => Math.max(...elements)),
  })),
  upsampleBilinear: enlargements.map(([shape, factor]) => ({
    shapes: [shape],
    build: (x) => upsampleBilinear(x!, factor),
    expected: (x) => {
      const [fy, fx] = two(factor);
      const [batch, height, width, channels] = x!.shape as [number, number, number, number];
      return tabulate([batch, height * fy, width * fx, channels], ([b, i, j, c]) =>
        total(
          between(height, fy, i!).flatMap(([y, wy]) =>
            between(width, fx, j!).map(([column, wx]) => wy * wx * at(x!, [b!, y, column, c!])),
          ),
        ),
      );
    },
  })),
};
