import fc from "fast-check";
import { expect, test } from "vitest";
import { type Run, runner } from "../../../test/numeric.ts";
import { compiled, settings } from "../../../test/training.ts";
import { ShapeError } from "../../errors.ts";
import { parameterTree } from "../../nn/parameters.ts";
import { grad } from "../grad.ts";
import { input, type Tensor } from "../tensor.ts";
import { mul, square } from "./arithmetic.ts";
import { crop, flipHorizontal, flipVertical, shift } from "./augmentation.ts";
import { sum } from "./structure.ts";

/* Values and gradients against loops are in test/cases-layers.ts. */

const x = input("x", ["batch", 5, 7, 3]);
const [a, b] = [input("a", ["batch"]), input("b", ["batch"])];

/** One program for all properties: two images at a time. */
const program: Promise<Run> = runner(
  {
    shift: shift(x, a, b),
    edge: shift(x, a, b, { padding: "edge" }),
    back: shift(shift(x, a, b), mul(a, -1), mul(b, -1)),
    crop: crop(x, a, b, [5, 7]),
    horizontal: flipHorizontal(x, a),
    twice: flipHorizontal(flipHorizontal(x, a), a),
    vertical: flipVertical(flipVertical(x, b), b),
    turned: flipHorizontal(shift(flipHorizontal(x, input("one", ["batch"])), a, b), input("one", ["batch"])),
    mirrored: shift(x, a, mul(b, -1)),
  },
  "float32",
);
const size = 5 * 7 * 3;
const pixels = Array.from({ length: 2 * size }, (_, i) => Math.fround(Math.sin(i) * 1e3));
const draw = async (a: readonly number[], b: readonly number[]) => (await program)({ x: pixels, a, b, one: [1, 1] });
const whole = (most: number) => fc.tuple(fc.integer({ min: -most, max: most }), fc.integer({ min: -most, max: most }));

test("a shift by 0 is the identity, to the bit", async () => {
  const { shift, edge, crop } = await draw([0, 0], [0, 0]);
  expect([shift, edge, crop]).toEqual([pixels, pixels, pixels]);
});

test("flips twice are the identity; where none is chosen, once", async () => {
  for (const chosen of [
    [1, 0],
    [0, 1],
    [1, 1],
  ]) {
    const { twice, vertical, horizontal } = await draw(chosen, chosen);
    expect([twice, vertical]).toEqual([pixels, pixels]);
    for (const image of [0, 1]) {
      const own = (values: number[]) => values.slice(image * size, image * size + size);
      if (chosen[image] === 0) expect(own(horizontal!)).toEqual(own(pixels));
      else expect(own(horizontal!)).not.toEqual(own(pixels));
    }
  }
});

test("shifts of every size and sign, each example by its own", async () => {
  await fc.assert(
    fc.asyncProperty(whole(9), whole(9), async (down, right) => {
      const { shift, edge, crop } = await draw(down, right);
      for (const [flat, value] of shift!.entries()) {
        const [image, row, column, channel] = [
          Math.floor(flat / size),
          Math.floor((flat % size) / 21),
          Math.floor((flat % 21) / 3),
          flat % 3,
        ];
        const [i, j] = [row - down[image]!, column - right[image]!];
        const pixel = (i: number, j: number) => pixels[image * size + i * 21 + j * 3 + channel]!;
        const inside = i >= 0 && i < 5 && j >= 0 && j < 7;
        expect(value).toBe(inside ? pixel(i, j) : 0);
        expect(edge![flat]).toBe(pixel(Math.min(Math.max(i, 0), 4), Math.min(Math.max(j, 0), 6)));
        const [y, x] = [row + down[image]!, column + right[image]!];
        expect(crop![flat]).toBe(y >= 0 && y < 5 && x >= 0 && x < 7 ? pixel(y, x) : 0);
      }
    }),
    { numRuns: 30, seed: 2 },
  );
});

test("there and back loses what left the image; shifted among flips, it goes the other way", async () => {
  const { back, turned, mirrored } = await draw([2, -1], [0, 3]);
  expect(turned).toEqual(mirrored);
  const lost = (flat: number) => {
    const [row, column] = [Math.floor((flat % size) / 21), Math.floor((flat % 21) / 3)];
    return flat < size ? row >= 3 : row < 1 || column >= 4;
  };
  expect(back).toEqual(pixels.map((value, flat) => (lost(flat) ? 0 : value)));
});

