import { exampleAt, examplesOf } from "../apps/examples.ts";
import { generate } from "../apps/generate.ts";
import { type InterpolationPath, interpolate } from "../apps/interpolate.ts";
import { writeOutput } from "../apps/output.node.ts";
import { reconstruct } from "../apps/reconstruct.ts";
import { traverse } from "../apps/traverse.ts";
import { UsageError } from "../errors.ts";
import { type OpenRun, openRun } from "../models/open.node.ts";
import { type DataChoice, loadRunSplit } from "../models/run-data.node.ts";
import { endsApart, gridSize, imageGrid, type Picture, type PictureSize, pairsSize, sideBySide } from "./grid.ts";
import { latentUse } from "./latent-rates.node.ts";
import { encodePng } from "./png.node.ts";

const MOST_COLUMNS = 32;
/** sharp takes no larger picture. */
const MOST_PIXELS = 16_383 ** 2;

interface PictureOptions {
  /** A run directory. */
  readonly run: string;
  /** The PNG file to write. */
  readonly out: string;
}

export interface PictureResult {
  readonly file: string;
  /** Of the picture, in pixels. */
  readonly width: number;
  readonly height: number;
}

export interface SampleRunOptions extends PictureOptions {
  readonly count: number;
  readonly seed: number;
}

/** A grid of images drawn from the prior. Image i is the same for any count. */
export async function sampleRun({ run, out, count, seed }: SampleRunOptions) {
  return withRun(run, async (model) => {
    const columns = Math.min(MOST_COLUMNS, Math.ceil(Math.sqrt(count)));
    checkPixels(`--count: ${count} images`, gridSize(model.event, count, { columns }));
    const { images, event } = await generate(model, { count, seed });
    return { ...(await writePicture(out, imageGrid(images, event, { columns }))), count, seed };
  });
}

export interface ReconstructRunOptions extends PictureOptions, DataChoice {
  readonly count: number;
}

/** The first examples of a split over their reconstructions. */
export async function reconstructRun({ run, out, count, ...choice }: ReconstructRunOptions) {
  return withRun(run, async (model) => {
    const data = await loadRunSplit(model, choice);
    const shown = Math.min(count, data.count);
    const columns = Math.min(16, shown);
    checkPixels(`--count: ${shown} examples`, pairsSize(model.event, shown, { columns }));
    const { inputs, reconstructions, event } = await reconstruct(model, examplesOf(data, 0, shown), shown);
    return { ...(await writePicture(out, sideBySide(inputs, reconstructions, event, { columns }))), count: shown };
  });
}

export interface InterpolateRunOptions extends PictureOptions, DataChoice {
  /** Rows of the split. Default 0 and 1. */
  readonly from?: number;
  readonly to?: number;
  readonly steps: number;
  readonly path?: InterpolationPath;
}

/** The way from one example to another: in one row between the two, where there is room. */
export async function interpolateRun(options: InterpolateRunOptions) {
  const { run, out, from = 0, to = 1, steps, path = "linear", ...choice } = options;
  return withRun(run, async (model) => {
    const columns = Math.min(MOST_COLUMNS, steps);
    checkPixels(`--steps: ${steps} images`, gridSize(model.event, steps, { columns }));
    const data = await loadRunSplit(model, choice);
    const ends = new Float32Array([...exampleAt(data, from, "--from"), ...exampleAt(data, to, "--to")]);
    const { images, event } = await interpolate(model, ends, { steps, path });
    const picture =
      steps + 2 > MOST_COLUMNS
        ? imageGrid(images, event, { columns })
        : endsApart(betweenEnds(images, ends), event, { columns: steps + 2 });
    return { ...(await writePicture(out, picture)), from, to, steps, path };
  });
}

/** Images between the two that they lead from and to. */
function betweenEnds(images: Float32Array, ends: Float32Array): Float32Array {
  const size = ends.length / 2;
  const row = new Float32Array(images.length + ends.length);
  row.set(ends.subarray(0, size));
  row.set(images, size);
  row.set(ends.subarray(size), size + images.length);
  return row;
}

export interface TraverseRunOptions extends PictureOptions, DataChoice {
  readonly steps: number;
  /** In standard deviations of the standard normal. Default 3. */
  readonly range?: number;
  /** How many latent dimensions, the most used ones: see `latentUse`. Default: all. */
  readonly dimensions?: number;
  /** Row of the split whose code the other dimensions stay at. Default: they stay at 0. */
  readonly example?: number;
}

/** A row of images for each latent dimension, the most used ones first. */
export async function traverseRun(options: TraverseRunOptions) {
  const { run, out, steps, range = 3, dimensions, example, ...choice } = options;
  return withRun(run, async (model) => {
    const rows = Math.min(dimensions ?? model.latent, model.latent);
    checkPixels(
      `--steps: ${steps} images for each of ${rows} latent dimensions`,
      gridSize(model.event, rows * steps, { columns: steps }),
    );
    const data = await loadRunSplit(model, choice);
    const use = await latentUse(model, data);
    const order = use.order.slice(0, dimensions);
    const start =
      example === undefined ? undefined : (await model.encode(exampleAt(data, example, "--example"), 1)).code;
    const { images, event } = await traverse(model, { dimensions: order, steps, range, ...(start ? { start } : {}) });
    return {
      ...(await writePicture(out, imageGrid(images, event, { columns: steps }))),
      steps,
      range,
      dimensions: order.map((dimension) => ({ dimension, klNats: use.klNats?.[dimension] ?? null })),
    };
  });
}

/** Refuses a picture that could not be written, before the work for it is done. */
function checkPixels(what: string, { width, height }: PictureSize): void {
  if (width * height <= MOST_PIXELS) return;
  const size = `${width} × ${height} = ${width * height} pixels`;
  throw new UsageError(`${what} take a picture of ${size}; it can have ${MOST_PIXELS} at most, so ask for fewer`);
}

async function withRun<Result>(run: string, use: (model: OpenRun) => Promise<Result>): Promise<Result> {
  const model = await openRun(run);
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

async function writePicture(file: string, picture: Picture): Promise<PictureResult> {
  await writeOutput(file, await encodePng(picture));
  return { file, width: picture.width, height: picture.height };
}
