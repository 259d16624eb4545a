import { existsSync } from "node:fs";
import type { Dataset, Splits } from "../src/data/dataset.ts";
import { fingerprinted } from "../src/data/fingerprint.ts";
import { loadSplits } from "../src/data/load.node.ts";
import { UsageError, VaekitError } from "../src/errors.ts";

export const MNIST = "../shared/data/mnist";

/** MNIST, which most cases are measured on. */
export async function mnist(): Promise<Splits> {
  requireMnist();
  return loadSplits(MNIST, { validation: 5000 });
}

export function requireMnist(): void {
  if (!existsSync(MNIST)) throw new VaekitError(`${MNIST}: missing; this case is measured on MNIST: put it there`);
}

/** MNIST's training images, or, where they are missing, as many with as many bright pixels: the work is the same. */
export async function digits(): Promise<Dataset> {
  if (existsSync(MNIST)) return (await mnist()).train;
  return random("random digits", [28, 28], 55_000);
}

/** MNIST's images for training and validation, so many of them, or random ones as `digits` does. */
export async function allDigits(count: number): Promise<Dataset> {
  if (!existsSync(MNIST)) return random("random digits", [28, 28], count);
  const { train, validation } = await mnist();
  const there = train.count + validation.count;
  if (count > there)
    throw new UsageError(`--length: MNIST has ${there} images, ${count} were asked for; ask for fewer`);
  const size = 28 * 28;
  const values = new Uint8Array(there * size);
  values.set(train.values);
  values.set(validation.values, train.values.length);
  const index = Uint32Array.from({ length: count }, (_, i) => i);
  const images = { name: "mnist", split: "all", event: [28, 28], count, index } as const;
  return fingerprinted({ ...images, values: values.slice(0, count * size) });
}

/** Colour images of 64×64 with as many bright pixels: what they show changes nothing of the work. */
export function colours(): Dataset {
  return random("random colours", [64, 64, 3], 2000);
}

function random(name: string, event: readonly number[], count: number): Dataset {
  const values = new Uint8Array(count * event.reduce((a, b) => a * b));
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    values[i] = state < 0.19 * 2 ** 32 ? state & 255 : 0;
  }
  const index = Uint32Array.from({ length: count }, (_, i) => i);
  return { name, split: "train", event, count, values, index, fingerprint: "random" };
}
