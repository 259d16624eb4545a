import { NumericalError } from "../errors.ts";
import { mul, square, sub } from "../graph/ops/arithmetic.ts";
import { exp } from "../graph/ops/functions.ts";
import { linear, matmul } from "../graph/ops/linear.ts";
import { logsumexp } from "../graph/ops/reduce.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { input } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile, type Program } from "../runtime/program.ts";
import { spreadCentres } from "./mixture-start.ts";
import { type Standardization, standardizationOf, standardizedRows } from "./standardize.ts";
import { cholesky, inverseOfLower } from "./triangular.ts";

/** Σₖ wₖ·N(z; μₖ, Lₖ·Lₖᵀ), with L lower-triangular. */
export interface GaussianMixture {
  /** (components) */
  readonly weights: Float64Array;
  /** (components, d) */
  readonly mean: Float64Array;
  /** L: (components, d, d) */
  readonly factor: Float64Array;
}

export interface FittedMixture {
  readonly mixture: GaussianMixture;
  /** Mean over the rows of what EM raises, at each iteration: see `fitMixture`. */
  readonly trace: readonly number[];
}

export interface MixtureOptions {
  readonly components: number;
  readonly seed: number;
  /** Ends when an iteration gains less, in nats for each row. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** At most so many. Default 200. */
  readonly iterations?: number | undefined;
  readonly signal?: Pick<AbortSignal, "throwIfAborted"> | undefined;
  readonly onProgress?: ((iteration: number, iterations: number, nats: number) => void) | undefined;
}

/** ε: the variance of the cloud that each row counts as, relative to that of its column. */
const smear = 1e-6;
/** Rows that k-means++ looks at. */
const mostStartRows = 10_000;
/** Numbers of the largest array of an E-step. */
const mostNumbers = 2 ** 21;
const logTwoPi = Math.log(2 * Math.PI);

/**
 * Fits a mixture of normals with full covariances to rows (n, d) by EM (Dempster et al. 1977) in float64, from k-means++.
 *
 * So that no covariance becomes singular, a row counts as a normal cloud of variance ε about it, in columns brought to
 * variance 1, whose component is one for the whole cloud. What EM raises is then Σₙ log Σₖ wₖ·N(zₙ; μₖ, Σₖ)·exp(−½·ε·tr Σₖ⁻¹),
 * the M-step adds ε to the diagonal of each Σₖ, and no iteration lowers it, but for rounding.
 * @param rows (n, d), finite, n > d and n ≥ components
 * @throws NumericalError where the numbers leave the range of float64
 */
export async function fitMixture(
  backend: Backend,
  rows: Float32Array,
  d: number,
  { components, seed, tolerance = 1e-4, iterations = 200, signal, onProgress }: MixtureOptions,
): Promise<FittedMixture> {
  const count = rows.length / d;
  const standard = standardizationOf(rows, d);
  const program = await expectation(backend, components, d);
  try {
    let mixture = startOf(rows, standard, components, seed);
    const trace: number[] = [];
    for (let iteration = 1; iteration <= iterations; iteration++) {
      signal?.throwIfAborted();
      const { total, ...moments } = await expect(program, mixture, rows, standard, smear);
      const nats = total / count;
      if (!Number.isFinite(nats))
        throw new NumericalError(`the mixture's log-likelihood is ${nats} at iteration ${iteration} of EM`);
      const gained = nats - (trace.at(-1) ?? Number.NEGATIVE_INFINITY);
      trace.push(nats);
      onProgress?.(iteration, iterations, nats);
      if (gained < tolerance) break;
      mixture = maximized(mixture, moments, count);
    }
    return { mixture: unstandardized(mixture, standard), trace };
  } finally {
    await program.release();
  }
}

/** Mean of −log q(z) over rows (n, d), in nats, in float64. */
export async function mixtureNegLogProb(
  backend: Backend,
  { weights, mean, factor }: GaussianMixture,
  rows: Float32Array,
): Promise<number> {
  const components = weights.length;
  const d = mean.length / components;
  const program = await expectation(backend, components, d);
  try {
    const unchanged = { mean: new Float64Array(d), scale: new Float64Array(d).fill(1) };
    const { total } = await expect(program, { weights, mean, factor }, rows, unchanged, 0);
    return (-total * d) / rows.length;
  } finally {
    await program.release();
  }
}

/** Equal weights, and one variance for all components and columns, which are standardized. */
function startOf(rows: Float32Array, standard: Standardization, components: number, seed: number): GaussianMixture {
  const d = standard.mean.length;
  const count = rows.length / d;
  const chosen = Math.min(count, Math.max(mostStartRows, components));
  const looked = new Float64Array(chosen * d);
  for (let i = 0; i < chosen; i++) {
    const row = Math.floor((i * count) / chosen);
    looked.set(standardizedRows(rows, standard, row, row + 1), i * d);
  }
  const { centres, variance } = spreadCentres(looked, d, components, seed);
  const deviation = Math.sqrt(variance + smear);
  const factor = new Float64Array(components * d * d);
  for (let k = 0; k < components; k++) for (let j = 0; j < d; j++) factor[(k * d + j) * d + j] = deviation;
  return { weights: new Float64Array(components).fill(1 / components), mean: centres, factor };
}

