import * as z from "zod/mini";
import { checkOptions, choice, expected, section, text } from "../config.fields.ts";
import { webDevices } from "../runtime/devices.ts";
import { isRecord } from "../show.ts";
import { runFields } from "./arguments.ts";
import type { TabTrainOptions } from "./tab-messages.ts";

const schema = section({
  ...runFields,
  data: z.custom(isRecord, expected("data in memory, { train, validation, test }")),
  device: z.optional(choice(webDevices)),
  runtime: z.optional(text("an address")),
  wasmPaths: z.optional(text("an address")),
  whenLost: z.optional(choice(["stop", "wasm"])),
  worker: z.optional(z.custom((value) => typeof value === "function", expected("a function that starts a worker"))),
} satisfies Record<keyof TabTrainOptions, z.ZodMiniType>);

/** @throws UsageError naming each option that is unknown, missing or of a wrong type */
export function checkTabOptions(given: unknown): void {
  checkOptions("train", schema, given);
}
