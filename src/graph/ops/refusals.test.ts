import { expect, test } from "vitest";
import { ShapeError } from "../../errors.ts";
import { input } from "../tensor.ts";
import { softmax } from "./axis.ts";
import { conv1d, conv2d, convTranspose1d, convTranspose2d } from "./convolution.ts";
import { splitEvenly } from "./join.ts";
import { patches, unpatches } from "./patches.ts";
import { averagePool2d, maxPool2d } from "./pooling.ts";
import { upsampleBilinear, upsampleNearest } from "./resize.ts";
import { scatterAdd } from "./select.ts";
import { dropout } from "./stochastic.ts";
import { tril, trilVector } from "./triangle.ts";

test("what does not fit is refused", () => {
  const x = input("x", ["batch", 4]);
  expect(() => softmax(x, 2)).toThrow("softmax: axis 2 does not exist in (batch, 4)");
  expect(() => dropout(x, x, 1)).toThrow("dropout: expected a rate in [0, 1), got 1");
  expect(dropout(x, x, 0)).toBe(x);
  expect(() => tril(x)).toThrow("tril: expected floats (…, d(d + 1)/2), got (batch, 4) of float");
  expect(() => trilVector(x)).toThrow("trilVector: expected floats (…, d, d), got (batch, 4) of float");
  expect(() => splitEvenly(x, 1, 3)).toThrow("splitEvenly: cannot cut the 4 of axis 1 into 3 equal parts");
  expect(() => scatterAdd(input("i", [3], "int"), x, 5, 1)).toThrow("scatterAdd: expected indices of shape (4,)");
});

test("images, windows and weights that do not fit are refused", () => {
  const x = input("x", ["batch", 5, 6, 4]);
  const weight = input("w", [3, 3, 4, 8]);
  const refused: readonly (readonly [() => unknown, string])[] = [
    [
      () => conv2d(input("x", ["batch", 5, 6]), weight),
      "conv2d: expected images (batch, height, width, channels) of floats, got (batch, 5, 6) float; inputs: x (batch, 5, 6), w (3, 3, 4, 8)",
    ],
    [
      () => conv2d(input("i", ["batch", 5, 6, 4], "int"), weight),
      "conv2d: expected images (batch, height, width, channels) of floats, got (batch, 5, 6, 4) int",
    ],
    [
      () => conv2d(input("x", [2, "batch", 6, 4]), weight),
      "conv2d: the height must be of static size, got batch; only the batch may vary",
    ],
    [() => conv2d(x, input("w", [3, 3, 4])), "conv2d: expected a weight of four static axes, got (3, 3, 4)"],
    [
      () => conv2d(x, input("w", [3, 3, 3, 8])),
      "conv2d: expected a weight (kernel height, kernel width, 4, outputs), got (3, 3, 3, 8)",
    ],
    [
      () => conv2d(x, weight, { stride: 0 }),
      "conv2d: stride: expected a whole number of 1 or more, or two [vertical, horizontal], got [0]",
    ],
    [
      () => conv2d(x, weight, { stride: [1, 1.5] }),
      "conv2d: stride: expected a whole number of 1 or more, or two [vertical, horizontal], got [1,1.5]",
    ],
    [
      () => conv2d(x, weight, { dilation: -1 }),
      "conv2d: dilation: expected a whole number of 1 or more, or two [vertical, horizontal], got [-1]",
    ],
    [
      () => conv2d(x, weight, { padding: -1 }),
      'conv2d: padding: expected "valid", "same", a whole number of 0 or more, [vertical, horizontal] or [[top, bottom], [left, right]], got -1',
    ],
    [() => conv2d(x, weight, { padding: "full" as never }), 'or [[top, bottom], [left, right]], got "full"'],
    [() => conv2d(x, weight, { padding: [1, 2, 3] as never }), "or [[top, bottom], [left, right]], got [1,2,3]"],
    [
      () => conv2d(x, weight, { dilation: [1, 3] }),
      "conv2d: a window of 3×7 does not fit into the padded image of 5×6; pad more, or take a smaller kernel or dilation",
    ],
    [() => conv2d(x, weight, { groups: 3 }), "conv2d: groups: 3 groups do not divide the 4 input channels"],
    [
      () => conv2d(x, input("w", [3, 3, 1, 6]), { groups: 4 }),
      "conv2d: groups: 4 groups do not divide the 6 output channels",
    ],
    [() => conv2d(x, weight, { groups: 0 }), "conv2d: groups: expected a whole number of 1 or more, got 0"],
    [() => conv2d(x, weight, { bias: input("b", [4]) }), "conv2d: expected a bias (8,) of floats, got (4,) float"],
    [() => conv2d(x, weight, { bias: input("b", [8, 1]) }), "conv2d: expected a bias (8,) of floats, got (8, 1) float"],
    [
      () => convTranspose2d(x, weight),
      "convTranspose2d: expected a weight (kernel height, kernel width, outputs, 4), got (3, 3, 4, 8)",
    ],
    [
      () => convTranspose2d(x, input("w", [3, 3, 1, 8]), { groups: 2 }),
      "expected a weight (kernel height, kernel width, outputs/groups, 4), got (3, 3, 1, 8)",
    ],
    [
      () => convTranspose2d(x, input("w", [3, 3, 8, 4]), { stride: 2, outputPadding: [1, 2] }),
      "convTranspose2d: outputPadding: expected less than the stride [2,2], got [1,2]",
    ],
    [
      () => convTranspose2d(x, input("w", [3, 3, 8, 4]), { stride: 2, padding: "same", outputPadding: 1 }),
      'convTranspose2d: outputPadding: padding "same" gives size × stride, which leaves none to choose, got [1,1]',
    ],
    [
      () => convTranspose2d(x, input("w", [3, 3, 8, 4]), { padding: [4, 0] }),
      "convTranspose2d: padding: [4,0] leaves an image of -1×8",
    ],
    [() => conv1d(x, weight), "conv1d: expected series (batch, length, channels) of floats, got (batch, 5, 6, 4)"],
    [
      () => conv1d(input("x", ["batch", 5, 4]), weight),
      "conv1d: expected a weight (kernel, …, …) of three axes, got (3, 3, 4, 8)",
    ],
    [
      () => conv1d(input("x", ["batch", 5, 4]), input("w", [3, 3, 8])),
      "conv1d: expected a weight (kernel height, kernel width, 4, outputs), got (1, 3, 3, 8)",
    ],
    [
      () => averagePool2d(x, 0),
      "averagePool2d: size: expected a whole number of 1 or more, or two [vertical, horizontal], got [0]",
    ],
    [
      () => maxPool2d(x, 2, { padding: 2 }),
      "maxPool2d: padding: expected less than the window of 2×2, for it to see some of the image",
    ],
    [
      () => upsampleNearest(x, 0.5),
      "upsampleNearest: factor: expected a whole number of 1 or more, or two [vertical, horizontal], got [0.5]",
    ],
    [
      () => upsampleBilinear(input("x", ["batch", 5, 6]), 2),
      "upsampleBilinear: expected images (batch, height, width, channels) of floats",
    ],
  ];
  for (const [build, message] of refused) expect(build).toThrow(message);
  const geometry = {
    size: [5, 6],
    kernel: [2, 2],
    stride: [1, 1],
    dilation: [1, 1],
    before: [0, 0],
    count: [4, 5],
  } as const;
  expect(() => patches(input("x", ["batch", 6, 6, 4]), geometry)).toThrow("patches: expected images of 5×6, got 6×6");
  expect(() => patches(input("x", ["batch", 5, 6]), geometry)).toThrow(
    "patches: expected images (batch, height, width, channels)",
  );
  expect(() => unpatches(input("x", ["batch", 4, 4, 16]), geometry)).toThrow(
    "unpatches: expected 4×5 patches, got 4×4",
  );
  expect(() => unpatches(input("x", ["batch", 4, 5, 3]), geometry)).toThrow(
    "unpatches: expected patches (batch, rows, columns, 2·2·channels) of floats",
  );
  expect(upsampleNearest(x, 1)).toBe(x);
});

