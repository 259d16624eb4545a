import { expect, test } from "vitest";
import { drawSprite, spriteFactors, sprites } from "../data/sprites.ts";
import { labelNamesOf } from "./label-names.ts";

test("the labels of sprites are called by their shapes", async () => {
  const { train } = await sprites({ examples: 20 });
  const names = labelNamesOf(train)!;
  expect([...train.labels!].map((label) => names[label])).toEqual(
    [...train.index].map((index) => names[spriteFactors(index)[1]!]),
  );
  expect(names).toEqual(["square", "ellipse", "heart"]);
  // Unturned, large, in the middle: the square fills its frame, the ellipse π/4 of it, and the heart hangs down.
  const [square, ellipse, heart] = [0, 1, 2].map((shape) =>
    measured(drawSprite(((shape * 6 + 5) * 40 * 32 + 15) * 32 + 15)),
  );
  expect(square!.filled).toBeGreaterThan(0.95);
  expect(ellipse!.filled).toBeCloseTo(Math.PI / 4, 1);
  expect(ellipse!.lower).toBeCloseTo(0.5, 1);
  expect(heart!.lower).toBeLessThan(0.4);
});

/** How much of its frame a sprite fills, and how much of it is in the frame's lower half. */
function measured(pixels: Uint8Array): { readonly filled: number; readonly lower: number } {
  const painted = [...pixels.keys()].filter((i) => pixels[i] === 255).map((i) => [i % 64, Math.floor(i / 64)] as const);
  const [xs, ys] = [painted.map(([x]) => x), painted.map(([, y]) => y)];
  const [width, top, height] = [
    1 + Math.max(...xs) - Math.min(...xs),
    Math.min(...ys),
    1 + Math.max(...ys) - Math.min(...ys),
  ];
  const lower = ys.filter((y) => y - top >= height / 2).length;
  return { filled: painted.length / (width * height), lower: lower / painted.length };
}

test("other data's labels are numbers", async () => {
  const { train } = await sprites({ examples: 20 });
  expect(labelNamesOf({ ...train, name: "mine" })).toBeUndefined();
  expect(labelNamesOf({ name: "sprites" })).toBeUndefined(); // another data set of this name
});
