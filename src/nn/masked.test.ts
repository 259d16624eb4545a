import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluate, furthest, runner } from "../../test/numeric.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { slice } from "../graph/ops/join.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { staticSize } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { type MadeOptions, made, maskedDense } from "./masked.ts";
import { maskedConv } from "./masked-convolution.ts";
import { type ParameterSpec, parameterTree, type Scope } from "./parameters.ts";

/** Parameters none of which is 0 or like another. */
const generic = (specs: readonly ParameterSpec[]): Record<string, number[]> =>
  Object.fromEntries(
    specs.map(({ path, shape }, k) => [
      path,
      Array.from({ length: staticSize(shape) }, (_, i) => Math.sin(i + 7 * k + 1)),
    ]),
  );

/** Which inputs each output depends on: the derivative of outputs (1, n) by inputs (1, m), where it is not 0. */
async function dependence(
  outputs: Tensor,
  inputs: Tensor,
  feeds: Readonly<Record<string, ArrayLike<number>>>,
): Promise<boolean[][]> {
  const count = outputs.shape[1] as number;
  const rows = Array.from(
    { length: count },
    (_, i) => [`d${i}`, grad(sum(slice(outputs, 1, i, i + 1)), [inputs])[0]!] as const,
  );
  const results = await evaluate(Object.fromEntries(rows), feeds);
  return rows.map(([name]) => results[name]!.map((value) => value !== 0));
}

const permutations = fc.integer({ min: 1, max: 6 }).chain((size) =>
  fc.shuffledSubarray(
    Array.from({ length: size }, (_, i) => i),
    { minLength: size },
  ),
);

test("made's Jacobian is strictly triangular in the order, and full below the diagonal", async () => {
  await fc.assert(
    fc.asyncProperty(
      permutations,
      fc.integer({ min: 0, max: 2 }),
      fc.integer({ min: 1, max: 3 }),
      async (order, depth, parameters) => {
        const size = order.length;
        const { root, specs } = parameterTree();
        const options: MadeOptions = {
          hidden: Array(depth).fill(2 * size),
          activation: "tanh",
          initialization: "lecun",
          order,
          parameters,
        };
        const x = input("x", [1, size]);
        const y = made(root, size, options)(x);
        expect(y.shape).toEqual([1, size, parameters]);
        const feeds = { x: order.map((i) => Math.cos(i)), ...generic(specs) };
        const seen = await dependence(reshape(y, [1, size * parameters]), x, feeds);
        for (const [output, inputs] of seen.entries()) {
          const place = order[Math.floor(output / parameters)]!;
          expect(inputs).toEqual(order.map((before) => before < place));
        }
      },
    ),
    { numRuns: 15, seed: 4 },
  );
});

test("every output of made sees all of the context, the first too", async () => {
  for (const hidden of [[], [5], [8, 8]]) {
    const { root, specs } = parameterTree();
    const options: MadeOptions = { hidden, activation: "tanh", initialization: "he", order: [2, 0, 1], context: 2 };
    const [x, context] = [input("x", [1, 3]), input("context", [1, 2])];
    const y = reshape(made(root, 3, options)(x, context), [1, 3]);
    const feeds = { x: [1, -0.5, 0.3], context: [0.2, -1], ...generic(specs) };
    expect(await dependence(y, context, feeds)).toEqual(Array(3).fill([true, true]));
    const [first, second, third] = await dependence(y, x, feeds);
    expect([second, third, first]).toEqual([
      [false, false, false],
      [false, true, false],
      [false, true, true],
    ]);
  }
});

test("no hidden unit of made is in vain", async () => {
  const { root, specs } = parameterTree();
  const y = made(root, 3, { hidden: [6, 6], activation: "tanh", initialization: "he" })(input("x", [1, 3]));
  const biases = specs.filter(({ path }) => /^hidden.*bias$/.test(path)).map(({ tensor }) => tensor);
  const [first, second] = grad(sum(y), biases);
  const results = await evaluate({ first: first!, second: second! }, { x: [1, -0.5, 0.3], ...generic(specs) });
  for (const gradient of Object.values(results)) expect(gradient.every((value) => value !== 0)).toBe(true);
});

test("made's one input sees nothing but the context", async () => {
  const { root, specs } = parameterTree();
  const y = made(root, 1, { hidden: [4], activation: "relu", initialization: "he" })(input("x", [2, 1]));
  const { out } = await evaluate({ out: y }, { x: [3, -5], ...generic(specs) });
  expect(out![0]).toBe(out![1]);
});

