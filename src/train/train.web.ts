import { RunError } from "../errors.ts";
import type { ProgressEvent } from "./options.ts";
import { heard, type TabTask, type ToPage, type ToWorker } from "./tab-messages.ts";
import type { TrainResult as ModelResult } from "./train.ts";

export interface TabTrainOptions extends TabTask {
  /** Ends the run after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
  /** Starts the worker, where a page keeps it elsewhere than a bundler puts it. */
  readonly worker?: (() => Worker) | undefined;
}

export interface TabTrainResult extends ModelResult {
  readonly run: string;
}

/**
 * Trains a VAE in a worker of this page, which stays responsive, and leaves a run in the browser's private file system:
 * the files that Node leaves in a run directory, so that either can go on with the other's (readRun, writeRun).
 * @throws as `trainRun`, and RunError where the worker cannot be started
 */
export async function train(options: TabTrainOptions): Promise<TabTrainResult> {
  const { signal, onProgress, worker: start = defaultWorker, ...task } = options;
  const worker = start();
  const send = (message: ToWorker) => worker.postMessage(message);
  const abort = () => send({ kind: "abort" });
  try {
    const result = await new Promise<ModelResult>((resolve, reject) => {
      worker.onmessage = ({ data: message }: MessageEvent<ToPage>) => {
        if (message.kind === "progress") onProgress?.(message.event);
        else if (message.kind === "result") resolve(message.result);
        else reject(heard(message));
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(
          new RunError(
            `the worker that trains ended: ${event.message || "its script could not be loaded; name it by `worker`"}`,
          ),
        );
      };
      worker.onmessageerror = () => reject(new RunError("the worker that trains sent what this page cannot read"));
      send({ kind: "train", task });
      if (signal?.aborted) abort();
      signal?.addEventListener("abort", abort);
    });
    return { run: task.out, ...result };
  } finally {
    signal?.removeEventListener("abort", abort);
    worker.terminate();
  }
}

const defaultWorker = (): Worker => new Worker(new URL("./worker.web.js", import.meta.url), { type: "module" });
