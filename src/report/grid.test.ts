import { expect, test } from "vitest";
import { ShapeError, UsageError } from "../errors.ts";
import { endsApart, imageGrid, type Picture, sideBySide } from "./grid.ts";

const GAP = 226;

/** The picture's rows as numbers, for comparison by eye. */
function rows(picture: Picture): number[][] {
  const length = picture.width * picture.channels;
  return Array.from({ length: picture.height }, (_, y) =>
    Array.from(picture.pixels.subarray(y * length, (y + 1) * length)),
  );
}

test("images lie in rows, in their order, with gaps between and around them", () => {
  const picture = imageGrid(Float32Array.of(0, 0.2, 0.4, 0.6, 0.8, 1), [1, 2], { columns: 2, gap: 1, scale: 1 });
  expect([picture.width, picture.height, picture.channels]).toEqual([7, 5, 1]);
  expect(rows(picture)).toEqual([
    [GAP, GAP, GAP, GAP, GAP, GAP, GAP],
    [GAP, 0, 51, GAP, 102, 153, GAP],
    [GAP, GAP, GAP, GAP, GAP, GAP, GAP],
    [GAP, 204, 255, GAP, GAP, GAP, GAP], // the last row is partial
    [GAP, GAP, GAP, GAP, GAP, GAP, GAP],
  ]);
});

test("scale repeats pixels without smoothing", () => {
  const picture = imageGrid(Float32Array.of(0, 1, 1, 0), [2, 2], { columns: 1, gap: 0, scale: 2 });
  expect(rows(picture)).toEqual([
    [0, 0, 255, 255],
    [0, 0, 255, 255],
    [255, 255, 0, 0],
    [255, 255, 0, 0],
  ]);
});

test("colour stays with its pixel", () => {
  const picture = imageGrid(Float32Array.of(1, 0, 0, 0, 0, 1), [1, 2, 3], { columns: 1, gap: 0, scale: 2 });
  expect(picture.channels).toBe(3);
  expect(rows(picture)[1]).toEqual([255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255]);
});

test("levels outside 0..1 are clamped, and what is not a number is black", () => {
  const picture = imageGrid(Float32Array.of(-3, 7, Number.NaN, 0.5), [2, 2], { columns: 1, gap: 0, scale: 1 });
  expect(rows(picture)).toEqual([
    [0, 255],
    [0, 128],
  ]);
});

test("small images are enlarged so that they can be seen", () => {
  const digits = imageGrid(new Float32Array(784), [28, 28], { columns: 1, gap: 0 });
  const tiny = imageGrid(new Float32Array(64), [8, 8], { columns: 1, gap: 0 });
  const large = imageGrid(new Float32Array(64 * 64), [64, 64], { columns: 1, gap: 0 });
  expect([digits.width, tiny.width, large.width]).toEqual([56, 56, 64]);
});

test("vectors are strips from their least value, black, to their greatest, white", () => {
  const picture = imageGrid(Float32Array.of(-10, 0, 10, 5), [2], { columns: 1, gap: 0, scale: 1 });
  expect([picture.width, picture.height]).toEqual([2, 12]);
  expect(rows(picture)[0]).toEqual([0, 128]);
  expect(rows(picture)[5]).toEqual([0, 128]);
  expect(rows(picture)[6]).toEqual([255, 191]);
});

test("constant vectors are drawn, black", () => {
  expect(rows(imageGrid(Float32Array.of(5, 5), [2], { columns: 1, gap: 0, scale: 1 }))[0]).toEqual([0, 0]);
});

test("more columns than images are not drawn", () => {
  expect(imageGrid(Float32Array.of(1, 1), [1, 1], { columns: 10, gap: 0, scale: 1 }).width).toBe(2);
});

test("a reconstruction stands below its input, and pairs of rows are apart", () => {
  const inputs = Float32Array.of(0, 0.2, 0.4);
  const outputs = Float32Array.of(1, 0.8, 0.6);
  const picture = sideBySide(inputs, outputs, [1, 1], { columns: 2, gap: 1, scale: 1 });
  expect(rows(picture).map((row) => row.slice(1, -1))).toEqual([
    [GAP, GAP, GAP],
    [0, GAP, 51],
    [GAP, GAP, GAP],
    [255, GAP, 204],
    [GAP, GAP, GAP],
    [GAP, GAP, GAP],
    [GAP, GAP, GAP],
    [GAP, GAP, GAP],
    [102, GAP, GAP],
    [GAP, GAP, GAP],
    [153, GAP, GAP],
    [GAP, GAP, GAP],
  ]);
});

test("the ends of each row stand apart from what lies between them", () => {
  const images = Float32Array.of(0, 0.2, 0.4, 0.6, 0.8, 1);
  const picture = endsApart(images, [1, 1], { columns: 3, gap: 1, scale: 1 });
  expect([picture.width, picture.height]).toEqual([17, 5]);
  const row = (...levels: [number, number, number]) => {
    const line = new Array(17).fill(GAP);
    for (const [i, level] of levels.entries()) line[1 + 7 * i] = level; // 5 gaps more on either side
    return line;
  };
  expect([rows(picture)[1], rows(picture)[3]]).toEqual([row(0, 51, 102), row(153, 204, 255)]);
});

test("errors name what was expected and what was given", () => {
  const grid = (values: number, event: number[], options = { columns: 2 }) =>
    imageGrid(new Float32Array(values), event, options);
  expect(() => grid(5, [2, 2])).toThrow(
    new ShapeError("imageGrid: expected one or more whole images of 2×2 = 4 values, got 5 values (1.25 images)"),
  );
  expect(() => grid(0, [2, 2])).toThrow("expected one or more whole images of 2×2 = 4 values, got 0 values");
  expect(() => grid(8, [2, 2, 2])).toThrow("[height, width, 3] or [length], got [2, 2, 2]");
  expect(() => grid(8, [])).toThrow(ShapeError);
  expect(() => grid(4, [2, 2], { columns: 0 })).toThrow(
    new UsageError("columns: expected an integer of at least 1, got 0"),
  );
  expect(() => imageGrid(new Float32Array(4), [2, 2], { columns: 1, scale: 1.5 })).toThrow(
    "scale: expected an integer",
  );
  expect(() => imageGrid(new Float32Array(4), [2, 2], { columns: 1, gap: -1 })).toThrow("at least 0, got -1");
  expect(() => sideBySide(new Float32Array(8), new Float32Array(4), [2, 2], { columns: 2 })).toThrow(
    "expected 2 reconstructions, one for each input, got 1",
  );
});