test("grey images need no channels; a part may be larger than the image", async () => {
  const grey = input("x", ["batch", 2, 2]);
  const y = crop(grey, a, b, [3, 4]);
  expect(y.shape).toEqual(["batch", 3, 4]);
  const run = await runner({ y, flipped: flipVertical(grey, a) }, "float32");
  const results = await run({ x: [1, 2, 3, 4], a: [-1], b: [-1] });
  expect(results.y).toEqual([0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0]);
  expect((await run({ x: [1, 2, 3, 4], a: [1], b: [0] })).flipped).toEqual([3, 4, 1, 2]);
});

test("fractions lose what is after the point", async () => {
  const run = await runner({ y: shift(input("x", ["batch", 1, 3]), a, b) }, "float32");
  expect((await run({ x: [1, 2, 3], a: [0.9], b: [1.9] })).y).toEqual([0, 1, 2]);
  expect((await run({ x: [1, 2, 3], a: [-0.9], b: [-1.9] })).y).toEqual([2, 3, 0]);
});

test("a training program takes the numbers as inputs, and trains what is shifted", async () => {
  const { root, specs } = parameterTree();
  const image = root.parameter("image", [1, 2, 3, 1], { kind: "constant", value: 1 });
  const [down, right] = [input("down", [1]), input("right", [1])];
  const program = await compiled({
    specs,
    batchSize: 1,
    objectives: [
      { name: "fit", minimize: sum(square(shift(image, down, right, { padding: "edge" }))), trains: ["image"] },
    ],
  });
  program.inputs.down!.set([1]);
  program.inputs.right!.set([0]);
  const { loss } = (await program.step(1, { ...settings, beta1: 0 })).get("fit")!;
  expect(loss).toBeCloseTo(6, 6);
  const [gradient] = grad(sum(shift(image, down, right, { padding: "edge" })), [image]) as [Tensor];
  const run = await runner({ gradient }, "float32");
  // moved down by one, the upper row is seen twice and the lower not at all
  expect((await run({ down: [1], right: [0], image: [1, 2, 3, 4, 5, 6] })).gradient).toEqual([2, 2, 2, 0, 0, 0]);
});

test("what does not fit is refused", () => {
  const refused: readonly (readonly [() => unknown, string])[] = [
    [
      () => shift(input("x", ["batch", 5]), a, b),
      "shift: expected images (batch, height, width) or (batch, height, width, channels) of floats, got (batch, 5) float; inputs: x (batch, 5), a (batch,), b (batch,)",
    ],
    [() => shift(input("x", [2, "batch", 5]), a, b), "got (2, batch, 5) float"],
    [
      () => shift(x, input("down", ["batch", 1]), b),
      "shift: down: expected a number for each example, (batch,), got (batch, 1)",
    ],
    [() => shift(x, a, input("right", [])), "shift: right: expected a number for each example, (batch,), got ()"],
    [() => crop(x, input("top", [3]), b, [2, 2]), "crop: top: expected a number for each example, (batch,), got (3,)"],
    [
      () => crop(x, a, input("left", [3]), [2, 2]),
      "crop: left: expected a number for each example, (batch,), got (3,)",
    ],
    [() => crop(x, a, b, [2, 0]), "crop: size: expected [height, width] of 1 or more, got [2,0]"],
    [() => crop(x, a, b, [2, 1.5]), "crop: size: expected [height, width] of 1 or more, got [2,1.5]"],
    [() => shift(x, a, b, { padding: "same" as never }), 'shift: padding: expected "zero" or "edge", got "same"'],
    [() => shift(x, a, b, { pading: "edge" } as never), 'shift: pading: unknown option; did you mean "padding"?'],
    [() => crop(x, a, b, [2, 2], { pad: "edge" } as never), 'crop: pad: unknown option; allowed: "padding"'],
    [
      () => flipHorizontal(x, input("chosen", [3])),
      "flipHorizontal: chosen: expected a number for each example, (batch,), got (3,)",
    ],
    [() => flipVertical(input("x", [3]), a), "flipVertical: expected images"],
  ];
  for (const [build, message] of refused) {
    expect(build).toThrow(ShapeError);
    expect(build).toThrow(message);
  }
});
