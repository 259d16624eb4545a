import { extname } from "node:path";
import type { Dataset, Splits } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { openRun } from "../models/open.node.ts";
import { loadRunSplits } from "../models/run-data.node.ts";
import { encodeNpy } from "../storage/npy.ts";
import { encode } from "./encode.ts";
import { writeOutput } from "./output.node.ts";

export interface EncodeRunOptions {
  readonly run: string;
  /** A source as `loadSplits` takes it. */
  readonly data: string;
  /** Default "all": every example, in the order of the source; a test file of its own comes last. */
  readonly split?: "train" | "validation" | "test" | "all";
  /** Ends in .npy or .csv. */
  readonly out: string;
}

export interface EncodeRunResult {
  readonly file: string;
  readonly count: number;
  readonly latent: number;
}

/**
 * Writes the code of each example of `data`, which is the posterior mean, or where a flow takes it: .npy float32 (count,
 * latent), or .csv with row and label.
 */
export async function encodeRun({ run, data, split = "all", out }: EncodeRunOptions): Promise<EncodeRunResult> {
  const format = extname(out).toLowerCase();
  if (format !== ".npy" && format !== ".csv") {
    throw new UsageError(`out: expected a file name ending in .npy or .csv, got "${out}"`);
  }
  const model = await openRun(run);
  try {
    const splits = await loadRunSplits(model, data);
    const rows: Row[] = [];
    const codes: Float32Array[] = [];
    for (const part of split === "all" ? allOf(splits) : [splits[split]]) {
      const { code } = await encode(model, part);
      for (let row = 0; row < part.count; row++) {
        codes.push(code.subarray(row * model.latent, (row + 1) * model.latent));
        rows.push({ split: part.split, index: part.index[row]!, label: part.labels?.[row] });
      }
    }
    const order = split === "all" ? sourceOrder(rows) : Array.from(rows.keys());
    const ordered = order.map((row) => codes[row]!);
    await writeOutput(
      out,
      format === ".npy"
        ? npyOf(ordered, model.latent)
        : csvOf(
            ordered,
            order.map((row) => rows[row]!),
          ),
    );
    return { file: out, count: rows.length, latent: model.latent };
  } finally {
    await model.close();
  }
}

interface Row {
  readonly split: Dataset["split"];
  readonly index: number;
  readonly label: number | undefined;
}

function allOf({ train, validation, test }: Splits): readonly Dataset[] {
  return [train, validation, test];
}

/** By row of the source. Where the test examples come from a file of their own, that is after the others. */
function sourceOrder(rows: readonly Row[]): number[] {
  const oneFile = new Set(rows.map(({ index }) => index)).size === rows.length;
  const file = ({ split }: Row) => (split === "test" && !oneFile ? 1 : 0);
  return Array.from(rows.keys()).sort((a, b) => file(rows[a]!) - file(rows[b]!) || rows[a]!.index - rows[b]!.index);
}

function npyOf(codes: readonly Float32Array[], latent: number): Uint8Array {
  const values = new Float32Array(codes.length * latent);
  for (const [row, code] of codes.entries()) values.set(code, row * latent);
  return encodeNpy([codes.length, latent], values);
}

/** split,row,label,z0,z1,... with as many digits as a float32 needs. */
function csvOf(codes: readonly Float32Array[], rows: readonly Row[]): string {
  const labelled = rows.every(({ label }) => label !== undefined);
  const latent = codes[0]?.length ?? 0;
  const head = ["split", "row", ...(labelled ? ["label"] : []), ...Array.from({ length: latent }, (_, j) => `z${j}`)];
  const lines = codes.map((code, i) => {
    const { split, index, label } = rows[i]!;
    return [
      split,
      index,
      ...(labelled ? [label] : []),
      ...Array.from(code, (value) => Number(value.toPrecision(9))),
    ].join(",");
  });
  return `${[head.join(","), ...lines].join("\n")}\n`;
}
