import fc from "fast-check";
import { expect, test } from "vitest";
import { type GridOptions, gridSize, imageGrid, pairsSize, sideBySide } from "./grid.ts";

test("the sizes said beforehand are those of the pictures", () => {
  const side = fc.integer({ min: 1, max: 5 });
  const event = fc.oneof(fc.tuple(side), fc.tuple(side, side), fc.tuple(side, side, fc.constant(3)));
  const options: fc.Arbitrary<GridOptions> = fc.record(
    {
      columns: fc.integer({ min: 1, max: 9 }),
      gap: fc.integer({ min: 0, max: 3 }),
      scale: fc.integer({ min: 1, max: 3 }),
    },
    { requiredKeys: ["columns"] },
  );
  fc.assert(
    fc.property(event, options, fc.integer({ min: 1, max: 9 }), (shape, chosen, count) => {
      const images = new Float32Array(count * shape.reduce((product, length) => product * length, 1));
      const sizeOf = ({ width, height }: { width: number; height: number }) => ({ width, height });
      expect(gridSize(shape, count, chosen)).toEqual(sizeOf(imageGrid(images, shape, chosen)));
      expect(pairsSize(shape, count, chosen)).toEqual(sizeOf(sideBySide(images, images, shape, chosen)));
    }),
    { numRuns: 50 },
  );
});
