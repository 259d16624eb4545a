import { splitOptions } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import { loadSplits } from "../data/load.node.ts";
import { DataError, UsageError } from "../errors.ts";
import type { Inference } from "./inference.ts";
import type { OpenRun } from "./open.node.ts";

/** Which examples a command works on. */
export interface DataChoice {
  /** A source as `loadSplits` takes it. Default: what the run was trained on. */
  readonly data?: string | undefined;
  /** Default "test". */
  readonly split?: "train" | "validation" | "test" | undefined;
}

/** One split of a run's data, or of other data of the same shape, split as the run's config says. */
export async function loadRunSplit(model: OpenRun, { data, split = "test" }: DataChoice): Promise<Dataset> {
  const source = data ?? model.source;
  if (source === undefined) throw new UsageError("--data: the run does not say what it was trained on; name the data");
  const dataset = (await loadSplits(source, splitOptions(model.config)))[split];
  checkEvent(model, dataset);
  return dataset;
}

/** Refuses data whose examples have another shape than the model's. */
export function checkEvent(model: Inference, data: Dataset): void {
  if (model.event.join() === data.event.join()) return;
  throw new DataError(
    `${data.name}: its examples have shape [${data.event.join(", ")}], the model was trained on ` +
      `[${model.event.join(", ")}]; take data of that shape`,
  );
}
