import type { Inference } from "../models/inference.ts";

/**
 * Rows that go through the model at once. Always so many, padded with zeros: the last bits of a matrix product may
 * depend on its height, and a row shall come out the same whatever is computed beside it.
 */
const CHUNK_ROWS = 128;

/** Mean of p(x|z) for each row of z. z: (rows, latent); returns (rows, ...event). */
export async function decodeRows(model: Inference, z: Float32Array, rows: number): Promise<Float32Array> {
  const size = eventSize(model.event);
  const images = new Float32Array(rows * size);
  await inChunks(z, rows, model.latent, async (chunk, start, count) => {
    const decoded = await model.decode(chunk, CHUNK_ROWS);
    images.set(decoded.subarray(0, count * size), start * size);
  });
  return images;
}

export interface Posteriors {
  readonly mean: Float32Array; // (rows, latent)
  readonly logvar: Float32Array; // (rows, latent)
}

/** q(z|x) for each row of x. x: (rows, ...event). */
export async function encodeRows(model: Inference, x: Float32Array, rows: number): Promise<Posteriors> {
  const { latent } = model;
  const mean = new Float32Array(rows * latent);
  const logvar = new Float32Array(rows * latent);
  await inChunks(x, rows, eventSize(model.event), async (chunk, start, count) => {
    const posterior = await model.encode(chunk, CHUNK_ROWS);
    mean.set(posterior.mean.subarray(0, count * latent), start * latent);
    logvar.set(posterior.logvar.subarray(0, count * latent), start * latent);
  });
  return { mean, logvar };
}

async function inChunks(
  values: Float32Array,
  rows: number,
  size: number,
  use: (chunk: Float32Array, start: number, count: number) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < rows; start += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, rows - start);
    const chunk = new Float32Array(CHUNK_ROWS * size);
    chunk.set(values.subarray(start * size, (start + count) * size));
    await use(chunk, start, count);
  }
}

export function eventSize(event: readonly number[]): number {
  return event.reduce((product, length) => product * length, 1);
}