/** Masks A, B, B, with dilation in one of them: what a small PixelCNN is. */
function pixelCnn(scope: Scope, channels: number, colours: number) {
  const options = { kernel: 3, initialization: "he", colours } as const;
  const layers = [
    maskedConv(scope.at("0"), channels, 2 * colours, { ...options, mask: "A", kernel: [3, 5] }),
    maskedConv(scope.at("1"), 2 * colours, 2 * colours, { ...options, mask: "B", dilation: [1, 2] }),
    maskedConv(scope.at("2"), 2 * colours, channels, { ...options, mask: "B" }),
  ];
  return (x: Tensor) => layers.reduce((h, layer) => layer(h), x);
}

test.each([
  { channels: 1, colours: 1 },
  { channels: 3, colours: 3 },
  { channels: 2, colours: 1 },
])(
  "masked convolutions: an output depends on what is before it alone ($channels channels, $colours colours)",
  async ({ channels, colours }) => {
    const [height, width] = [4, 5];
    const { root, specs } = parameterTree();
    const x = input("x", [1, height, width, channels]);
    const size = height * width * channels;
    const y = reshape(pixelCnn(root, channels, colours)(x), [1, size]);
    const feeds = { x: Array.from({ length: size }, (_, i) => Math.cos(i)), ...generic(specs) };
    const seen = await dependence(y, x, feeds);
    /** Where a channel stands: its pixel, then its colour. */
    const place = (i: number) => Math.floor(i / channels) * colours + Math.floor(((i % channels) * colours) / channels);
    for (const [output, inputs] of seen.entries())
      for (const [i, depends] of inputs.entries()) if (depends) expect(place(i)).toBeLessThan(place(output));
    // the pixels just above and to the left are seen, and earlier colours of the same one
    const at = (row: number, column: number, channel = 0) => (row * width + column) * channels + channel;
    expect([
      seen[at(2, 2)]![at(2, 1)],
      seen[at(2, 2)]![at(1, 2)],
      seen[at(2, 2)]![at(1, 3)],
      seen[at(2, 2)]![at(0, 0)],
    ]).toEqual([true, true, true, true]);
    if (colours > 1) expect(seen[at(2, 2, 2)]!.slice(at(2, 2), at(2, 2) + 3)).toEqual([true, true, false]);
    if (colours > 1) expect(seen[at(2, 2, 1)]!.slice(at(2, 2), at(2, 2) + 3)).toEqual([true, false, false]);
  },
);

test("changing a pixel changes nothing before it, to the bit", async () => {
  const { root, specs } = parameterTree();
  const x = input("x", [1, 4, 5, 3]);
  const run = await runner({ y: pixelCnn(root, 3, 3)(x) }, "float32");
  const feeds = { x: Array.from({ length: 60 }, (_, i) => Math.cos(i)), ...generic(specs) };
  const { y } = await run(feeds);
  for (const changed of [0, 17, 34, 59]) {
    const moved = (await run({ ...feeds, x: feeds.x.with(changed, 5) })).y!;
    expect(moved.slice(0, changed + 1)).toEqual(y!.slice(0, changed + 1));
    if (changed < 59) expect(moved).not.toEqual(y);
  }
});

test("the gradient of a masked weight is 0", async () => {
  const { root, specs } = parameterTree();
  const x = input("x", [2, 3]);
  const layer = maskedDense(root, [1, 2, 3], [2, 2, 1], { initialization: "glorot", strict: true });
  const [weight] = specs.map(({ tensor }) => tensor);
  const [gradient] = grad(sum(layer(x)), [weight!]);
  const { g } = await evaluate({ g: gradient! }, { x: [1, 2, 3, 4, 5, 6], ...generic(specs) });
  expect(g!.map((value) => value + 0)).toEqual([5, 5, 0, 0, 0, 0, 0, 0, 0]);
});

test("masked layers declare their parameters, which start at the variance of what is not masked", () => {
  const { root, specs } = parameterTree();
  const own = { kind: "constant", value: 2 } as const;
  maskedDense(root.at("dense"), [1, 2], [1, 2, 2], { initialization: "lecun", bias: own });
  maskedConv(root.at("conv"), 2, 4, { mask: "B", kernel: [3, 5], initialization: "he" });
  maskedConv(root.at("bare"), 2, 4, { mask: "A", kernel: 3, initialization: "glorot", bias: false });
  made(root.at("made"), 3, { hidden: [4], activation: "relu", initialization: "he", parameters: 2, context: 5 });
  const zero = { kind: "constant", value: 0 };
  expect(specs.map(({ path, shape, initializer }) => [path, shape, initializer])).toEqual([
    ["dense.weight", [2, 3], { kind: "normal", standardDeviation: Math.sqrt(1 / (5 / 3)) }],
    ["dense.bias", [3], own],
    ["conv.weight", [2, 5, 2, 4], { kind: "normal", standardDeviation: Math.sqrt(2 / (8 * 2)) }],
    ["conv.bias", [4], zero],
    ["bare.weight", [2, 3, 2, 4], { kind: "uniform", limit: Math.sqrt(6 / (4 * 2 + 4 * 4)) }],
    ["made.hidden.0.weight", [8, 4], { kind: "normal", standardDeviation: Math.sqrt(2 / (23 / 4)) }],
    ["made.hidden.0.bias", [4], zero],
    ["made.output.weight", [4, 6], { kind: "normal", standardDeviation: Math.sqrt(2 / (18 / 6)) }],
    ["made.output.bias", [6], zero],
  ]);
});

