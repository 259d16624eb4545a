import type { Examples } from "../data/dataset.ts";
import { NumericalError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { createKernels } from "../runtime/kernels.ts";
import { compile } from "../runtime/program.ts";
import { batchBytes, batchFiller } from "./batches.ts";
import type { PortableModel } from "./portable.ts";

export interface AggregateOptions {
  readonly seed: number;
  readonly signal?: Pick<AbortSignal, "throwIfAborted"> | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Always so many rows at once, the last ones padding: the last bits of a row may depend on it. */
const rowsAtOnce = 128;

/**
 * Draws of the aggregate posterior, 1/n Σ q(z|xₙ): one of q(z|x) for each example, (count, latent), in their order. The
 * examples are binarized as in training, and a row depends on the seed and the example's own index alone.
 * @throws NumericalError where a draw is not finite
 */
export async function aggregateDraws(
  { description, vae, weights }: Pick<PortableModel, "description" | "vae" | "weights">,
  backend: Backend,
  data: Examples,
  { seed, signal, onProgress }: AggregateOptions,
): Promise<Float32Array> {
  const { event, latent, noiseWidth } = vae;
  const size = staticSize(event);
  const noise = input("noise", ["batch", noiseWidth]);
  const posterior = vae.posterior(input("x", ["batch", ...event]));
  const program = await compile(backend, { z: posterior.draw(noise).z });
  try {
    const floats = rowsAtOnce * (size + noiseWidth + 1 + latent);
    const kernels = createKernels(4 * floats + batchBytes(rowsAtOnce, size) + 8 * 64);
    const arrays = {
      kernels,
      x: kernels.float32(rowsAtOnce * size),
      noise: kernels.float32(rowsAtOnce * noiseWidth),
      weight: kernels.float32(rowsAtOnce),
      example: kernels.uint32(rowsAtOnce),
      pixels: kernels.uint8(rowsAtOnce * size),
      noiseWidth,
      samples: 1,
    };
    const z = kernels.float32(rowsAtOnce * latent);
    const run = program.bind(rowsAtOnce, { ...weights, x: arrays.x, noise: arrays.noise }, { z });
    const { binarization, seed: dataSeed } = description.config.data;
    const fill = batchFiller(data, arrays, { binarization, seed, dataSeed, purpose: data.split });
    const draws = new Float32Array(data.count * latent);
    for (let from = 0; from < data.count; from += rowsAtOnce) {
      signal?.throwIfAborted();
      const rows = Uint32Array.from({ length: Math.min(rowsAtOnce, data.count - from) }, (_, i) => from + i);
      fill(rows, { epoch: 0, step: 0 });
      await run();
      draws.set(z.subarray(0, rows.length * latent), from * latent);
      onProgress?.(from + rows.length, data.count);
    }
    const bad = draws.findIndex((value) => !Number.isFinite(value));
    if (bad < 0) return draws;
    throw new NumericalError(
      `example ${data.index[Math.floor(bad / latent)]} of ${data.name}: its draw of q(z|x) is not finite (${draws[bad]}); train the model with a lower optimizer.learningRate`,
    );
  } finally {
    await program.release();
  }
}
