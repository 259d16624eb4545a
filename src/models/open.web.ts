import type { WebOptions } from "../runtime/ort.web.ts";
import { webBackend } from "../runtime/ort.web.ts";
import { opfsStorage } from "../storage/opfs.web.ts";
import { type Inference, inference } from "./inference.ts";
import { loadModel, type PortableModel } from "./portable.ts";
import { readRecord } from "./read-record.ts";
import type { RunRecord } from "./record.ts";

/** A run's trained model, ready for use. */
export interface OpenRun extends Inference, PortableModel {
  readonly record: RunRecord | undefined;
}

/**
 * Opens the model of a run in the browser's private file system. It computes on the thread that calls it: for many
 * examples, call it in a worker.
 * @throws RunError when there is none, or its files are damaged or do not fit; UsageError for a device that is not there
 */
export async function load(run: string, options: WebOptions = {}): Promise<OpenRun> {
  const storage = opfsStorage(run);
  const model = await loadModel(storage);
  const record = await readRecord(storage);
  const used = inference(model, await webBackend(options), undefined, async (own) =>
    (await import("./run-samplers.ts")).runSamplers(storage, model, own),
  );
  return { ...model, ...used, record };
}