test("options that are not known are refused, with the nearest that is", () => {
  const [x, weight] = [input("x", ["batch", 5, 6, 4]), input("w", [3, 3, 4, 4])];
  const [series, kernel] = [input("x", ["batch", 5, 4]), input("w", [3, 4, 4])];
  const refused: readonly (readonly [() => unknown, string])[] = [
    [
      () => conv2d(x, weight, { strides: 2 } as never),
      'conv2d: strides: unknown option; did you mean "stride"?; inputs: x (batch, 5, 6, 4), w (3, 3, 4, 4)',
    ],
    [
      () => conv2d(x, weight, { outputPadding: 1 } as never),
      'conv2d: outputPadding: unknown option; allowed: "stride", "padding", "dilation", "groups", "bias"',
    ],
    [
      () => convTranspose2d(x, weight, { outputpading: 1 } as never),
      'convTranspose2d: outputpading: unknown option; did you mean "outputPadding"?',
    ],
    [
      () => conv1d(series, kernel, { dilatoin: 2 } as never),
      'conv1d: dilatoin: unknown option; did you mean "dilation"?',
    ],
    [() => conv1d(series, kernel, { outputPadding: 0 } as never), "conv1d: outputPadding: unknown option; allowed: "],
    [
      () => convTranspose1d(series, kernel, { group: 2 } as never),
      'convTranspose1d: group: unknown option; did you mean "groups"?',
    ],
    [() => maxPool2d(x, 2, { Stride: 2 } as never), 'maxPool2d: Stride: unknown option; did you mean "stride"?'],
    [
      () => averagePool2d(x, 2, { dilation: 2 } as never),
      'averagePool2d: dilation: unknown option; allowed: "stride", "padding"',
    ],
  ];
  for (const [build, message] of refused) {
    expect(build).toThrow(ShapeError);
    expect(build).toThrow(message);
  }
  const all = { stride: 1, padding: "same", dilation: 1, groups: 1 } as const;
  expect(conv2d(x, weight, { ...all, bias: input("b", [4]) }).shape).toEqual(["batch", 5, 6, 4]);
  expect(convTranspose1d(series, kernel, { ...all, outputPadding: 0 }).shape).toEqual(["batch", 5, 4]);
});