test("made activates its hidden layers and not its output", async () => {
  const { root, specs } = parameterTree();
  const y = made(root, 2, { hidden: [1], activation: "relu", initialization: "he" })(input("x", [1, 2]));
  const parameters = {
    "hidden.0.weight": [1, 1],
    "hidden.0.bias": [0],
    "output.weight": [9, -2],
    "output.bias": [0.5, 0],
  };
  expect(specs.map(({ path }) => path)).toEqual(Object.keys(parameters));
  const run = await runner({ y });
  expect((await run({ x: [3, 0], ...parameters })).y).toEqual([0.5, -6]);
  expect(furthest((await run({ x: [-3, 0], ...parameters })).y!, [0.5, 0])).toBe(0);
});

test("what does not fit is refused", () => {
  const { root } = parameterTree();
  const dense = { initialization: "he" } as const;
  const conv = { mask: "A", kernel: 3, initialization: "he" } as const;
  const network = { hidden: [4], activation: "relu", initialization: "he" } as const;
  const usage: readonly (readonly [() => unknown, string])[] = [
    [
      () => maskedDense(root, [1], [1], { ...dense, strickt: true } as never),
      'maskedDense of weight: strickt: unknown option; did you mean "strict"?',
    ],
    [
      () => made(root, 3, { ...network, contexts: 3 } as never),
      'made of output: contexts: unknown option; did you mean "context"?',
    ],
    [
      () => made(root, 3, { ...network, order: [0, 1, 1] }),
      "made of output: order: expected each of 0…2 once, got [0,1,1]",
    ],
    [() => made(root, 3, { ...network, order: [0, 1] }), "made of output: order: expected each of 0…2 once, got [0,1]"],
    [
      () => made(root, 3, { ...network, parameters: 0 }),
      "made of output: parameters: expected a whole number of 1 or more, got 0",
    ],
    [
      () => made(root, 3, { ...network, context: -1 }),
      "made of output: context: expected a whole number of 0 or more, got -1",
    ],
    [
      () => maskedConv(root, 2, 2, { ...conv, stride: 2 } as never),
      "maskedConv of weight: stride: unknown option; allowed: ",
    ],
    [
      () => maskedConv(root, 2, 2, { ...conv, mask: "C" as never }),
      'maskedConv of weight: mask: expected "A" or "B", got "C"',
    ],
    [
      () => maskedConv(root, 2, 2, { ...conv, kernel: [3, 2] }),
      "maskedConv of weight: kernel: expected an odd number, or two [height, width], got [3,2]",
    ],
    [
      () => maskedConv(root, 3, 4, { ...conv, colours: 3 }),
      "maskedConv of weight: colours: expected a divisor of the 3 inputs and 4 outputs, got 3",
    ],
  ];
  for (const [build, message] of usage) {
    expect(build).toThrow(UsageError);
    expect(build).toThrow(message);
  }
  const x = input("x", ["batch", 3]);
  const bare = made(root.at("bare"), 3, network);
  const conditional = made(root.at("conditional"), 3, { ...network, context: 2 });
  const convolution = maskedConv(root.at("conv"), 2, 2, conv);
  const shapes: readonly (readonly [() => unknown, string])[] = [
    [() => bare(input("x", ["batch", 4])), "made: expected x (rows, 3) and no context"],
    [() => bare(x, input("context", ["batch", 2])), "made: expected x (rows, 3) and no context"],
    [() => conditional(x), "made: expected x (rows, 3) and a context (rows, 2)"],
    [() => conditional(x, input("context", ["batch", 3])), "made: expected x (rows, 3) and a context (rows, 2)"],
    [() => convolution(input("x", ["batch", 4, 4, 3])), "maskedConv: expected 2 channels, got (batch, 4, 4, 3)"],
  ];
  for (const [build, message] of shapes) {
    expect(build).toThrow(ShapeError);
    expect(build).toThrow(message);
  }
});
