import type { Splits } from "../../src/data/dataset.ts";
import { type Examples, rows } from "../../src/data/dataset.ts";
import { splitShuffled } from "../../src/data/split.ts";
import { sprites } from "../../src/data/sprites.ts";

/** Sprites of 8×8, 32 of them to train on: every eighth pixel, small enough for a graphics card in software. */
export async function tabData(): Promise<Splits> {
  const { train } = await sprites({ examples: 64, seed: 3 });
  const { values } = train;
  const [side, step] = [8, 8];
  const examples: Examples = {
    ...rows(train, 0, 40, "all"),
    event: [side, side],
    values: Uint8Array.from(
      { length: 40 * side * side },
      (_, i) =>
        values[Math.floor(i / side ** 2) * 4096 + step * Math.floor((i % side ** 2) / side) * 64 + step * (i % side)]!,
    ),
  };
  return splitShuffled(examples, { validation: 4, test: 4 });
}
