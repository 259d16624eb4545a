import { sum } from "../graph/ops/structure.ts";
import { latentsOf, type Prior } from "./latent.ts";
import type { Normal } from "./normal.ts";

/** Independent latents with a mean and a variance each: base (rows, d), or (d) for all rows. */
export function normalPrior(base: Normal): Prior {
  return {
    kind: "normal",
    base,
    logProb: (z) => sum(base.logProb(z), [-1]),
    noise: { normal: latentsOf(base.mean), uniform: 0 },
    sample: ({ normal }) => base.sample(normal),
  };
}
