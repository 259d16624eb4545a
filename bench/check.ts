import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VaekitError } from "../src/errors.ts";
import { type Layout, viewOf } from "../src/train/layout.ts";
import type { Rival } from "./rival.ts";
import { CHECKED_STEPS } from "./training.ts";

/** Both sides must compute the same to this, relatively. */
const TOLERANCE = 1e-4;

/** Files by name, with float32 numbers: weights by path, and what else a peer is to compute with. */
export type Manifest = Readonly<Record<string, string>>;

/** Writes parameters, and more arrays, to a folder. */
export async function writeManifest(
  folder: string,
  parameters: Float32Array,
  layout: Layout,
  others: Readonly<Record<string, Float32Array>>,
): Promise<Manifest> {
  const arrays = {
    ...Object.fromEntries(layout.slots.map((slot) => [slot.path, viewOf(parameters, slot)])),
    ...others,
  };
  const manifest: Record<string, string> = {};
  for (const [name, values] of Object.entries(arrays)) {
    manifest[name] = join(folder, name);
    await writeFile(manifest[name], values);
  }
  return manifest;
}

/**
 * The largest difference of what a rival computes from what we do, relative to the largest of the numbers.
 * @throws VaekitError where they are not the same
 */
export async function checkSame(
  { name, peer }: Rival,
  manifest: Manifest,
  ours: ArrayLike<number>,
  what: string,
): Promise<number> {
  const { values } = (await peer.ask({ check: manifest })) as { readonly values: readonly number[] };
  const difference = differenceOf(ours, values);
  if (!(difference <= TOLERANCE)) {
    const some = (numbers: ArrayLike<number>) => Array.from(numbers).slice(0, CHECKED_STEPS).join(", ");
    throw new VaekitError(
      `${what}: relative difference ${difference}: ours ${some(ours)} …, ${name}'s ${some(values)} …`,
    );
  }
  return difference;
}

/** The largest difference, relative to the largest number; infinite where there are not as many. */
export function differenceOf(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < ours.length; i++) {
    largest = Math.max(largest, Math.abs(theirs[i]!));
    difference = Math.max(difference, Math.abs(ours[i]! - theirs[i]!)); // NaN stays NaN
  }
  return difference / largest;
}
