import { exampleAt, examplesOf } from "../apps/examples.ts";
import { generate } from "../apps/generate.ts";
import { type InterpolationPath, interpolate } from "../apps/interpolate.ts";
import { writeOutput } from "../apps/output.node.ts";
import { reconstruct } from "../apps/reconstruct.ts";
import { orderByKl, traverse } from "../apps/traverse.ts";
import { type OpenRun, openRun } from "../models/open.node.ts";
import { type DataChoice, loadRunSplit } from "../models/run-data.node.ts";
import { imageGrid, type Picture, sideBySide } from "./grid.ts";
import { latentRates } from "./latent-rates.node.ts";
import { encodePng } from "./png.node.ts";

const MOST_COLUMNS = 32;

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
    const { images, event } = await generate(model, { count, seed });
    const columns = Math.min(MOST_COLUMNS, Math.ceil(Math.sqrt(count)));
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
    const { inputs, reconstructions, event } = await reconstruct(model, examplesOf(data, 0, shown), shown);
    const columns = Math.min(16, shown);
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

/** The way from one example to another, in one row. */
export async function interpolateRun(options: InterpolateRunOptions) {
  const { run, out, from = 0, to = 1, steps, path = "linear", ...choice } = options;
  return withRun(run, async (model) => {
    const data = await loadRunSplit(model, choice);
    const ends = new Float32Array([...exampleAt(data, from, "--from"), ...exampleAt(data, to, "--to")]);
    const { images, event } = await interpolate(model, ends, { steps, path });
    const columns = Math.min(MOST_COLUMNS, steps);
    return { ...(await writePicture(out, imageGrid(images, event, { columns }))), from, to, steps, path };
  });
}

export interface TraverseRunOptions extends PictureOptions, DataChoice {
  readonly steps: number;
  /** In standard deviations of the prior. Default 3. */
  readonly range?: number;
  /** How many latent dimensions, those with the largest KL. Default: all. */
  readonly dimensions?: number;
  /** Row of the split whose posterior mean the other dimensions stay at. Default: they stay at the prior's mean. */
  readonly example?: number;
}

/** A row of images for each latent dimension, those with the largest KL from the prior first. */
export async function traverseRun(options: TraverseRunOptions) {
  const { run, out, steps, range = 3, dimensions, example, ...choice } = options;
  return withRun(run, async (model) => {
    const data = await loadRunSplit(model, choice);
    const klNats = await latentRates(model, data);
    const order = orderByKl(klNats).slice(0, dimensions);
    const start =
      example === undefined ? undefined : (await model.encode(exampleAt(data, example, "--example"), 1)).mean;
    const { images, event } = await traverse(model, { dimensions: order, steps, range, ...(start ? { start } : {}) });
    return {
      ...(await writePicture(out, imageGrid(images, event, { columns: steps }))),
      steps,
      range,
      dimensions: order.map((dimension) => ({ dimension, klNats: klNats[dimension]! })),
    };
  });
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
