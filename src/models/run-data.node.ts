import { resolve } from "node:path";
import { splitOptions } from "../config.ts";
import { type Dataset, joined, type Splits } from "../data/dataset.ts";
import { fingerprinted } from "../data/fingerprint.ts";
import { loadSplits } from "../data/load.node.ts";
import { UsageError } from "../errors.ts";
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
 * The splits of a run's data, as its config says; or those of other data of the same shape. Other data are split by the
 * usual rules, with the run's seed: the run's own counts are those of its data, and may be more than these hold.
 */
export async function loadRunSplits(model: OpenRun, data?: string): Promise<Splits> {
  const source = data ?? model.source;
  if (source === undefined) throw new UsageError("--data: the run does not say what it was trained on; name the data");
  const ofRun = splitOptions(model.config);
  const own = model.source !== undefined && resolve(source) === resolve(model.source); // named again, or not at all
  const splits = await loadSplits(source, own ? ofRun : { seed: ofRun.seed });
  checkEvent(model, splits.test);
  return splits;
}
