import * as z from "zod";
import { above0, checkOptions, expected, integer, options, section, text } from "../config.fields.ts";
import type { Splits } from "../data/dataset.ts";
import { isRecord } from "../show.ts";
import type { ProgressEvent } from "./options.ts";

export interface TrainOptions {
  /** A file, a folder, "sprites", or data already in memory. */
  readonly data: string | Splits;
  /** The run directory, which is made. */
  readonly out: string;
  /** A config as a user writes it: every key may be left out. */
  readonly config?: unknown;
  /** What messages call the config, such as its file. */
  readonly configName?: string | undefined;
  /** Settings over the config, such as "model.latent=50". */
  readonly set?: readonly string[] | undefined;
  readonly epochs?: number | undefined;
  readonly steps?: number | undefined;
  readonly minutes?: number | undefined;
  readonly seed?: number | undefined;
  /** Goes on from the newest checkpoint of an earlier call with the same `out`. */
  readonly resume?: boolean | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}

const schema = section({
  data: z.custom(
    (data) => (typeof data === "string" && data !== "") || isRecord(data),
    expected('a file, a folder, "sprites", or data in memory, { train, validation, test }'),
  ),
  out: text("the run directory"),
  config: z.unknown().optional(),
  configName: text("a name").optional(),
  set: z.array(text("a setting such as model.latent=50"), expected('a list such as ["model.latent=50"]')).optional(),
  epochs: integer(1, "a positive integer").optional(),
  steps: integer(1, "a positive integer").optional(),
  minutes: above0("a number > 0").optional(),
  seed: options.seed.optional(),
  resume: z.boolean(expected("true or false")).optional(),
  threads: options.threads,
  signal: options.signal,
  onProgress: options.onProgress,
} satisfies Record<keyof TrainOptions, z.ZodType>);

/** @throws UsageError naming each option that is unknown, missing or of a wrong type */
export function checkTrainOptions(given: unknown): void {
  checkOptions("train", schema, given);
}
