import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../data/dataset.ts";
import { loadSplits } from "../data/load.node.ts";
import { inspectRun, type RunInspection } from "./inspect-run.node.ts";

/** What a data source holds. */
export interface DataInspection {
  readonly kind: "data";
  readonly source: string;
  readonly name: string;
  /** Shape of one example. */
  readonly event: readonly number[];
  /** uint8: grey levels 0..255, meaning v/255. float32: values as they are. */
  readonly type: "uint8" | "float32";
  readonly splits: readonly SplitInspection[];
  readonly factors?: readonly { readonly name: string; readonly size: number }[];
}

export interface SplitInspection {
  readonly split: Dataset["split"];
  readonly count: number;
  /** Of the raw values; null where there are none. */
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly mean: number | null;
  /** Values that are NaN or infinite; the others are what minimum, maximum and mean are taken of. */
  readonly notFinite: number;
  /** Examples of each label, where there are labels. */
  readonly labels?: Readonly<Record<string, number>>;
  readonly fingerprint: string;
}

export type Inspection = DataInspection | RunInspection;

/** What is in a run directory or in a data source; a folder with a config or a model in it is a run. */
export async function inspect(target: string): Promise<Inspection> {
  const holds = (file: string) => existsSync(join(target, file));
  return holds("config.json") || holds("model/model.json") ? inspectRun(target) : inspectData(target);
}

/** What a data source holds, read whole. */
export async function inspectData(source: string): Promise<DataInspection> {
  const { train, validation, test } = await loadSplits(source, {});
  const factors = train.factors;
  return {
    kind: "data",
    source,
    name: train.name,
    event: train.event,
    type: train.values instanceof Uint8Array ? "uint8" : "float32",
    splits: [train, validation, test].map(inspectSplit),
    ...(factors ? { factors: factors.names.map((name, i) => ({ name, size: factors.sizes[i]! })) } : {}),
  };
}

function inspectSplit({ split, count, values, labels, fingerprint }: Dataset): SplitInspection {
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let finite = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    finite++;
    sum += value;
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  const range = finite > 0 ? { minimum, maximum, mean: sum / finite } : { minimum: null, maximum: null, mean: null };
  return {
    split,
    count,
    ...range,
    notFinite: values.length - finite,
    ...(labels ? { labels: histogram(labels) } : {}),
    fingerprint,
  };
}

function histogram(labels: Uint8Array): Record<string, number> {
  const counts: Record<string, number> = {}; // integer keys: an object keeps them in ascending order
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}
