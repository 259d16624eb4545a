import * as z from "zod/mini";
import { checkShape, readJson } from "../models/json-file.ts";
import { type FurtherTerms, furtherTerms, type ObjectiveScalars } from "../models/objective-table.ts";
import type { Storage } from "../storage/storage.ts";

/** The ELBO and its parts, means over examples in nats, and what further terms the objective has. */
export interface Parts extends FurtherTerms<number | undefined> {
  readonly negElboNats: number;
  readonly distortionNats: number;
  readonly rateNats: number;
}

/** One line of metrics.jsonl: an epoch. Learning rate and the objective's scalars are those of its last step. */
export interface MetricsRow extends ObjectiveScalars {
  readonly epoch: number;
  readonly step: number;
  readonly seconds: number;
  readonly learningRate: number;
  /** Means over the batches of the epoch, while the weights changed. */
  readonly train: Parts;
  /** Of the weights at the end of the epoch; null where the epoch was not validated. */
  readonly validation: Parts | null;
  readonly examplesPerSecond: number;
  readonly gradientNorm: number;
  /** Steps of the epoch that were left out, for a gradient above optimizer.skipAbove. */
  readonly skippedSteps: number;
}

const file = "metrics.jsonl";

const parts: z.ZodMiniType<Parts> = z.object({
  negElboNats: z.number(),
  distortionNats: z.number(),
  rateNats: z.number(),
  ...(Object.fromEntries(furtherTerms.map((term) => [term, z.optional(z.number())])) as Record<
    keyof FurtherTerms<number>,
    z.ZodMiniOptional<z.ZodMiniNumber>
  >),
});
const rowSchema: z.ZodMiniType<MetricsRow> = z.object({
  epoch: z.int().check(z.minimum(1)),
  step: z.int().check(z.minimum(1)),
  seconds: z.number(),
  learningRate: z.number(),
  beta: z.optional(z.number()),
  gamma: z.optional(z.number()),
  capacityNats: z.optional(z.number()),
  train: parts,
  validation: z.nullable(parts),
  examplesPerSecond: z.number(),
  gradientNorm: z.number(),
  skippedSteps: z.int().check(z.minimum(0)),
});

export async function appendMetrics(storage: Storage, row: MetricsRow): Promise<void> {
  await storage.append(file, JSON.stringify(row));
}

/**
 * All rows so far. A last line cut short by a crash is left out.
 * @throws RunError naming the line and field that are wrong
 */
export async function readMetrics(storage: Storage): Promise<MetricsRow[]> {
  if (!(await storage.exists(file))) return [];
  const lines = new TextDecoder().decode(await storage.read(file)).split("\n");
  const complete = lines.slice(0, -1); // what follows the last line break is empty, or cut short
  return complete.map((line, i) => {
    const place = `${storage.location}/${file}: line ${i + 1}`;
    const mend = "correct this line or remove it";
    return checkShape(readJson(line, place, mend), rowSchema, place, mend);
  });
}

/** Drops the rows after a step, and of the epoch under way: training goes on from there and writes them again. */
export async function truncateMetrics(storage: Storage, step: number, underWay: number | null): Promise<void> {
  if (!(await storage.exists(file))) return;
  const rows = (await readMetrics(storage)).filter((row) => row.step <= step && row.epoch !== underWay);
  await storage.write(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}
