import { parseConfig } from "../../src/config.ts";
import type { Examples } from "../../src/data/dataset.ts";
import type { PortableModel } from "../../src/models/portable.ts";
import { buildVae } from "../../src/models/vae.ts";
import { createKernels } from "../../src/runtime/kernels.ts";
import { siteKey } from "../../src/runtime/philox.ts";

const WIDTH = 20;
/** Of each element of A and b about the best one. */
const PERTURBATION = 0.01;

/**
 * A model after the one that Rainforth et al. (2018) measure gradients on, and data that it gives: z ~ N(0, I) of 20
 * dimensions, x ~ N(z, I), and q(z|x) = N(Ax + b, ⅔I) with A and b close to the best ones, ½I and 0.
 */
export function linearGaussian(count: number): Pick<PortableModel, "vae" | "weights"> & { readonly data: Examples } {
  const config = parseConfig({
    data: { binarization: "none" },
    model: {
      latent: WIDTH,
      encoder: { hidden: [] },
      likelihood: { kind: "normal", variance: "fixed", standardDeviation: 1 },
    },
  });
  const vae = buildVae(config.model, [WIDTH]);
  const size = Math.max(count * WIDTH, 2 * WIDTH * WIDTH);
  const kernels = createKernels(4 * 4 * size + 64 * 8);
  const one = kernels.uint32(1);
  const normals = (site: string, length: number) => {
    const drawn = kernels.float32(length);
    kernels.normals(drawn, siteKey(0, `linear-gaussian/${site}`), 0, one, length);
    return drawn;
  };
  const z = normals("z", count * WIDTH);
  const noise = normals("noise", count * WIDTH);
  const perturbation = normals("weight", WIDTH * WIDTH);
  const offset = normals("bias", WIDTH);
  const diagonal = (value: number) => (_: unknown, i: number) => (i % (WIDTH + 1) === 0 ? value : 0); // of a square matrix, row after row
  const square = { length: WIDTH * WIDTH };
  const best = Array.from(square, diagonal(0.5));
  // The posterior's layer gives means and then log-variances: (20, 40).
  const encoder = Float32Array.from({ length: 2 * WIDTH * WIDTH }, (_, i) => {
    const [row, column] = [Math.floor(i / (2 * WIDTH)), i % (2 * WIDTH)];
    const at = row * WIDTH + column;
    return column < WIDTH ? best[at]! + PERTURBATION * perturbation[at]! : 0;
  });
  const bias = Float32Array.from({ length: 2 * WIDTH }, (_, i) =>
    i < WIDTH ? PERTURBATION * offset[i]! : Math.log(2 / 3),
  );
  return {
    vae,
    weights: {
      "encoder.posterior.weight": encoder,
      "encoder.posterior.bias": bias,
      "decoder.mean.weight": Float32Array.from(square, diagonal(1)),
      "decoder.mean.bias": new Float32Array(WIDTH),
    },
    data: {
      name: "linear-gaussian",
      split: "train",
      event: [WIDTH],
      count,
      values: z.map((mean, i) => mean + noise[i]!),
      index: Uint32Array.from({ length: count }, (_, i) => i),
    },
  };
}