/** Sums over the rows, weighted by how likely each component is for the row. */
interface Moments {
  /** Nₖ = Σₙ rₙₖ: (components) */
  readonly mass: Float64Array;
  /** Σₙ rₙₖ·zₙ: (components, d) */
  readonly first: Float64Array;
  /** Σₙ rₙₖ·zₙ·zₙᵀ: (components, d, d) */
  readonly second: Float64Array;
}

/** The graph of an E-step: all distances are one product of matrices, all second moments another. */
function expectation(backend: Backend, components: number, d: number): Promise<Program> {
  const z = input("z", ["batch", d]);
  const whitening = input("whitening", [d, components * d]); // L₁⁻ᵀ, L₂⁻ᵀ, … side by side
  const white = linear(z, whitening, input("offset", [components * d])); // Lₖ⁻¹·(z − μₖ)
  const distance = sum(square(reshape(white, ["batch", components, d])), [2]); // (batch, components)
  const each = sub(input("logScale", [components]), mul(distance, 0.5));
  const total = logsumexp(each, [1], true); // (batch, 1)
  const share = exp(sub(each, total)); // r (batch, components)
  const shared = mul(reshape(share, ["batch", components, 1]), reshape(z, ["batch", 1, d]));
  const outputs = {
    total: sum(total),
    mass: sum(share, [0]),
    first: matmul(share, z, { transposeA: true }),
    second: matmul(reshape(shared, ["batch", components * d]), z, { transposeA: true }), // (components·d, d)
  };
  return compile(backend, outputs, { precision: "float64" });
}

/** An E-step over all rows. `total` is the sum of what EM raises. */
async function expect(
  program: Program,
  mixture: GaussianMixture,
  rows: Float32Array,
  standard: Standardization,
  epsilon: number,
): Promise<Moments & { readonly total: number }> {
  const components = mixture.weights.length;
  const d = standard.mean.length;
  const count = rows.length / d;
  const feeds = whitened(mixture, d, epsilon);
  const sums = {
    mass: new Float64Array(components),
    first: new Float64Array(components * d),
    second: new Float64Array(components * d * d),
  };
  let total = 0;
  const atOnce = Math.max(16, Math.min(4096, Math.floor(mostNumbers / (components * d))));
  for (let from = 0; from < count; from += atOnce) {
    const z = standardizedRows(rows, standard, from, Math.min(count, from + atOnce));
    const part = await program.run({ ...feeds, z });
    total += part.total!.data[0] as number;
    for (const [name, array] of Object.entries(sums)) {
      const added = part[name]!.data as Float64Array;
      for (let i = 0; i < array.length; i++) array[i]! += added[i]!;
    }
  }
  return { ...sums, total };
}

/** What the graph of an E-step takes of a mixture. */
function whitened({ weights, mean, factor }: GaussianMixture, d: number, epsilon: number) {
  const components = weights.length;
  const whitening = new Float64Array(d * components * d);
  const offset = new Float64Array(components * d);
  const logScale = new Float64Array(components);
  for (let k = 0; k < components; k++) {
    const l = factor.subarray(k * d * d, (k + 1) * d * d);
    const inverse = inverseOfLower(l, d);
    let squares = 0; // tr Σ⁻¹ = Σᵢⱼ (L⁻¹)ᵢⱼ²
    let logDeterminant = 0;
    for (let i = 0; i < d; i++) {
      logDeterminant += Math.log(l[i * d + i]!);
      for (let j = 0; j <= i; j++) {
        const value = inverse[i * d + j]!;
        whitening[(j * components + k) * d + i] = value;
        offset[k * d + i]! -= value * mean[k * d + j]!;
        squares += value * value;
      }
    }
    logScale[k] = Math.log(weights[k]!) - 0.5 * (d * logTwoPi + epsilon * squares) - logDeterminant;
  }
  return { whitening, offset, logScale };
}

/** Of less than so many rows no covariance is made; the component keeps its place, and nearly no weight. */
const leastMass = 1e-6;
/** Its logarithm is finite. */
const leastWeight = 1e-300;

/** The M-step: wₖ = Nₖ/n, μₖ and Σₖ the moments of its rows, and ε on the diagonal. */
function maximized(before: GaussianMixture, { mass, first, second }: Moments, count: number): GaussianMixture {
  const components = mass.length;
  const d = first.length / components;
  const mean = before.mean.slice();
  const factor = before.factor.slice();
  for (let k = 0; k < components; k++) {
    const own = mass[k]!;
    if (own < leastMass) continue;
    const centre = first.slice(k * d, (k + 1) * d).map((value) => value / own);
    const covariance = second.slice(k * d * d, (k + 1) * d * d);
    for (let i = 0; i < d; i++)
      for (let j = 0; j <= i; j++)
        covariance[i * d + j] = covariance[i * d + j]! / own - centre[i]! * centre[j]! + (i === j ? smear : 0);
    const l = cholesky(covariance, d);
    if (!l) continue; // rounding: its rows lie so far from the others that ε is lost beside them
    mean.set(centre, k * d);
    factor.set(l, k * d * d);
  }
  const weights = mass.map((own) => Math.max(own / count, leastWeight));
  return { weights, mean, factor };
}

/** The mixture of what was standardized, as one of the rows themselves. */
function unstandardized({ weights, mean, factor }: GaussianMixture, standard: Standardization): GaussianMixture {
  const d = standard.mean.length;
  return {
    weights,
    mean: mean.map((value, i) => standard.mean[i % d]! + standard.scale[i % d]! * value),
    factor: factor.map((value, i) => standard.scale[Math.floor(i / d) % d]! * value),
  };
}
