import { checkOptions, options as fields, section, text } from "../config.fields.ts";
import { RunError } from "../errors.ts";
import type { Backend } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { directoryStorage, kindOfPlace } from "../storage/directory.node.ts";
import type { Storage } from "../storage/storage.ts";
import { type Inference, inference } from "./inference.ts";
import { loadModel, type PortableModel } from "./portable.ts";
import { readRecord } from "./read-record.ts";
import type { RunRecord } from "./record.ts";
import { rowThreads } from "./row-pool.node.ts";

/** A run's trained model, and where it came from. */
export interface OpenRun extends Inference, PortableModel {
  readonly storage: Storage;
  readonly backend: Backend;
  readonly record: RunRecord | undefined;
  /** The DATA that the run was trained on, as given; undefined when it was handed over in memory. */
  readonly source: string | undefined;
}

const schema = section({ run: text("the run directory"), threads: fields.threads });

/**
 * Opens the model of a run directory.
 * @throws RunError when there is none, or its files are damaged or do not fit
 */
export async function openRun(run: string, options: { readonly threads?: number | undefined } = {}): Promise<OpenRun> {
  checkOptions("load", schema, { ...options, run });
  const storage = directoryStorage(run);
  const kind = await kindOfPlace(run);
  if (kind === "none")
    throw new RunError(`${run}: there is no such run; name the directory that was given to vaekit train --out`);
  if (kind === "file") throw new RunError(`${run}: is a file, not the directory of a run`);
  const model = await loadModel(storage);
  const record = await readRecord(storage);
  const backend = await cpuBackend(options.threads);
  // Threads have rows each; within operators there is one, so that a row's last bits do not depend on their number.
  const used = inference(model, await cpuBackend(1), rowThreads(backend.threads), async (own) =>
    (await import("./run-samplers.ts")).runSamplers(storage, model, own),
  );
  return { ...model, ...used, storage, backend, record, source: record?.data.source ?? undefined };
}
