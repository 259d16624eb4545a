import type { PriorConfig } from "../config.latents.ts";
import type { LikelihoodConfig } from "../config.likelihoods.ts";
import type { Dataset, Examples } from "../data/dataset.ts";
import { DataError, UsageError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import type { DataStatistics, LikelihoodPart, Support } from "./registry.ts";

/** Mean of each element and variance about those means, of a data set whose grey levels mean v/255. */
export function statisticsOf({ values, count, event }: Dataset): DataStatistics {
  const size = staticSize(event);
  const scale = values instanceof Uint8Array ? 1 / 255 : 1;
  const sums = new Float64Array(size);
  let squares = 0;
  for (let from = 0; from < values.length; from += size) {
    let own = 0; // grey levels as whole numbers: exact, and fast
    for (let j = 0; j < size; j++) {
      const value = values[from + j]!;
      sums[j]! += value;
      own += value * value;
    }
    squares += own;
  }
  squares *= scale * scale;
  const mean = sums.map((sum) => (sum * scale) / count);
  const meanSquares = mean.reduce((total, m) => total + m * m, 0);
  const examples = (chosen: number) => {
    const found = new Float32Array(chosen * size);
    for (let i = 0; i < chosen; i++) {
      const from = Math.floor((i * count) / chosen) * size;
      for (let j = 0; j < size; j++) found[i * size + j] = values[from + j]! * scale;
    }
    return found;
  };
  return { mean: Float32Array.from(mean), variance: Math.max(squares / count - meanSquares, 0) / size, examples };
}

/**
 * Refuses values that the likelihood has no density for.
 * @param config of the likelihood: its kind and options
 * @throws DataError naming the example and the element
 */
export function checkSupport(data: Examples, part: LikelihoodPart, config: LikelihoodConfig, binarized: boolean): void {
  const given = typeof part.support === "function" ? part.support(config as Record<string, unknown>) : part.support;
  const support = binarized ? "unit" : given; // a binarization takes values as probabilities
  const needed = `${binarized ? "binarization" : `likelihood "${config.kind}"`} needs ${allowedBy(support)}`;
  const { values } = data;
  if (values instanceof Uint8Array) {
    const fitting = Uint8Array.from({ length: 256 }, (_, grey) => Number(fits(grey / 255, support)));
    if (!fitting.includes(0) || values.every((grey) => fitting[grey] === 1)) return;
    const mend =
      support === "binary"
        ? 'set data.binarization to "static" or "dynamic"'
        : "values" in config
          ? 'set model.likelihood.values to "levels"'
          : "hand the numbers over as 32-bit floats";
    throw new DataError(`${data.name}: ${needed}, and the data hold grey levels, which mean v/255; ${mend}`);
  }
  checkValues(data, support, needed, "Rescale or clean the data, or choose another model.likelihood");
}

/**
 * Refuses a VampPrior that does not suit the training data: its pseudo-inputs lie in [0, 1], and start each at another
 * example.
 * @throws DataError naming the example and the element; UsageError for more components than examples
 */
export function checkPrior(data: Examples, prior: PriorConfig): void {
  if (prior.kind !== "vampprior") return;
  if (!(data.values instanceof Uint8Array))
    checkValues(
      data,
      "unit",
      `the prior "vampprior" needs ${allowedBy("unit")}, where its pseudo-inputs lie`,
      "Rescale the data, or choose another model.prior",
    );
  if (prior.start === "data" && prior.components > data.count)
    throw new UsageError(
      `model.prior.components: expected at most the ${data.count} training examples that pseudo-inputs start at, got ${prior.components}; take fewer, or set model.prior.start to "random"`,
    );
}

/** @throws DataError for a number that a support does not hold */
function checkValues(data: Examples, support: Support, needed: string, mend: string): void {
  const { values } = data;
  const size = values.length / data.count;
  const i = values.findIndex((value: number) => !fits(value, support));
  if (i < 0) return;
  throw new DataError(
    `${data.name} (${data.split}): example ${data.index[Math.floor(i / size)]}, element ${i % size} is ${values[i]}; ${needed}. ${mend}`,
  );
}

function fits(value: number, support: Support): boolean {
  if (support === "real") return Number.isFinite(value);
  if (support === "unit") return value >= 0 && value <= 1;
  return support === "binary"
    ? value === 0 || value === 1
    : Number.isSafeInteger(value) && value >= 0 && value <= support.whole;
}

function allowedBy(support: Support): string {
  if (typeof support !== "object")
    return { real: "finite numbers", unit: "numbers from 0 to 1", binary: "0 or 1" }[support];
  return `whole numbers from 0${support.whole === Number.POSITIVE_INFINITY ? " on" : ` to ${support.whole}`}`;
}
