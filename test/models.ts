import { type PartialConfig, parseConfig } from "../src/config.ts";
import { staticSize } from "../src/graph/shape.ts";
import { type ConditionColumn, storedConditions } from "../src/models/conditions.ts";
import type { PortableModel } from "../src/models/portable.ts";
import { buildVae } from "../src/models/vae.ts";
import { initializeParameters } from "../src/train/initialize.ts";
import { layoutOf, viewOf } from "../src/train/layout.ts";

/* For tests: models that were not trained. */

/**
 * A model as it would be loaded, with its initial weights, or with `given` ones by path.
 * @param conditions of a conditional model, whose parts are loaded
 */
export function untrained(
  config: PartialConfig,
  event: readonly number[],
  given: Readonly<Record<string, readonly number[]>> = {},
  conditions?: readonly ConditionColumn[],
): PortableModel {
  const parsed = parseConfig(config, "test");
  const vae = buildVae(parsed.model, event, undefined, storedConditions(conditions));
  const layout = layoutOf(vae.parameters);
  const buffer = new Float32Array(layout.total);
  initializeParameters(buffer, layout, vae.parameters, 0);
  const weights = Object.fromEntries(layout.slots.map((slot) => [slot.path, viewOf(buffer, slot).slice()]));
  for (const [path, values] of Object.entries(given)) {
    if (weights[path]?.length !== values.length)
      throw new Error(`${path}: ${weights[path]?.length} values, not ${values.length}`);
    weights[path] = Float32Array.from(values);
  }
  const trained = { epoch: 1, step: 1, data: "0", dataName: "test" };
  return {
    description: { format: "vaekit-model", version: 2, event, config: parsed, conditions, trained, weightsSha256: "" },
    vae,
    weights,
  };
}

/**
 * The linear-Gaussian model x = w·z + b + σ·ε of one dimension, whose log p(x) and posterior are known:
 * p(x) = N(b, w² + σ²), p(z|x) = N(w·(x − b)/(w² + σ²), σ²/(w² + σ²)).
 * @param off what is added to the encoder's mean: 0 makes q(z|x) the exact posterior
 */
export function linearGaussian({
  w,
  b,
  sigma,
  off = 0,
}: {
  readonly w: number;
  readonly b: number;
  readonly sigma: number;
  readonly off?: number;
}) {
  const variance = w * w + sigma * sigma;
  const model = untrained(
    {
      model: {
        latent: 1,
        encoder: { hidden: [] },
        likelihood: { kind: "normal", variance: "fixed", standardDeviation: sigma },
      },
    },
    [1],
    {
      "encoder.posterior.weight": [w / variance, 0],
      "encoder.posterior.bias": [(-w * b) / variance + off, Math.log((sigma * sigma) / variance)],
      "decoder.mean.weight": [w],
      "decoder.mean.bias": [b],
    },
  );
  const negLogProb = (x: number) => 0.5 * (Math.log(2 * Math.PI * variance) + (x - b) ** 2 / variance);
  return { model, negLogProb };
}

/** Rows of floats as a data set. */
export function floats(values: readonly number[], event: readonly number[] = [1]) {
  const count = values.length / staticSize(event);
  return {
    name: "test",
    split: "test" as const,
    event,
    count,
    values: Float32Array.from(values),
    index: Uint32Array.from({ length: count }, (_, i) => i),
    fingerprint: "0",
  };
}
