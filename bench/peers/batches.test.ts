import { expect, test } from "vitest";
import { batches } from "./js/batches.mjs";
import { transposed } from "./js/transposed.mjs";

test("a batch holds each pixel with its probability, an epoch each example once, and the noise is normal", () => {
  const width = 4;
  const count = 50;
  const pixels = Uint8Array.from({ length: count * width }, (_, i) => [0, 255, 51, 204][i % width]!);
  for (let row = 0; row < count; row++) pixels[row * width + 1] = row < 10 ? 255 : 0; // ten examples have it
  const next = batches(pixels, { batch: 25, latent: 3, width });
  const sums = [0, 0, 0, 0];
  const noise: number[] = [];
  const rounds = 400;
  for (let i = 0; i < rounds; i++) {
    const batch = next();
    for (const [j, value] of batch.x.entries()) sums[j % width]! += value;
    noise.push(...batch.noise);
  }
  const rows = 25 * rounds;
  expect(sums[0]).toBe(0);
  expect(sums[1]).toBe((10 * rows) / count); // two batches are an epoch
  expect(sums[2]! / rows).toBeCloseTo(0.2, 1.5);
  expect(sums[3]! / rows).toBeCloseTo(0.8, 1.5);
  const mean = noise.reduce((a, b) => a + b) / noise.length;
  const variance = noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.abs(variance - 1)).toBeLessThan(0.05);
});

test("a transposed matrix", () => {
  expect([...transposed(Float32Array.of(1, 2, 3, 4, 5, 6), 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
});
