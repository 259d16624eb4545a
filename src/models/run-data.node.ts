import { resolve } from "node:path";
import { splitOptions } from "../config.ts";
import { checkSplits } from "../data/check.ts";
import { type Dataset, joined, type Splits } from "../data/dataset.ts";
import { fingerprinted } from "../data/fingerprint.ts";
import { loadSplits } from "../data/load.node.ts";
import { DataError, UsageError } from "../errors.ts";
import { checkEvent } from "./inference.ts";
import type { OpenRun } from "./open.node.ts";

/** Which examples a command works on. */
export interface DataChoice {
  /** A source as `loadSplits` takes it. Default: what the run was trained on. */
  readonly data?: string | undefined;
  /** Default "test"; "all": train, validation and test, in this order. */
  readonly split?: "train" | "validation" | "test" | "all" | undefined;
}

/** A split of a run's data, or of other data of the same shape. */
export async function loadRunSplit(model: OpenRun, { data, split = "test" }: DataChoice): Promise<Dataset> {
  const splits = await loadRunSplits(model, data);
  return split === "all" ? fingerprinted(joined(splits)) : splits[split];
}

/**
 * The splits of a run's data, as its config says, wherever they lie now; or those of other data of the same shape. Other
 * data are split by the usual rules, with the run's seed: the run's own counts are those of its data, and may be more than
 * these hold.
 */
export async function loadRunSplits(model: OpenRun, data?: string): Promise<Splits> {
  const source = data ?? model.source;
  if (source === undefined) throw new UsageError("--data: the run does not say what it was trained on; name the data");
  const ofRun = splitOptions(model.config);
  const own = model.source !== undefined && resolve(source) === resolve(model.source); // named again, or not at all
  const asOfRun = await loadSplits(source, ofRun).catch((error: unknown) => {
    if (!own) return undefined; // as of data that hold fewer examples than the run's counts; others are thrown below
    if (data !== undefined || !(error instanceof DataError)) throw error;
    const mend = "the run was trained on these data; if they have moved, name them (--data)";
    throw new DataError(`${error.message}; ${mend}`, { cause: error });
  });
  const { seed, conditions } = ofRun;
  const splits =
    asOfRun && (own || wasTrainedOn(model, asOfRun))
      ? asOfRun
      : await loadSplits(source, { seed, ...(conditions === undefined ? {} : { conditions }) });
  checkEvent(model, splits.test);
  return splits;
}

/**
 * The splits that a run was trained with, to fit something more to the same training examples.
 * @param data where they lie now, or the splits themselves. Default: what the run names
 * @throws DataError for other data: among their training examples may be some that the run validates or tests on
 */
export async function loadTrainingSplits(model: OpenRun, data?: string | Splits): Promise<Splits> {
  const splits = typeof data === "object" ? data : await loadRunSplits(model, data);
  checkSplits(splits, "data");
  if (wasTrainedOn(model, splits)) return splits;
  const { name, fingerprint } = splits.train;
  throw new DataError(
    `${name}: is not what the run was trained on (fingerprint ${model.description.trained.data}, these are ${fingerprint}), and a sampler is fitted to the run's own training examples; name those data (--data)`,
  );
}

const wasTrainedOn = ({ description }: OpenRun, { train }: Splits): boolean =>
  train.fingerprint === description.trained.data;
