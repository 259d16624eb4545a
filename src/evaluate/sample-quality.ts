import { UsageError } from "../errors.ts";
import type { Backend } from "../runtime/backend.ts";
import { eachDistances, type Neighbourhoods } from "./neighbours.ts";

/** How alike two sets of points are: real ones, the reference, and those that a model made. */
export interface SampleQuality {
  /**
   * How many neighbourhoods of real points a generated one lies in, over the k that a real one of them is expected to
   * (Naeem et al. 2020, section 3.1). 1 for two sets of one distribution; more where the generated ones keep to dense
   * regions.
   */
  readonly density: number;
  /** The share of real points with a generated one in their neighbourhood (Naeem et al. 2020, section 3.2). */
  readonly coverage: number;
  /** The share of generated points in the neighbourhood of a real one (Kynkäänniemi et al. 2019, eq. 2). */
  readonly precision: number;
  /** The share of real points in the neighbourhood of a generated one (Kynkäänniemi et al. 2019, eq. 2). */
  readonly recall: number;
  /** What each real point has of density and coverage, whose means those are: (count of the reference). */
  readonly byReference: { readonly density: Float64Array; readonly coverage: Float64Array };
}

/**
 * Density and coverage, precision and recall of generated points. The neighbourhood of a point is the open ball to its
 * k-th nearest neighbour in its own set, as in the program of Naeem et al. (2020): of a set against itself, each figure
 * is 1.
 * @throws UsageError for sets with neighbourhoods of different k
 */
export async function sampleQuality(
  backend: Backend,
  reference: Neighbourhoods,
  generated: Neighbourhoods,
): Promise<SampleQuality> {
  const { k, squaredRadii } = reference;
  if (generated.k !== k)
    throw new UsageError(`sampleQuality: expected neighbourhoods of one k, got ${k} and ${generated.k}`);
  const [real, made] = [reference.points.count, generated.points.count];
  const hits = new Float64Array(real); // generated points in the neighbourhood of each real one
  const inside = new Uint8Array(made); // whether each generated point is in any
  const reached = new Uint8Array(real); // whether each real point is in the neighbourhood of a generated one
  await eachDistances(backend, reference.points, generated.points, (i, squared) => {
    const radius = squaredRadii[i]!;
    for (let j = 0; j < made; j++) {
      if (squared[j]! < radius) {
        hits[i]!++;
        inside[j] = 1;
      }
      if (squared[j]! < generated.squaredRadii[j]!) reached[i] = 1;
    }
  });
  const byReference = {
    density: hits.map((count) => (count * real) / (k * made)),
    coverage: hits.map((count) => (count > 0 ? 1 : 0)),
  };
  return {
    density: mean(byReference.density),
    coverage: mean(byReference.coverage),
    precision: mean(inside),
    recall: mean(reached),
    byReference,
  };
}

/**
 * The coverage that two sets of one distribution are expected to have, whatever it is (Naeem et al. 2020, section 3.3):
 * 1 − (N − 1)⋯(N − k) / ((M + N − 1)⋯(M + N − k)).
 * @param real N
 * @param generated M
 */
export function expectedCoverage(real: number, generated: number, k: number): number {
  let missed = 1;
  for (let i = 1; i <= k; i++) missed *= (real - i) / (generated + real - i);
  return 1 - missed;
}

function mean(values: Float64Array | Uint8Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total / values.length;
}
