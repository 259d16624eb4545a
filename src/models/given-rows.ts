import { slice } from "../graph/ops/join.ts";
import { reshape } from "../graph/ops/structure.ts";
import { staticSize } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import type { RowRunner, RowValues } from "./rows.ts";
import type { Vae } from "./vae.ts";

/*
 * Networks of conditional models as functions of rows: the condition of a row stands behind it, in one input, so that rows
 * are computed and shared as those of any network.
 */

/** The input of such rows, (batch, values + width); both parts of it; and the model given the condition. */
export function rowsGiven(vae: Vae, name: string, shape: readonly number[]) {
  const size = staticSize(shape);
  const width = vae.conditionWidth;
  const whole = input(name, ["batch", size + width]);
  return {
    whole,
    values: reshape(slice(whole, 1, 0, size), ["batch", ...shape]),
    given: vae.given(slice(whole, 1, size, size + width)),
  };
}

export interface GivenRows {
  readonly values: RowValues;
  /** (rows, width) */
  readonly condition: Float32Array;
  readonly rows: number;
  readonly results: Readonly<Record<string, Float32Array>>;
}

/** So many rows are put together with their conditions at a time. */
const rowsAtOnce = 2 ** 14;

/** As the runner's apply, of rows and their conditions. */
export async function applyGiven(runner: RowRunner, { values, condition, rows, results }: GivenRows): Promise<void> {
  for (let start = 0; start < rows; start += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - start);
    const part = <Values extends RowValues>(all: Values): Values => {
      const width = all.length / rows;
      return all.subarray(start * width, (start + count) * width) as Values;
    };
    const into = Object.fromEntries(Object.entries(results).map(([name, array]) => [name, part(array)]));
    await runner.apply(joined(part(values), part(condition), count), count, into);
  }
}

/** Each row with its condition behind it; grey levels v as v/255. */
function joined(values: RowValues, condition: Float32Array, rows: number): Float32Array {
  const scale = values instanceof Uint8Array ? 255 : 1;
  const [width, more] = [values.length / rows, condition.length / rows];
  const all = new Float32Array(values.length + condition.length);
  for (let row = 0; row < rows; row++) {
    const at = row * (width + more);
    for (let j = 0; j < width; j++) all[at + j] = values[row * width + j]! / scale;
    all.set(condition.subarray(row * more, (row + 1) * more), at + width);
  }
  return all;
}
