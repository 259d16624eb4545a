import type { KernelConfig } from "../../config.objective.ts";
import { add, div, maximum, mul, square, sub } from "../../graph/ops/arithmetic.ts";
import { exp } from "../../graph/ops/functions.ts";
import { matmul } from "../../graph/ops/linear.ts";
import { reshape, sum } from "../../graph/ops/structure.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { drawnTensor } from "../drawn-inputs.ts";
import { type FurtherTerms, priorNoise } from "../objective-table.ts";
import type { CodedBatch } from "./coded-batch.ts";

/** MMD² between the batch's draws of q(z) and as many of the prior, which is N(0, I): the objectives refuse others. */
export function discrepancy({ vae, z, weight }: CodedBatch, config: KernelConfig): FurtherTerms<Tensor> {
  return { mmd: squaredMmd(z, drawnTensor(priorNoise(vae.latent)), weight, config) };
}

/**
 * The unbiased estimate of the squared maximum mean discrepancy (Gretton et al. 2012, eq. 3; Tolstikhin et al. 2018,
 * algorithm 2): the mean kernel of two codes and that of two draws of the prior, each over pairs of different rows, less
 * twice the mean kernel of a code and a draw. 0 on average where both are drawn alike: most values are then a little below
 * 0, and a few further above. Each row counts by its weight; of a single row there is no estimate, and the value is 0.
 * @param codes (batch, latent)
 * @param draws (batch, latent), of the prior
 */
export function squaredMmd(codes: Tensor, draws: Tensor, weight: Tensor, config: KernelConfig): Tensor {
  const latent = codes.shape[1] as number;
  const total = square(sum(weight)); // Σ w_i·w_j over all pairs
  const same = sum(square(weight)); // of i = j, where the kernel is 1
  const different = sub(total, same);
  const kernels = (a: Tensor, b: Tensor) => {
    const weighted = matmul(kernelOf(squaredDistances(a, b), latent, config), reshape(weight, ["batch", 1]));
    return sum(mul(weighted, reshape(weight, ["batch", 1]))); // Σ w_i·w_j·k(a_i, b_j)
  };
  const alike = sub(add(kernels(codes, codes), kernels(draws, draws)), mul(same, 2));
  const unlike = div(mul(kernels(codes, draws), 2), total);
  const pairs = maximum(different, 1e-6);
  const known = div(different, pairs); // 1, or 0 of a single row
  return mul(sub(div(alike, pairs), unlike), known);
}

/** ‖a_i − b_j‖²: (batch, batch). */
function squaredDistances(a: Tensor, b: Tensor): Tensor {
  const [ofA, ofB] = [sum(square(a), [1], true), sum(square(b), [1], true)];
  return sub(add(ofA, reshape(ofB, [1, "batch"])), mul(matmul(a, b, { transposeB: true }), 2));
}

/**
 * Of a squared distance: C/(C + d²), the inverse multiquadric, or the radial basis function e^(−d²/C). C = 2·latent·scale²
 * is at scale 1 the mean squared distance of two draws of N(0, I) (Tolstikhin et al. 2018, section 4).
 */
function kernelOf(squared: Tensor, latent: number, { kernel, scale }: KernelConfig): Tensor {
  const width = 2 * latent * scale ** 2;
  return kernel === "imq" ? div(width, add(squared, width)) : exp(mul(squared, -1 / width));
}
