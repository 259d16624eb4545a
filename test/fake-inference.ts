import { parseConfig } from "../src/config.ts";
import type { Inference } from "../src/models/inference.ts";

/**
 * A model without a network, for tests of what is built on models: event [2, 2], three latent dimensions.
 * encode takes the first three values as the mean and the fourth as every log-variance; decode puts z back and its sum
 * last.
 * @param shift what a flow adds to the mean, to make the code
 */
export function fakeInference(shift = 0): Inference {
  return {
    config: parseConfig({ model: { latent: 3 } }, "fake"),
    event: [2, 2],
    latent: 3,
    prior: { noise: { normal: 3, uniform: 0 }, draw: async (normal) => normal },
    async encode(given, rows) {
      const x = given instanceof Uint8Array ? Float32Array.from(given, (grey) => grey / 255) : given;
      const row = (i: number) => x.subarray(i * 4, (i + 1) * 4);
      const mean = Float32Array.from({ length: rows * 3 }, (_, i) => row(Math.floor(i / 3))[i % 3]!);
      const logvar = Float32Array.from({ length: rows * 3 }, (_, i) => row(Math.floor(i / 3))[3]!);
      return { mean, logvar, code: mean.map((value) => value + shift) };
    },
    async decode(z, rows) {
      const images = new Float32Array(rows * 4);
      for (let i = 0; i < rows; i++) {
        const [a, b, c] = z.subarray(i * 3, (i + 1) * 3) as unknown as [number, number, number];
        images.set([a, b, c, a + b + c], i * 4);
      }
      return images;
    },
    async close() {},
  };
}
