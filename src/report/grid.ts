import { ShapeError, UsageError } from "../errors.ts";

/** A raster image: rows from the top, `channels` bytes a pixel (1 grey, 3 red-green-blue), without padding. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly pixels: Uint8Array; // (height, width, channels)
}

export interface GridOptions {
  /** Images side by side in one row. */
  readonly columns: number;
  /** Pixels between images and around them. Default 2. */
  readonly gap?: number;
  /** Whole factor by which each image is enlarged. Default: the least that makes its longer side 56 pixels or more. */
  readonly scale?: number;
}

/** A vector has no picture of its own: it is drawn as a strip of cells, so many cells high as this. */
const STRIP_HEIGHT = 6;
const VISIBLE_SIDE = 56;
/** Grey of the gaps: light, yet apart from white images. */
const GAP_LEVEL = 226;

interface Tile {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  /** Image rows that show the same row of values: 1, or the strip's height for a vector. */
  readonly repeat: number;
}

function tileOf(event: readonly number[]): Tile {
  const [first, second, third] = event;
  const whole = event.every((size) => Number.isInteger(size) && size > 0);
  if (whole && first !== undefined) {
    if (event.length === 1) return { height: STRIP_HEIGHT, width: first, channels: 1, repeat: STRIP_HEIGHT };
    if (event.length === 2 && second !== undefined) return { height: first, width: second, channels: 1, repeat: 1 };
    if (event.length === 3 && second !== undefined && (third === 1 || third === 3)) {
      return { height: first, width: second, channels: third, repeat: 1 };
    }
  }
  throw new ShapeError(
    `pictures: expected an event of shape [height, width], [height, width, 3] or [length], got [${event.join(", ")}]`,
  );
}

function countImages(what: string, images: Float32Array, event: readonly number[]): number {
  const size = event.reduce((product, length) => product * length, 1);
  const count = images.length / size;
  if (images.length === 0 || !Number.isInteger(count)) {
    throw new ShapeError(
      `${what}: expected one or more whole images of ${event.join("×")} = ${size} values, got ${images.length} values` +
        (images.length === 0 ? "" : ` (${count.toFixed(2)} images)`),
    );
  }
  return count;
}

function positiveInteger(name: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least) {
    throw new UsageError(`${name}: expected an integer of at least ${least}, got ${value}`);
  }
  return value;
}

