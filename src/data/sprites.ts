import { UsageError } from "../errors.ts";
import type { LoadOptions, Splits } from "./dataset.ts";
import { permutation } from "./shuffle.ts";
import { splitInGivenOrder } from "./split.ts";

// dSprites (Matthey, Higgins, Hassabis, Lerchner 2017: github.com/google-deepmind/dsprites-dataset), drawn here: white
// squares, ellipses and hearts on black, 64 x 64, one for each combination of the factors. The sizes below were fitted
// to the published images, with which these agree in 99.7 % of the pixels that either of them paints.

const side = 64;

/** The factors in dSprites' order, the last varying fastest, and how many values each has. */
export const spriteFactorNames = ["color", "shape", "scale", "orientation", "posX", "posY"] as const;
export const spriteFactorSizes = [1, 3, 6, 40, 32, 32] as const;

/** Combinations of the factors: 737,280. */
export const spriteCount = spriteFactorSizes.reduce<number>((product, size) => product * size, 1);

const usualExamples = 10_000;

/** Sprites between two looks at what else happens, such as Ctrl-C: some 100 ms of drawing. */
const drawnAtOnce = 4096;

/** Lets events through, then throws if one of them was the call to stop. */
async function breathe(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  signal?.throwIfAborted();
}

/**
 * Different sprites, chosen by seed, with their factors; the label is the shape. `examples` are drawn in all, by default
 * 10,000, of which 80 % are for training, 10 % for validation and 10 % for testing unless the options say otherwise.
 * @throws UsageError when an option is out of its range; the signal's reason when it is aborted
 */
export async function sprites({ signal, ...options }: LoadOptions = {}): Promise<Splits> {
  const { examples = usualExamples, seed = 0 } = options;
  if (!Number.isSafeInteger(examples) || examples < 3 || examples > spriteCount) {
    throw new UsageError(`data.examples: expected a number of sprites from 3 to ${spriteCount}, got ${examples}`);
  }
  const index = permutation(spriteCount, seed).slice(0, examples);
  const values = allocate(examples);
  const classes = new Uint8Array(examples * spriteFactorSizes.length);
  const labels = new Uint8Array(examples);
  for (let row = 0; row < examples; row++) {
    if (row % drawnAtOnce === 0) await breathe(signal);
    const factors = spriteFactors(index[row]!);
    draw(factors, values.subarray(row * side * side, (row + 1) * side * side));
    classes.set(factors, row * factors.length);
    labels[row] = factors[1]!;
  }
  const factors = { names: spriteFactorNames, sizes: spriteFactorSizes, classes };
  const { examples: _drawn, ...split } = options;
  return splitInGivenOrder(
    { name: "sprites", split: "all", event: [side, side], count: examples, values, index, labels, factors },
    split,
  );
}

/** The factors' classes of the sprite at `index` of dSprites: (color, shape, scale, orientation, posX, posY). */
export function spriteFactors(index: number): number[] {
  if (!Number.isInteger(index) || index < 0 || index >= spriteCount) {
    throw new UsageError(`sprite: expected a whole number from 0 to ${spriteCount - 1}, got ${index}`);
  }
  const classes: number[] = [];
  let rest = index;
  for (const size of spriteFactorSizes.toReversed()) {
    classes.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return classes;
}

/** The sprite at `index` of dSprites: (64, 64) row-major, 0 or 255. */
export function drawSprite(index: number): Uint8Array {
  const pixels = new Uint8Array(side * side);
  draw(spriteFactors(index), pixels);
  return pixels;
}

/** Paints the pixels whose middle lies in the shape. */
function draw(factors: readonly number[], pixels: Uint8Array): void {
  const [, shape, scaleClass, orientation, posX, posY] = factors as [number, number, number, number, number, number];
  const scale = (5 + scaleClass) / 10; // 0.5 to 1
  const { cos, sin } = turns[orientation]!;
  const inside = shapes[shape]!;
  const [centreX, centreY] = [place(posX), place(posY)];
  const reach = 14 * scale; // of the farthest point of any shape, a square's corner, from its centre
  for (let y = Math.floor(centreY - reach); y < centreY + reach; y++) {
    for (let x = Math.floor(centreX - reach); x < centreX + reach; x++) {
      const [right, down] = [x + 0.5 - centreX, y + 0.5 - centreY];
      const u = (cos * right - sin * down) / scale; // turned back
      const v = (sin * right + cos * down) / scale;
      if (inside(u, v)) pixels[y * side + x] = 255;
    }
  }
}

/** Middle of the sprite in pixels: 32 places from a quarter of the image to three quarters. */
function place(position: number): number {
  return side / 4 + (position / 31) * (side / 2);
}

/**
 * sin and cos are not the same to the last bit in every engine. Rounded to 2^-30 they are, so every machine draws the
 * same pixels.
 */
function fixed(value: number): number {
  return Math.round(value * 2 ** 30) / 2 ** 30;
}

/** The 40 orientations, 0 to 360 degrees with both ends, counterclockwise. */
const turns = Array.from({ length: 40 }, (_, orientation) => {
  const angle = (2 * Math.PI * orientation) / 39;
  return { cos: fixed(Math.cos(angle)), sin: fixed(Math.sin(angle)) };
});

/** Whether a point lies in the shape at scale 1, in pixels to the right of and below its centre. */
type Inside = (u: number, v: number) => boolean;

const half = 9.6; // of the side of the square, and of the heart's width and height

const square: Inside = (u, v) => Math.abs(u) <= half && Math.abs(v) <= half;

const ellipse: Inside = (u, v) => (u / 12.8) ** 2 + (v / 7.2) ** 2 <= 1;

/** The right half of the heart, from the notch by the side to the tip: the curve x = 16 sin^3 t, in pixels. */
const heartOutline = Array.from({ length: 65 }, (_, i) => {
  const t = (Math.PI * i) / 64;
  const up = 13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t); // -17 to 11.92
  return { u: fixed(half * Math.sin(t) ** 3), v: fixed(0.25 - ((up + 17) / 28.92) * 2 * half + half) };
});

/** Crossings of the way from the point to the right with the outline; the left half mirrors the right one. */
const heart: Inside = (u, v) => {
  const x = Math.abs(u);
  let odd = false;
  for (let i = 1; i < heartOutline.length; i++) {
    const a = heartOutline[i - 1]!;
    const b = heartOutline[i]!;
    if (a.v > v !== b.v > v && x < a.u + ((b.u - a.u) * (v - a.v)) / (b.v - a.v)) odd = !odd;
  }
  return odd;
};

const shapes = [square, ellipse, heart] as const;

function allocate(examples: number): Uint8Array {
  try {
    return new Uint8Array(examples * side * side);
  } catch (error) {
    throw new UsageError(
      `data.examples: ${examples} sprites take ${examples * side * side} bytes of memory, which are not there; draw fewer`,
      { cause: error },
    );
  }
}
