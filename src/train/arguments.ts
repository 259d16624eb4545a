import * as z from "zod/mini";
import { above0, checkOptions, choice, expected, integer, options, section, text } from "../config.fields.ts";
import type { Splits } from "../data/dataset.ts";
import { type NodeDevice, nodeDevices } from "../runtime/devices.ts";
import { isRecord } from "../show.ts";
import type { RunOptions } from "./run.ts";

export interface TrainOptions extends RunOptions {
  /** A file, a folder, "sprites", or data already in memory. */
  readonly data: string | Splits;
  /** The run directory, which is made. */
  readonly out: string;
  /** Default: "cpu", or what the run began on. */
  readonly device?: NodeDevice | undefined;
}

/** Those of `RunOptions`, which are the same wherever a run is trained. */
export const runFields = {
  out: text("the run directory"),
  config: z.optional(z.unknown()),
  configName: z.optional(text("a name")),
  set: z.optional(z.array(text("a setting such as model.latent=50"), expected('a list such as ["model.latent=50"]'))),
  epochs: z.optional(integer(1, "a positive integer")),
  steps: z.optional(integer(1, "a positive integer")),
  minutes: z.optional(above0("a number > 0")),
  seed: z.optional(options.seed),
  resume: z.optional(z.boolean(expected("true or false"))),
  threads: options.threads,
  signal: options.signal,
  onProgress: options.onProgress,
} satisfies Record<"out" | keyof RunOptions, z.ZodMiniType>;

const schema = section({
  ...runFields,
  data: z.custom(
    (data) => (typeof data === "string" && data !== "") || isRecord(data),
    expected('a file, a folder, "sprites", or data in memory, { train, validation, test }'),
  ),
  device: z.optional(choice(nodeDevices)),
} satisfies Record<keyof TrainOptions, z.ZodMiniType>);

/** @throws UsageError naming each option that is unknown, missing or of a wrong type */
export function checkTrainOptions(given: unknown): void {
  checkOptions("train", schema, given);
}
