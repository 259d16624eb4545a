import type { Flow } from "../graph/flow.ts";
import { softplus } from "../graph/ops/activation.ts";
import { add, div, maximum, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { log, tanh } from "../graph/ops/functions.ts";
import type { OptionNames } from "../graph/ops/options.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import type { Tensor } from "../graph/tensor.ts";
import { dense } from "./dense.ts";
import { checkFlow, composed } from "./flows.ts";
import { type Scope, zeros } from "./parameters.ts";

export interface PlanarOptions {
  readonly steps: number;
  /** Features of the context, which then gives each row planes of its own. Default: 0, all rows have the same. */
  readonly context?: number;
}

const planarOptions: OptionNames<PlanarOptions> = { steps: true, context: true };

/** wᵀû stays this much above −1. */
const leastStretch = 1e-6;

/**
 * The planar flow f(z) = z + û·tanh(wᵀz + b) (Rezende & Mohamed 2015, eq. 10), on d latents. Its inverse has no closed
 * form. With a context u, w and b are affine in it. Declares `u`, `w` and `b` for each step, in scopes 0, 1, ….
 *
 * û = u + (m(wᵀu) − wᵀu)·w/‖w‖² with m > −1 keeps f invertible (appendix A.1). Here m(x) = log(1 + (e − 1)·eˣ) − 1, the
 * paper's moved along x so that m(0) = 0: where u = 0, as at the start, f is the identity.
 * @throws UsageError for options; ShapeError where z or the context does not fit
 */
export function planarFlow(scope: Scope, latent: number, options: PlanarOptions): Flow {
  checkFlow("planarFlow", scope, latent, 1, options, planarOptions);
  const { steps, context = 0 } = options;
  const step = (_: unknown, i: number) => planarStep(scope.at(String(i)), latent, context);
  return composed("planarFlow", Array.from({ length: steps }, step), latent, context);
}

function planarStep(scope: Scope, latent: number, context: number): Flow {
  const generic = { kind: "normal", standardDeviation: Math.sqrt(1 / latent) } as const;
  /** A vector (size), or with a context one for each row (rows, size). */
  const vector = (name: string, size: number, start: typeof generic | typeof zeros) => {
    if (context > 0) {
      const layer = dense(scope.at(name), context, size, { initialization: zeros, bias: start });
      return (seen: Tensor | undefined) => layer(seen!);
    }
    const value = scope.parameter(name, [size], start);
    return () => value;
  };
  const [uOf, wOf, bOf] = [vector("u", latent, zeros), vector("w", latent, generic), vector("b", 1, zeros)];
  return {
    forward(z, seen) {
      const [u, w, b] = [uOf(seen), wOf(seen), bOf(seen)];
      const along = sum(mul(w, u), [-1], true); // wᵀu
      const stretch = maximum(softplus(add(along, Math.log(Math.E - 1))), leastStretch); // 1 + m(wᵀu) = 1 + wᵀû
      const squared = maximum(sum(square(w), [-1], true), 1e-12);
      const held = add(u, mul(w, div(sub(sub(stretch, 1), along), squared))); // û
      const h = tanh(add(sum(mul(z, w), [1], true), b)); // (rows, 1)
      const slope = sub(1, square(h)); // tanh′
      // |1 + tanh′·wᵀû| = (1 − tanh′) + tanh′·(1 + wᵀû), in which nothing cancels
      const determinant = add(square(h), mul(slope, stretch));
      return { z: add(z, mul(held, h)), logDet: reshape(log(determinant), [z.shape[0]!]) };
    },
  };
}
