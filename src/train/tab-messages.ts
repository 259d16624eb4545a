import type { Splits } from "../data/dataset.ts";
import { DataError, NumericalError, RunError, ShapeError, UsageError, VaekitError } from "../errors.ts";
import type { WebOptions } from "../runtime/ort.web.ts";
import type { ProgressEvent } from "./options.ts";
import type { RunOptions } from "./run.ts";
import type { TrainResult } from "./train.ts";

/* What a page and the worker that trains for it say to each other. */

/** A training, as a page asks for it. All of it can be sent. */
export interface TabTask extends Omit<RunOptions, "signal" | "onProgress">, WebOptions {
  readonly data: Splits;
  /** The run's folder in the browser's private file system. */
  readonly out: string;
  /**
   * What to do when the graphics device is lost: "stop" ends the run with an error, at its last checkpoint; "wasm" goes
   * on from there on the processor. Default: "stop".
   */
  readonly whenLost?: "stop" | "wasm" | undefined;
}

export interface TabTrainOptions extends TabTask {
  /** Ends the run after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
  /** Starts the worker, where a page keeps it elsewhere than a bundler puts it. */
  readonly worker?: (() => Worker) | undefined;
}

export type ToWorker = { readonly kind: "train"; readonly task: TabTask } | { readonly kind: "abort" };

export type ToPage =
  | { readonly kind: "progress"; readonly event: ProgressEvent }
  | { readonly kind: "result"; readonly result: TrainResult }
  | { readonly kind: "error"; readonly name: string; readonly message: string; readonly stack?: string | undefined };

const classes = { VaekitError, UsageError, DataError, RunError, ShapeError, NumericalError };

/** An error as a message. */
export function told(error: unknown): ToPage {
  if (!(error instanceof Error)) return { kind: "error", name: "Error", message: String(error) };
  const found = Object.entries(classes)
    .toReversed()
    .find(([, known]) => error instanceof known);
  return { kind: "error", name: found?.[0] ?? "Error", message: error.message, stack: error.stack };
}

/** The error that a message tells of, of its class. */
export function heard({ name, message, stack }: ToPage & { readonly kind: "error" }): Error {
  const Known = (classes as Readonly<Record<string, new (what: string) => Error>>)[name] ?? Error;
  const error = new Known(message);
  if (stack !== undefined) error.stack = stack; // where in the worker it came about
  return error;
}
