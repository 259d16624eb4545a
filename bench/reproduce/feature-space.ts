import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Dataset, Examples, Splits } from "../../src/data/dataset.ts";
import { RunError } from "../../src/errors.ts";
import {
  classesOf,
  classifierEncoder,
  openClassifier,
  type PortableClassifier,
} from "../../src/evaluate/classifier.ts";
import { loadClassifier, saveClassifier } from "../../src/evaluate/classifier-file.ts";
import type { Points } from "../../src/evaluate/neighbours.ts";
import { rowThreads } from "../../src/models/row-pool.node.ts";
import type { RowValues } from "../../src/models/rows.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { cpuBackend } from "../../src/runtime/ort.node.ts";
import { directoryStorage } from "../../src/storage/directory.node.ts";
import {
  accuracyOf,
  type ClassifierOptions,
  classifierSettings,
  labelsHash,
  trainClassifier,
} from "../../src/train/classifier.ts";
import { threadHelpers } from "../../src/train/helper.node.ts";
import type { Bar, MeasuredFigure, MeasureOptions } from "./experiment.ts";
import { fractionFigure } from "./figures.ts";

/* The space in which experiments compare images: the last hidden layer of a classifier that is trained here, on the
   training split's labels. */

/** What a classifier says of some images. */
interface Placed {
  /** Their features. */
  readonly points: Points;
  /** The class that each is read as. */
  readonly classes: Uint8Array;
}

export interface FeatureSpace {
  readonly backend: Backend;
  readonly classes: number;
  place(images: RowValues, count: number): Promise<Placed>;
  /** How much of a split the classifier reads right. @param bar on the figure, if there is one */
  accuracy(examples: Examples, bar: Bar | null): Promise<MeasuredFigure>;
  close(): Promise<void>;
}

/**
 * Opens the feature space of a data set. Its classifier lies beside the experiment's run, for other experiments too; where
 * there is none of these settings yet, it is trained.
 * @param run the directory of a run
 */
export async function openFeatureSpace(
  run: string,
  data: Pick<Splits, "train" | "validation">,
  settings: ClassifierOptions,
  { threads, note }: Pick<MeasureOptions, "threads" | "note">,
): Promise<FeatureSpace> {
  const all = await cpuBackend(threads);
  const portable = await classifierAt(join(dirname(run), `classifier-${data.train.name}`), data, settings, all, note);
  const backend = await cpuBackend(1); // threads have rows each
  const classifier = await openClassifier(portable, backend, rowThreads(all.threads));
  return {
    backend: all,
    classes: classifier.classes,
    async place(images, count) {
      const classified = await classifier.classify(images, count);
      return { points: { values: classified.features, count }, classes: classesOf(classified, classifier.classes) };
    },
    async accuracy(examples, bar) {
      const accuracy = await accuracyOf(portable, backend, examples);
      const error = Math.sqrt((accuracy * (1 - accuracy)) / examples.count);
      return { ...fractionFigure(`classifier: ${examples.split} images read as labelled`, accuracy, error), bar };
    },
    close: () => classifier.close(),
  };
}

async function classifierAt(
  folder: string,
  data: Pick<Splits, "train" | "validation">,
  settings: ClassifierOptions,
  backend: Backend,
  note: (line: string) => void,
): Promise<PortableClassifier> {
  const storage = directoryStorage(folder);
  const saved = await loadClassifier(storage).catch((error: unknown) => {
    if (!(error instanceof RunError)) throw error;
    note(error.message); // as where it was stopped while it was written
    return undefined;
  });
  if (saved && (await isOf(saved, data.train, settings))) return saved;
  note(`${folder}: training the classifier of ${data.train.name}`);
  const trained = await trainClassifier(
    data,
    { backend, helpers: await threadHelpers() },
    {
      ...settings,
      onProgress: ({ epoch, epochs, crossEntropyNats, seconds }) =>
        note(`  epoch ${epoch} of ${epochs}: cross-entropy ${crossEntropyNats.toFixed(4)}, ${seconds.toFixed(0)} s`),
    },
  );
  await saveClassifier(storage, trained);
  return trained;
}

/** Whether a classifier is what training with these settings would give. */
async function isOf(
  { description: { encoder, trained } }: PortableClassifier,
  train: Dataset,
  options: ClassifierOptions,
): Promise<boolean> {
  const { event, fingerprint } = train;
  const wanted = [classifierEncoder(event, options.encoder), classifierSettings(event, options)];
  const sameData = trained.data === fingerprint && trained.labels === (await labelsHash(train));
  return sameData && isDeepStrictEqual([encoder, trained.settings], wanted);
}
