import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { DataError, UsageError, VaekitError } from "../errors.ts";
import { withConditions } from "./conditions.node.ts";
import type { Examples, LoadOptions, SplitOptions, Splits } from "./dataset.ts";
import { readIdx } from "./idx.node.ts";
import { describeShape, formatsRead, type IdxArray } from "./idx.ts";
import { checkImages, checkLabels, examplesOf } from "./idx-examples.ts";
import { splitInOrder, splitShuffled } from "./split.ts";
import { sprites } from "./sprites.ts";

/**
 * The examples of a source, split. The source is "sprites", an IDX file of images (gzip or not; its labels are found
 * beside it by name), or a folder: with MNIST's four files, whose test file is the test split, or with one file of
 * images. `conditions` is a name beside the source's file, or in its folder.
 * @throws DataError when the source cannot be read; UsageError when the options leave nothing to train on; the signal's
 * reason when it is aborted
 */
export async function loadSplits(
  source: string,
  { signal, conditions, ...options }: LoadOptions = {},
): Promise<Splits> {
  if (source === "sprites" && conditions !== undefined)
    throw new UsageError(
      `data.conditions: sprites are drawn with their factors, and take no file, got "${conditions}"; leave it out`,
    );
  const splits =
    source === "sprites" ? await sprites({ ...options, signal }) : await loadFiles(source, options, conditions);
  signal?.throwIfAborted();
  return splits;
}

async function loadFiles(source: string, options: SplitOptions, conditions?: string): Promise<Splits> {
  if (source === "") throw new DataError('data: expected a file, a folder or "sprites", got ""');
  try {
    const kind = await stat(source).catch(async (error: NodeJS.ErrnoException) => {
      throw error.code === "ENOENT" || error.code === "ENOTDIR" ? await missing(source) : error;
    });
    const beside = (folder: string) => (conditions === undefined ? undefined : resolve(folder, conditions));
    return kind.isDirectory()
      ? await loadFolder(source, options, beside(source))
      : await loadFile(source, options, beside(dirname(source)));
  } catch (error) {
    if (error instanceof VaekitError) throw error;
    const what = error instanceof Error ? error.message : String(error);
    throw new DataError(`${source}: cannot be read: ${what}`, { cause: error });
  }
}

/** @param conditions path of their file */
async function loadFile(file: string, options: SplitOptions, conditions: string | undefined): Promise<Splits> {
  const [all] = await withConditions([await loadImages(file)], conditions);
  return splitShuffled(all, options);
}

async function loadFolder(folder: string, options: SplitOptions, conditions: string | undefined): Promise<Splits> {
  const names = (await readdir(folder)).sort();
  const images = names.filter((name) => /images[-.]idx\d-ubyte(\.gz)?$/.test(name));
  const training = images.find((name) => /^train-images/.test(name));
  const testing = images.find((name) => /^(t10k|test)-images/.test(name));
  if (training && testing) return loadPair(folder, [training, testing], options, conditions);
  const [only, ...others] = images;
  if (only === undefined) {
    const holds = names.length === 0 ? "the folder is empty" : `holds no IDX file of images; found: ${listed(names)}`;
    throw new DataError(`${folder}: ${holds}; ${formatsRead}`);
  }
  if (others.length > 0) {
    throw new DataError(`${folder}: holds several files of images, name one of them: ${listed(images)}`);
  }
  if (training ?? testing) {
    const lacks = training ? "t10k-images-idx3-ubyte[.gz]" : "train-images-idx3-ubyte[.gz]";
    throw new DataError(
      `${folder}: holds ${only} but no ${lacks}; add it, or name the file ${join(folder, only)} to split it`,
    );
  }
  return loadFile(join(folder, only), options, conditions);
}

/** A folder with files for training and for testing. */
async function loadPair(
  folder: string,
  [training, testing]: readonly [string, string],
  options: SplitOptions,
  conditions: string | undefined,
): Promise<Splits> {
  const name = basename(resolve(folder));
  const train = await loadImages(join(folder, training), name);
  const test = await loadImages(join(folder, testing), name);
  if (train.event.join() !== test.event.join()) {
    throw new DataError(
      `${join(folder, testing)}: its images are ${describeShape(test.event)}, ` +
        `those of ${training} are ${describeShape(train.event)}; they must have one size`,
    );
  }
  if (!train.labels !== !test.labels) {
    const [labelled, bare] = train.labels ? [training, testing] : [testing, training];
    throw new DataError(
      `${folder}: there are labels for ${labelled} but none for ${bare}; add them or remove the others`,
    );
  }
  return splitInOrder(...(await withConditions([train, test], conditions)), options);
}

/** The images of an IDX file with the labels beside it. */
async function loadImages(file: string, name = nameOf(file)): Promise<Examples> {
  const images = await readIdx(file);
  checkImages(images, file);
  const labels = await loadLabels(file, images.shape[0]!);
  return examplesOf(images, name, labels);
}

/** X-labels-idx1-ubyte beside X-images-idx3-ubyte, either of them with .gz or not, "." or "-" before "idx". */
async function loadLabels(file: string, count: number): Promise<Uint8Array | undefined> {
  const match = /^(.*)images[-.]idx\d-ubyte(\.gz)?$/.exec(basename(file));
  if (!match) return undefined;
  const wanted = ["-", "."].flatMap((dot) => ["", ".gz"].map((gz) => `${match[1]}labels${dot}idx1-ubyte${gz}`));
  const name = (await readdir(dirname(file))).sort().find((candidate) => wanted.includes(candidate));
  if (!name) return undefined;
  const labelFile = join(dirname(file), name);
  const labels: IdxArray = await readIdx(labelFile);
  checkLabels(labels, labelFile, count, file);
  return labels.data;
}

function nameOf(file: string): string {
  return basename(file).replace(/([-.]images)?[-.]idx\d-ubyte(\.gz)?$/, "") || basename(file);
}

async function missing(source: string): Promise<DataError> {
  const folder = dirname(source);
  const names = await readdir(folder).catch(() => undefined);
  if (!names)
    return new DataError(`${source}: no such file or folder (nor is there a folder ${folder}); ${formatsRead}`);
  const near = names.filter((name) => !name.startsWith("."));
  const holds = near.length > 0 ? `${folder} holds: ${listed(near.sort())}` : `${folder} is empty`;
  return new DataError(`${source}: no such file or folder; ${holds}; ${formatsRead}`);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(", ");
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