/** Images hold levels in 0..1. A vector's values have no such range, so all of them are mapped from least..greatest. */
function levelMap(images: Float32Array, tile: Tile): (value: number) => number {
  let low = 0;
  let high = 1;
  if (tile.repeat > 1) {
    low = Infinity;
    high = -Infinity;
    for (const value of images) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const factor = high > low ? 255 / (high - low) : 0;
  // NaN stays NaN through these, and a Uint8Array stores it as 0.
  return (value) => Math.round(Math.min(255, Math.max(0, (value - low) * factor)));
}

/** Where things stand in a grid of `count` images; of pairs, one above the other, when `tall` is 2. In pixels. */
function layOut(tile: Tile, count: number, options: GridOptions, tall: 1 | 2) {
  const columns = Math.min(count, positiveInteger("columns", options.columns, 1));
  const gap = positiveInteger("gap", options.gap ?? 2, 0);
  const scale = positiveInteger("scale", options.scale ?? defaultScale(tile), 1);
  const stepX = tile.width * scale + gap;
  const imageY = tile.height * scale + gap; // from an image to the one below it of the same pair
  const apart = tall === 2 ? 3 * gap : 0; // more between pairs of rows, so that a pair is seen as one
  const stepY = tall * imageY + apart;
  const height = gap + Math.ceil(count / columns) * stepY - apart;
  return { columns, gap, scale, stepX, stepY, imageY, width: gap + columns * stepX, height };
}

/** Width and height of the picture that imageGrid makes of `count` images, in pixels. */
export function gridSize(event: readonly number[], count: number, options: GridOptions): PictureSize {
  const { width, height } = layOut(tileOf(event), count, options, 1);
  return { width, height };
}

/** Width and height of the picture that sideBySide makes of `count` pairs, in pixels. */
export function pairsSize(event: readonly number[], count: number, options: GridOptions): PictureSize {
  const { width, height } = layOut(tileOf(event), count, options, 2);
  return { width, height };
}

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

interface Placement {
  readonly images: Float32Array;
  readonly image: number;
  readonly top: number;
  readonly left: number;
}

function draw(width: number, height: number, tile: Tile, scale: number, placements: Iterable<Placement>): Picture {
  const { channels } = tile;
  const pixels = new Uint8Array(width * height * channels).fill(GAP_LEVEL);
  const rowValues = tile.width * channels;
  const imageValues = (tile.height / tile.repeat) * rowValues;
  let level: (value: number) => number = () => 0;
  let levelsOf: Float32Array | undefined;
  for (const { images, image, top, left } of placements) {
    if (images !== levelsOf) {
      level = levelMap(images, tile);
      levelsOf = images;
    }
    for (let y = 0; y < tile.height * scale; y++) {
      const source = image * imageValues + Math.floor(y / scale / tile.repeat) * rowValues;
      const target = ((top + y) * width + left) * channels;
      for (let x = 0; x < tile.width * scale; x++) {
        const column = Math.floor(x / scale) * channels;
        for (let channel = 0; channel < channels; channel++) {
          pixels[target + x * channels + channel] = level(images[source + column + channel] ?? 0);
        }
      }
    }
  }
  return { width, height, channels, pixels };
}

function defaultScale(tile: Tile): number {
  return Math.max(1, Math.ceil(VISIBLE_SIDE / Math.max(tile.height, tile.width)));
}

/**
 * Images in rows and columns, in their order, enlarged without smoothing. images: (count, ...event), levels in 0..1,
 * clamped; a last row may be partial. event: [height, width], [height, width, 3], or [length], whose values are drawn
 * as a strip from black (the least of all) to white (the greatest).
 */
export function imageGrid(images: Float32Array, event: readonly number[], options: GridOptions): Picture {
  const tile = tileOf(event);
  const count = countImages("imageGrid", images, event);
  const { columns, gap, scale, stepX, stepY, width, height } = layOut(tile, count, options, 1);
  const placements = Array.from({ length: count }, (_, image) => ({
    images,
    image,
    top: gap + Math.floor(image / columns) * stepY,
    left: gap + (image % columns) * stepX,
  }));
  return draw(width, height, tile, scale, placements);
}

/**
 * Inputs over their reconstructions: pairs of rows, `columns` pairs wide, with a wider gap between pairs of rows.
 * Both arrays: (count, ...event) as for imageGrid.
 */
export function sideBySide(
  inputs: Float32Array,
  reconstructions: Float32Array,
  event: readonly number[],
  options: GridOptions,
): Picture {
  const tile = tileOf(event);
  const count = countImages("sideBySide: inputs", inputs, event);
  const others = countImages("sideBySide: reconstructions", reconstructions, event);
  if (others !== count) {
    throw new ShapeError(`sideBySide: expected ${count} reconstructions, one for each input, got ${others}`);
  }
  const { columns, gap, scale, stepX, stepY, imageY, width, height } = layOut(tile, count, options, 2);
  const placements = [inputs, reconstructions].flatMap((images, half) =>
    Array.from({ length: count }, (_, image) => ({
      images,
      image,
      top: gap + Math.floor(image / columns) * stepY + half * imageY,
      left: gap + (image % columns) * stepX,
    })),
  );
  return draw(width, height, tile, scale, placements);
}

/**
 * Rows of `columns` images, in which the first and the last stand apart from those between them.
 * images: (count, ...event) as for imageGrid, count a multiple of columns.
 */
export function endsApart(images: Float32Array, event: readonly number[], options: GridOptions): Picture {
  const tile = tileOf(event);
  const count = countImages("endsApart", images, event);
  const { columns, gap, scale, stepX, stepY, width, height } = layOut(tile, count, options, 1);
  const apart = 5 * gap;
  const placements = Array.from({ length: count }, (_, image) => {
    const column = image % columns;
    const shift = column === 0 ? 0 : column === columns - 1 ? 2 * apart : apart;
    return { images, image, top: gap + Math.floor(image / columns) * stepY, left: gap + column * stepX + shift };
  });
  return draw(width + 2 * apart, height, tile, scale, placements);
}
