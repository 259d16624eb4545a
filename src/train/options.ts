import type { Config } from "../config.ts";
import type { Splits } from "../data/dataset.ts";
import type { Vae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import type { Storage } from "../storage/storage.ts";
import type { MetricsRow, Parts } from "./metrics.ts";
import type { Helpers } from "./team.ts";

/** What training tells while it runs. */
export type ProgressEvent =
  | {
      readonly kind: "start";
      readonly parameters: number;
      readonly epochs: number | null;
      readonly steps: number | null;
      /** After how many minutes of training the run ends, those before a resume included. */
      readonly minutes: number | null;
      readonly examples: number;
      readonly resumedFrom?: number;
    }
  | ({
      readonly kind: "step";
      readonly epoch: number;
      readonly step: number;
      readonly steps: number | null;
      readonly examplesPerSecond: number;
      /** Of training, earlier sessions included. */
      readonly seconds: number;
      /** To the end by steps or by minutes, whichever comes first; null where the run has neither. */
      readonly secondsLeft: number | null;
    } & Parts)
  | { readonly kind: "epoch"; readonly row: MetricsRow }
  | { readonly kind: "note"; readonly text: string };

/** Data and a config that were seen to fit each other and the memory, and the model that they make. */
export interface Prepared {
  readonly data: Splits;
  readonly config: Config;
  /** Starts where the training data say. */
  readonly vae: Vae;
}

/** What `prepareTraining` made, and where and how to train it. */
export interface TrainOptions extends Prepared {
  /** Where the run's files go. The caller holds its lock. */
  readonly storage: Storage;
  readonly backend: Backend;
  /** Given these, each of the backend's threads computes a part of a batch. */
  readonly helpers?: Helpers | undefined;
  /** Goes on from the newest checkpoint, if there is one. */
  readonly resume?: boolean;
  /** Ends the run after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}
