import type { ObjectiveConfig } from "../../src/config.objective.ts";
import type { Binarization } from "../../src/config.ts";
import type { Examples } from "../../src/data/dataset.ts";
import { grad } from "../../src/graph/grad.ts";
import { staticSize } from "../../src/graph/shape.ts";
import { batchBytes, batchFiller } from "../../src/models/batches.ts";
import { loadObjective } from "../../src/models/objective-table.ts";
import type { PortableModel } from "../../src/models/portable.ts";
import { batchLoss, drawsOf } from "../../src/models/step.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { createKernels } from "../../src/runtime/kernels.ts";
import { compile } from "../../src/runtime/program.ts";

/** Sums over estimates of a gradient, one number for each parameter. */
export interface GradientSums {
  readonly estimates: number;
  readonly sum: Float64Array;
  readonly squares: Float64Array;
}

/**
 * The signal-to-noise ratio of a gradient's estimate (Rainforth et al. 2018): |mean|/standard deviation of each
 * parameter's gradient over independent estimates, and the mean of that over the parameters. Parameters whose gradient
 * no noise changes, such as the weights of pixels that are always black, count for nothing.
 */
export function signalToNoise({ estimates, sum, squares }: GradientSums): number {
  let total = 0;
  let counted = 0;
  for (let i = 0; i < sum.length; i++) {
    const mean = sum[i]! / estimates;
    const variance = (squares[i]! - sum[i]! * mean) / (estimates - 1);
    if (!(variance > 1e-12 * mean * mean)) continue; // what rounding leaves of 0 among them
    total += Math.abs(mean) / Math.sqrt(variance);
    counted++;
  }
  return total / counted;
}

export interface GradientOptions {
  readonly objective: ObjectiveConfig;
  readonly binarization: Binarization;
  /** How many batches, one after the other from the first example on, and examples in each. */
  readonly batches: number;
  readonly rows: number;
  /** Estimates of each batch's gradient, which differ in their noise alone. */
  readonly estimates: number;
  readonly seed: number;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The signal-to-noise ratio of the encoder's gradient at the model's weights, for each batch. */
export async function encoderSignals(
  { vae, weights }: Pick<PortableModel, "vae" | "weights">,
  backend: Backend,
  data: Examples,
  { objective, binarization, batches, rows, estimates, seed, onProgress }: GradientOptions,
): Promise<number[]> {
  const encoder = vae.parameters.filter(({ path, role }) => role === "trained" && path.startsWith("encoder."));
  await loadObjective(objective);
  const { minimize } = batchLoss(vae, objective);
  const gradients = grad(
    minimize,
    encoder.map(({ tensor }) => tensor),
  );
  const program = await compile(
    backend,
    Object.fromEntries(encoder.map(({ path }, i) => [`gradient of ${path}`, gradients[i]!])),
  );
  const [size, samples] = [staticSize(vae.event), drawsOf(objective)];
  const floats = rows * (size + vae.noiseWidth * samples + 2);
  const kernels = createKernels(4 * floats + batchBytes(rows, size) + 16 * 64);
  const arrays = {
    kernels,
    x: kernels.float32(rows * size),
    noise: kernels.float32(rows * vae.noiseWidth * samples),
    weight: kernels.float32(rows),
    example: kernels.uint32(rows),
    pixels: kernels.uint8(rows * size),
    noiseWidth: vae.noiseWidth,
    samples,
  };
  const fill = batchFiller(data, arrays, { binarization, seed, purpose: "signal" });
  const feeds = { ...weights, x: arrays.x, noise: arrays.noise, weight: arrays.weight };
  const sizes = encoder.map(({ shape }) => staticSize(shape));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const signals: number[] = [];
  try {
    for (let batch = 0; batch < batches; batch++) {
      const sums = { estimates, sum: new Float64Array(total), squares: new Float64Array(total) };
      const chosen = Uint32Array.from({ length: rows }, (_, i) => batch * rows + i);
      for (let step = 0; step < estimates; step++) {
        fill(chosen, { epoch: 0, step }); // the same bits, other noise
        const found = await program.run(feeds);
        let at = 0;
        for (const { path } of encoder) at = addTo(sums, found[`gradient of ${path}`]!.data as Float32Array, at);
        onProgress?.(batch * estimates + step + 1, batches * estimates);
      }
      signals.push(signalToNoise(sums));
    }
  } finally {
    await program.release();
  }
  return signals;
}

function addTo({ sum, squares }: GradientSums, gradient: Float32Array, from: number): number {
  for (let i = 0; i < gradient.length; i++) {
    const value = gradient[i]!;
    sum[from + i]! += value;
    squares[from + i]! += value * value;
  }
  return from + gradient.length;
}
