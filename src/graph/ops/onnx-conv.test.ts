import fc from "fast-check";
import { expect, test } from "vitest";
import { cpuBackend } from "../../runtime/ort.node.ts";
import { compile } from "../../runtime/program.ts";
import { type LowerOptions, lower } from "../lower.ts";
import { sizeAt } from "../shape.ts";
import { input, parameter, type Tensor } from "../tensor.ts";
import { mul } from "./arithmetic.ts";
import { conv2d } from "./convolution.ts";

const numbers = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(12.9898 * (i + seed)));

/** y of stored weights, with ONNX's own convolutions and without. */
async function bothWays(y: Tensor, x: Float32Array, weights: LowerOptions["embed"]) {
  const results = [];
  for (const ownConvolutions of [true, false]) {
    const program = await compile(await cpuBackend(1), { y }, { embed: weights!, ownConvolutions });
    results.push((await program.run({ x })).y!.data as Float32Array);
    await program.release();
  }
  return results as [Float32Array, Float32Array];
}

const pair = (least: number, most: number) =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }));

type Drawn = [
  size: Two,
  kernel: Two,
  stride: Two,
  dilation: Two,
  "valid" | "same" | [Two, Two],
  number,
  number,
  boolean,
];
type Two = [number, number];

/** Those that are computed by 4×4 tiles otherwise, which are seldom drawn. */
const byTiles: Drawn[] = [
  [[8, 8], [3, 3], [1, 1], [1, 1], "same", 16, 16, true],
  [[7, 10], [3, 3], [1, 1], [1, 1], "valid", 16, 17, false],
  [
    [5, 6],
    [3, 3],
    [1, 1],
    [1, 1],
    [
      [2, 0],
      [1, 2],
    ],
    17,
    16,
    true,
  ],
];

test("ONNX's own convolution computes the same", () =>
  fc.assert(
    fc.asyncProperty(
      pair(5, 12),
      pair(1, 3),
      pair(1, 3),
      pair(1, 2),
      fc.oneof(fc.constantFrom("valid" as const, "same" as const), fc.tuple(pair(0, 2), pair(0, 2))),
      fc.constantFrom(1, 3, 8, 16),
      fc.constantFrom(1, 5, 16),
      fc.boolean(),
      async (size, kernel, stride, dilation, padding, channels, outputs, biased) => {
        const x = input("x", ["batch", ...size, channels]);
        const weight = parameter("w", [...kernel, channels, outputs]);
        const bias = biased ? { bias: parameter("b", [outputs]) } : {};
        const y = conv2d(x, weight, { stride, dilation, padding, ...bias });
        const weights = new Map([
          ["w", numbers(sizeAt(weight.shape, 1), 0)],
          ["b", numbers(outputs, 7)],
        ]);
        const [own, usual] = await bothWays(y, numbers(sizeAt(x.shape, 3), 3), weights);
        expect(own).toHaveLength(usual.length);
        for (const [i, value] of usual.entries()) expect(Math.abs(own[i]! - value)).toBeLessThan(1e-4);
      },
    ),
    {
      numRuns: 40 + byTiles.length,
      examples: byTiles,
    },
  ));

test("it is taken where it was asked for and the weights are stored, also those made of stored ones", () => {
  const x = input("x", ["batch", 8, 8, 16]);
  const weight = parameter("w", [3, 3, 16, 16]);
  const stored = new Map([["w", numbers(9 * 16 * 16, 0)]]);
  const has = (y: Tensor, options: LowerOptions) => Buffer.from(lower({ y }, options).bytes).includes("kernel_shape");
  for (const stride of [1, 2])
    for (const made of [weight, mul(weight, 2)]) {
      const y = conv2d(x, made, { stride, padding: "same" });
      expect(has(y, { embed: stored, ownConvolutions: true })).toBe(true);
      expect(has(y, { embed: stored })).toBe(false);
      expect(has(y, { ownConvolutions: true })).toBe(false);
      expect(has(y, { embed: stored, ownConvolutions: true, precision: "float64" })).toBe(false);
    }
});

test("constants that nothing needs are not stored", () => {
  const weight = parameter("w", [3, 3, 1, 4]);
  const y = conv2d(input("x", ["batch", 64, 64, 1]), weight);
  const embed = new Map([["w", numbers(36, 0)]]);
  expect(lower({ y }, { embed, ownConvolutions: true }).bytes.length).toBeLessThan(1500);
  expect(lower({ y }, { embed }).bytes.length).toBeGreaterThan(100_000); // the places of its patches
});
