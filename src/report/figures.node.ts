import { encoderCondition, exampleAt, examplesOf } from "../apps/examples.ts";
import { type EnsureOptions, ensureSampler } from "../apps/fit-sampler.node.ts";
import { generate, type Images } from "../apps/generate.ts";
import { type InterpolationPath, interpolate } from "../apps/interpolate.ts";
import { writeOutput } from "../apps/output.node.ts";
import { reconstruct } from "../apps/reconstruct.ts";
import { traverse } from "../apps/traverse.ts";
import { UsageError } from "../errors.ts";
import { type OpenRun, openRun } from "../models/open.node.ts";
import { type DataChoice, loadRunSplit } from "../models/run-data.node.ts";
import type { PriorChoice } from "../models/sampler-kinds.ts";
import { checkUnconditional } from "../models/samplers.ts";
import { checkGiven, classesOf, type GivenValues, givenEnds, valuesOf } from "./given.ts";
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
  /** Default "model". Another is fitted first, unless one is stored that is as the options below ask for. */
  readonly prior?: PriorChoice;
  readonly sampler?: Omit<EnsureOptions, "kind">;
  /** Of a conditional model: a value of each condition. */
  readonly given?: GivenValues;
  /** A class: a row of images for each value of it, `count` in a row, a column of the same z; with p(z|c), of the same noise. */
  readonly each?: string;
}

/** A grid of images drawn from the prior, or from a sampler in its place. Image i is the same for any count. */
export async function sampleRun(options: SampleRunOptions) {
  const { run, out, count, seed, prior = "model", sampler, given, each } = options;
  return withRun(run, async (model) => {
    if (prior !== "model") checkUnconditional(model.description); // before checkGiven asks for conditions in vain
    checkGiven(model, given, { each });
    const rows = each === undefined ? [given] : classesOf(model, each, given);
    const columns = each === undefined ? Math.min(MOST_COLUMNS, Math.ceil(Math.sqrt(count))) : count;
    const total = rows.length * count;
    checkPixels(`--count: ${total} images`, gridSize(model.event, total, { columns }));
    const fitted = prior === "model" ? undefined : await ensureSampler(model, { ...sampler, kind: prior });
    const drawn: Images[] = [];
    for (const row of rows) drawn.push(await generate(model, { count, seed, prior, given: row }));
    const picture = await writePicture(out, imageGrid(joinedImages(drawn), model.event, { columns }));
    const about = { ...(given ? { given } : {}), ...(each === undefined ? {} : { each }) };
    return { ...picture, count: total, seed, prior, ...about, ...(fitted ? { fitted } : {}) };
  });
}

/** Rows of images one after the other. */
function joinedImages(parts: readonly Images[]): Float32Array {
  const [first] = parts;
  if (first && parts.length === 1) return first.images;
  const all = new Float32Array(parts.reduce((total, { images }) => total + images.length, 0));
  for (const [row, { images }] of parts.entries()) all.set(images, row * images.length);
  return all;
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
    const given = model.conditions?.given(data, 0, shown);
    const { inputs, reconstructions, event } = await reconstruct(model, examplesOf(data, 0, shown), shown, given);
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
    const given = model.conditions && givenEnds(model.conditions, data, from, to);
    const { images, event } = await interpolate(model, ends, { steps, path, given });
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
  /** In standard deviations: see `traverse`. Default 3. */
  readonly range?: number;
  /** How many latent dimensions, the most used ones: see `latentUse`. Default: all. */
  readonly dimensions?: number;
  /** Row of the split whose code the other dimensions stay at. Default: they stay at 0, or at the mean of p(z|c). */
  readonly example?: number;
  /** Of a conditional model: a value of each condition. Default: those of the example, where one is named. */
  readonly given?: GivenValues;
}

/** A row of images for each latent dimension, the most used ones first. */
export async function traverseRun(options: TraverseRunOptions) {
  const { run, out, steps, range = 3, dimensions, example, given: asked, ...choice } = options;
  return withRun(run, async (model) => {
    const rows = Math.min(dimensions ?? model.latent, model.latent);
    checkPixels(
      `--steps: ${steps} images for each of ${rows} latent dimensions`,
      gridSize(model.event, rows * steps, { columns: steps }),
    );
    const data = await loadRunSplit(model, choice);
    const row = example ?? 0;
    const shown = example === undefined ? undefined : exampleAt(data, row, "--example");
    const own = shown && model.conditions && valuesOf(model.conditions.given(data, row, 1));
    const given = own || asked ? { ...own, ...asked } : undefined;
    checkGiven(model, given);
    const use = await latentUse(model, data);
    const order = use.order.slice(0, dimensions);
    const start = shown && (await model.encode(shown, 1, encoderCondition(model, data, row, 1))).code;
    const { images, event } = await traverse(model, {
      ...{ dimensions: order, steps, range, given },
      ...(start ? { start } : {}),
    });
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
