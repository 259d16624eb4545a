import type { Dataset } from "../data/dataset.ts";
import { DataError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import type { Inference } from "../models/inference.ts";

/** Rows `start` to `start + rows` of a data set as the encoder takes them, (rows, ...event): grey levels as v/255. */
export function examplesOf(data: Dataset, start: number, rows: number): Float32Array {
  const size = staticSize(data.event);
  const values = data.values.subarray(start * size, (start + rows) * size);
  if (values instanceof Uint8Array) {
    const scaled = new Float32Array(values.length); // `from` with a function takes ten times as long
    for (let i = 0; i < values.length; i++) scaled[i] = values[i]! / 255;
    return scaled;
  }
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    const row = start + Math.floor(wrong / size);
    throw new DataError(
      `${data.name}: row ${row}, value ${wrong % size}: expected a finite number, got ${values[wrong]}`,
    );
  }
  return values;
}

/** What the encoder of a conditional model is given for rows of a data set; undefined where it sees no condition. */
export function encoderCondition(
  model: Inference,
  data: Dataset,
  start: number,
  rows: number,
): Float32Array | undefined {
  const { conditions, config } = model;
  if (!conditions || !config.model.condition?.encoder) return undefined;
  return conditions.encode(conditions.given(data, start, rows), rows, data.name);
}

/** The example in one row of a data set, (...event). */
export function exampleAt(data: Dataset, row: number, what: string): Float32Array {
  if (row >= data.count) {
    throw new DataError(
      `${what}: expected a row from 0 to ${data.count - 1} of the ${data.split} split of ${data.name}, got ${row}`,
    );
  }
  return examplesOf(data, row, 1);
}
