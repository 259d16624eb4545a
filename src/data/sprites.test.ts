import { readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { testWithData } from "../../test/shared-data.ts";
import { drawSprite, spriteCount, spriteFactorSizes, spriteFactors, sprites } from "./sprites.ts";

const shapes = { square: 0, ellipse: 1, heart: 2 };

/** The index of a combination of factors, as dSprites counts them. */
function indexOf(factors: readonly number[]): number {
  return factors.reduce((index, value, i) => index * spriteFactorSizes[i]! + value, 0);
}

test("index and factors are inverse to each other", () => {
  expect(spriteCount).toBe(737_280);
  expect(spriteFactors(0)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(spriteFactors(1)).toEqual([0, 0, 0, 0, 0, 1]); // posY varies fastest
  fc.assert(
    fc.property(fc.integer({ min: 0, max: spriteCount - 1 }), (index) => {
      expect(indexOf(spriteFactors(index))).toBe(index);
    }),
  );
  for (const index of [-1, spriteCount, 0.5, Number.NaN]) {
    expect(() => drawSprite(index)).toThrow(`sprite: expected a whole number from 0 to 737279, got ${index}`);
  }
});

test("every sprite is whole, inside the image, and grows with its scale", () => {
  for (const shape of Object.values(shapes)) {
    for (let orientation = 0; orientation < 40; orientation++) {
      const areas = [0, 1, 2, 3, 4, 5].map((scale) =>
        [0, 31].map((place) => {
          const pixels = drawSprite(indexOf([0, shape, scale, orientation, place, place]));
          expect(pixels.every((value) => value === 0 || value === 255)).toBe(true);
          const edge = pixels.filter((_, i) => i % 64 === 0 || i % 64 === 63 || i < 64 || i >= 63 * 64);
          expect(edge.every((value) => value === 0)).toBe(true);
          return pixels.filter((value) => value > 0).length;
        }),
      );
      // At the first and the last place the sprite lies alike in the grid of pixels, so that its area is the same.
      for (const [first, last] of areas) expect(first).toBe(last);
      for (let scale = 1; scale < 6; scale++) expect(areas[scale]![0]).toBeGreaterThan(areas[scale - 1]![0]!);
    }
  }
});

test("the first and the last orientation are the same, as in dSprites", () => {
  const at = (orientation: number) => drawSprite(indexOf([0, shapes.heart, 5, orientation, 10, 20]));
  expect(at(39)).toEqual(at(0));
  expect(at(1)).not.toEqual(at(0));
});

test("sprites are different ones, with their factors, in splits without overlap; the seed chooses", async () => {
  const splits = await sprites({ examples: 200, seed: 3 });
  const { train, validation, test: testing } = splits;
  expect([train.count, validation.count, testing.count]).toEqual([160, 20, 20]);
  const indices = Object.values(splits).flatMap((split) => [...split.index]);
  expect(new Set(indices).size).toBe(200);
  for (const { values, index, factors, labels, count } of Object.values(splits)) {
    expect(values.length).toBe(count * 4096);
    for (const row of [0, count - 1]) {
      expect(values.subarray(row * 4096, (row + 1) * 4096)).toEqual(drawSprite(index[row]!));
      const classes = spriteFactors(index[row]!);
      expect([...factors!.classes.subarray(row * 6, row * 6 + 6)]).toEqual(classes);
      expect(labels![row]).toBe(classes[1]);
    }
  }
  expect((await sprites({ examples: 200, seed: 3 })).train.fingerprint).toBe(train.fingerprint);
  expect((await sprites({ examples: 200, seed: 4 })).train.fingerprint).not.toBe(train.fingerprint);
  expect((await sprites({ examples: 200, validation: 50, test: 0.5 })).train.count).toBe(50);
});

test("numbers of sprites that cannot be are refused", async () => {
  for (const examples of [0, 2, -1, 1.5, spriteCount + 1, Number.NaN]) {
    await expect(sprites({ examples })).rejects.toThrow(`from 3 to 737280, got ${examples}`);
  }
});

test("drawing gives way to events, and ends when one of them aborts it", async () => {
  const controller = new AbortController();
  const reason = new Error("stopped");
  setTimeout(() => setTimeout(() => controller.abort(reason))); // a turn after the drawing has begun
  const drawing = sprites({ examples: 50_000, signal: controller.signal });
  const ended = await drawing.then(
    () => "drawn to the end",
    (error: unknown) => error,
  );
  expect(ended).toBe(reason);
});

testWithData("sprites are dSprites", "dsprites/dsprites_downsampled.npz", (path) => {
  const images = npyValues(readFileSync(path), "imgs.npy"); // shape, scale, every 4th orientation, every 2nd place
  const sizes = [3, 6, 10, 16, 16];
  const total = sizes.reduce((product, size) => product * size, 1);
  const overlaps = [0, 1, 2].map((): number[] => []);
  for (let row = 0; row < total; row += 61) {
    let rest = row;
    const classes = sizes.toReversed().map((size) => {
      const value = rest % size;
      rest = Math.floor(rest / size);
      return value;
    });
    const [posY, posX, orientation, scale, shape] = classes as [number, number, number, number, number];
    const drawn = drawSprite(indexOf([0, shape, scale, 4 * orientation, 2 * posX, 2 * posY]));
    const real = images.subarray(row * 4096, (row + 1) * 4096);
    const both = drawn.filter((value, i) => value > 0 && real[i]! > 0).length;
    const either = drawn.filter((value, i) => value > 0 || real[i]! > 0).length;
    overlaps[shape]!.push(both / either);
  }
  for (const [shape, shares] of overlaps.entries()) {
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    expect(mean, `mean intersection over union of shape ${shape}`).toBeGreaterThan(0.99);
    expect(Math.min(...shares), `worst of shape ${shape}`).toBeGreaterThan(0.93);
  }
});

/** The bytes of an array in an npz, which is a zip archive; for this one file, which is trusted. */
function npyValues(zip: Buffer, name: string): Uint8Array {
  let at = zip.readUInt32LE(zip.lastIndexOf("PK\x05\x06", undefined, "latin1") + 16); // the central directory
  for (;;) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset));
    if (zip.toString("latin1", at + 46, at + 46 + nameLength!) === name) break;
    at += 46 + nameLength! + extraLength! + commentLength!;
  }
  const local = zip.readUInt32LE(at + 42);
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const npy = inflateRawSync(zip.subarray(start, start + zip.readUInt32LE(at + 20)));
  return npy.subarray(10 + npy.readUInt16LE(8));
}
