import type { Dataset, Examples } from "../data/dataset.ts";
import { DataError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import type { DataStatistics, LikelihoodPart } from "./registry.ts";

/** Mean of each element and variance about those means, of a data set whose grey levels mean v/255. */
export function statisticsOf({ values, count, event }: Dataset): DataStatistics {
  const size = staticSize(event);
  const scale = values instanceof Uint8Array ? 1 / 255 : 1;
  const sums = new Float64Array(size);
  let squares = 0;
  for (let i = 0, j = 0; i < values.length; i++) {
    const value = values[i]! * scale;
    sums[j]! += value;
    squares += value * value;
    if (++j === size) j = 0;
  }
  const mean = sums.map((sum) => sum / count);
  const meanSquares = mean.reduce((total, m) => total + m * m, 0);
  return { mean: Float32Array.from(mean), variance: Math.max(squares / count - meanSquares, 0) / size };
}

/**
 * Refuses values that the likelihood has no density for.
 * @throws DataError naming the example and the element
 */
export function checkSupport(data: Examples, { support }: LikelihoodPart, kind: string, binarized: boolean): void {
  if (data.values instanceof Uint8Array) {
    if (support === "binary" && !binarized && data.values.some((v) => v !== 0 && v !== 255))
      throw new DataError(
        `${data.name}: likelihood "${kind}" needs values 0 or 1, and the data hold grey levels; set data.binarization to "static" or "dynamic"`,
      );
    return;
  }
  const needed = binarized ? "unit" : support; // a binarization takes values as probabilities
  const size = data.values.length / data.count;
  for (let i = 0; i < data.values.length; i++) {
    const value = data.values[i]!;
    const fits =
      needed === "real"
        ? Number.isFinite(value)
        : needed === "unit"
          ? value >= 0 && value <= 1
          : value === 0 || value === 1;
    if (!fits) {
      const allowed = { real: "finite numbers", unit: "numbers from 0 to 1", binary: "0 or 1" }[needed];
      throw new DataError(
        `${data.name} (${data.split}): example ${data.index[Math.floor(i / size)]}, element ${i % size} is ${value}; ${binarized ? "binarization" : `likelihood "${kind}"`} needs ${allowed}. Rescale or clean the data, or choose another model.likelihood`,
      );
    }
  }
}
