import { add, maximum, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { exp, log } from "../graph/ops/functions.ts";
import { concat, pad, slice } from "../graph/ops/join.ts";
import { matmul } from "../graph/ops/linear.ts";
import { reshape, sum, transpose } from "../graph/ops/structure.ts";
import { tril } from "../graph/ops/triangle.ts";
import { formatShape, sameShape } from "../graph/shape.ts";
import { shapeError, type Tensor } from "../graph/tensor.ts";
import { diagonalPosterior, latentsOf, type Posterior, standardLogProb } from "./latent.ts";
import { normal } from "./normal.ts";

export interface FullNormalParameters {
  /** (rows, d) */
  readonly mean: Tensor;
  /** 2·log Lᵢᵢ, so that where `below` is 0 it is the log-variance: (rows, d). */
  readonly logvar: Tensor;
  /** The elements of L below the diagonal, row after row: (rows, d(d − 1)/2). */
  readonly below: Tensor;
}

/** Least variance that a marginal is reported with: the logarithm of 0 has no gradient. */
const leastVariance = 1e-30;

/**
 * N(μ, L·Lᵀ) with L lower-triangular and its diagonal positive (Kingma & Welling 2019, section 2.5.1).
 * @throws ShapeError where the parameters do not fit, or d is 1: that is a diagonal posterior
 */
export function fullPosterior({ mean, logvar, below }: FullNormalParameters): Posterior {
  const [rows, d] = [mean.shape[0]!, latentsOf(mean)];
  if (d < 2 || !sameShape(logvar.shape, [rows, d]) || !sameShape(below.shape, [rows, (d * (d - 1)) / 2]))
    throw shapeError(
      "fullPosterior",
      `expected mean and logvar (rows, d ≥ 2) and below (rows, d(d − 1)/2), got ${formatShape(below.shape)} below`,
      [mean, logvar, below],
    );
  // L = diag(σ) + S, where S has no diagonal: all but its first row and last column, which are 0, is a lower triangle.
  const triangle = tril(below); // (rows, d − 1, d − 1)
  const deviation = exp(mul(logvar, 0.5));
  const logDeterminant = mul(sum(logvar, [-1]), 0.5);
  const independent = diagonalPosterior(normal(mean, logvar));
  const spread = pad(sum(square(triangle), [-1]), 1, 1, 0); // Σⱼ Sᵢⱼ²   (rows, d)
  return {
    base: normal(mean, log(maximum(add(exp(logvar), spread), leastVariance))),
    noiseWidth: d,
    // z = μ + σ·ε + S·ε
    draw: (noise) => ({
      z: add(add(mean, mul(deviation, noise)), timesTriangle(triangle, noise)),
      logProb: sub(standardLogProb(noise), logDeterminant),
    }),
    // The noise that gives z: L·ε = z − μ, solved from the first element on.
    logProb(z) {
      const last = z.shape.length - 1;
      const precision = exp(mul(logvar, -0.5)); // 1/Lⱼⱼ
      let left = sub(z, mean); // z − μ less what the elements of ε that are known give
      const noise: Tensor[] = [];
      for (let j = 0; j < d; j++) {
        const element = mul(slice(left, last, 0, 1), slice(precision, 1, j, j + 1));
        noise.push(element);
        if (j === d - 1) break;
        const column = slice(slice(triangle, 2, j, j + 1), 1, j, d - 1); // (rows, d − 1 − j, 1)
        left = sub(slice(left, last, 1, d - j), mul(reshape(column, [rows, d - 1 - j]), element));
      }
      return sub(standardLogProb(concat(noise, last)), logDeterminant);
    },
    // ½·(tr LLᵀ + μᵀμ − d) − Σ log Lᵢᵢ: that of independent latents, and ½·Σ Sᵢⱼ²
    klStandard: () => add(independent.klStandard!(), mul(sum(square(below), [-1]), 0.5)),
  };
}

/** S·ε, of noise (rows, d) or (k, rows, d); one product of matrices for the k draws of a row. */
function timesTriangle(triangle: Tensor, noise: Tensor): Tensor {
  const last = noise.shape.length - 1;
  const [rows, size] = [triangle.shape[0]!, triangle.shape[1] as number];
  const head = slice(noise, last, 0, size);
  const product =
    last === 1
      ? reshape(matmul(triangle, reshape(head, [rows, size, 1])), [rows, size])
      : transpose(matmul(triangle, transpose(head, [1, 2, 0])), [2, 0, 1]); // (rows, d − 1, k) → (k, rows, d − 1)
  return pad(product, last, 1, 0);
}
