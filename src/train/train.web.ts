import type { Dataset, Splits } from "../data/dataset.ts";
import { RunError, UsageError } from "../errors.ts";
import { checkTabOptions } from "./arguments.web.ts";
import { heard, type TabTrainOptions, type ToPage, type ToWorker } from "./tab-messages.ts";
import type { TrainResult as ModelResult } from "./train.ts";

export interface TabTrainResult extends ModelResult {
  readonly run: string;
}

/**
 * Trains a VAE in a worker of this page, which stays responsive, and leaves a run in the browser's private file system:
 * the files that Node leaves in a run directory, so that either can go on with the other's (readRun, writeRun).
 * @throws as `trainRun`, and RunError where the worker cannot be started
 */
export async function train(options: TabTrainOptions): Promise<TabTrainResult> {
  checkTabOptions(options);
  const { signal, onProgress, worker: start = defaultWorker, ...task } = options;
  const worker = started(start);
  const send = (message: ToWorker, given: Transferable[] = []) => worker.postMessage(message, given);
  const abort = () => send({ kind: "abort" });
  const handOver = async () => {
    const { data, given } = await copied(task.data);
    try {
      send({ kind: "train", task: { ...task, data } }, given);
    } catch (error) {
      throw new UsageError(`train: expected options of plain data, which a worker can be sent: ${messageOf(error)}`);
    }
  };
  try {
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    // Heard from the start: an error while the data are copied would be lost, and the result waited for without end.
    const [result] = await Promise.all([resultOf(worker, onProgress), handOver()]);
    return { run: task.out, ...result };
  } finally {
    signal?.removeEventListener("abort", abort);
    worker.terminate();
  }
}

/** What a worker tells of its training in the end. */
function resultOf(worker: Worker, onProgress: TabTrainOptions["onProgress"]): Promise<ModelResult> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data: message }: MessageEvent<ToPage>) => {
      try {
        if (message.kind === "progress") onProgress?.(message.event);
        else if (message.kind === "result") resolve(message.result);
        else reject(heard(message));
      } catch (error) {
        reject(error); // of the page's own onProgress
      }
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
  });
}

function started(start: () => Worker): Worker {
  try {
    return start();
  } catch (error) {
    throw new RunError(`the worker that trains cannot be started: ${messageOf(error)}; name its script by \`worker\``, {
      cause: error,
    });
  }
}

/** So many numbers are copied in a task of the page. */
const piece = 2 ** 21;

/**
 * Data whose examples are copies, which the worker is given: to clone all of them at once would keep the page from
 * everything else for some hundred milliseconds.
 */
async function copied(data: Splits): Promise<{ readonly data: Splits; readonly given: Transferable[] }> {
  const given: Transferable[] = [];
  const copy = async (split: Dataset): Promise<Dataset> => {
    const values: unknown = split?.values;
    if (!(values instanceof Uint8Array || values instanceof Float32Array)) return split; // refused by the worker
    const own = values instanceof Uint8Array ? new Uint8Array(values.length) : new Float32Array(values.length);
    for (let from = 0; from < values.length; from += piece) {
      own.set(values.subarray(from, from + piece), from);
      await new Promise((resolve) => setTimeout(resolve));
    }
    given.push(own.buffer);
    return { ...split, values: own };
  };
  const splits: Record<string, Dataset> = {};
  for (const [name, split] of Object.entries(data ?? {})) splits[name] = await copy(split as Dataset);
  return { data: splits as unknown as Splits, given };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const defaultWorker = (): Worker => new Worker(new URL("./worker.web.js", import.meta.url), { type: "module" });
