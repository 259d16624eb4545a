import { NumericalError } from "../errors.ts";
import { neg } from "../graph/ops/arithmetic.ts";
import { mean } from "../graph/ops/reduce.ts";
import { input } from "../graph/tensor.ts";
import { type FlowShape, flowParts } from "../models/sampler-parts.ts";
import { standardizationOf } from "../models/standardize.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import { epochOrder } from "../runtime/shuffle.ts";
import { initializeParameters } from "./initialize.ts";
import { viewOf } from "./layout.ts";
import { trainingProgram } from "./program.ts";

export interface FlowFitOptions {
  /** Optimizer steps. */
  readonly steps: number;
  readonly seed: number;
  readonly signal?: Pick<AbortSignal, "throwIfAborted"> | undefined;
  /** @param nats mean of −log q(z) over the held-out draws, when it was last taken */
  readonly onProgress?: ((step: number, steps: number, nats: number) => void) | undefined;
}

export interface FittedFlow {
  /** By path, as `flowParts` has them. */
  readonly weights: Readonly<Record<string, Float32Array>>;
  /** Mean of −log q(z) over the held-out draws, in nats. */
  readonly negLogProbNats: number;
}

const batchRows = 256;
const learningRate = 1e-3;
/** How often the held-out draws are looked at. */
const looks = 20;

/**
 * Fits a flow to rows (n, d) by maximum likelihood: Adam, with a learning rate that falls to 0 by a cosine. The weights
 * kept are those with the best likelihood of the held-out rows.
 * @throws NumericalError where the loss, its gradient or the likelihood of the held-out rows is not finite
 */
export async function fitFlow(
  backend: Backend,
  shape: FlowShape,
  rows: Float32Array,
  held: Float32Array,
  d: number,
  { steps, seed, signal, onProgress }: FlowFitOptions,
): Promise<FittedFlow> {
  const count = rows.length / d;
  const batchSize = Math.min(batchRows, count);
  const standard = standardizationOf(rows, d);
  const { prior, parameters: specs } = flowParts(shape, d, standard);
  const trains = specs.filter(({ role }) => role === "trained").map(({ path }) => path);
  const objective = { name: "flow", minimize: mean(neg(prior.logProb(input("z", [batchSize, d]))), [0]), trains };
  const program = await trainingProgram({ backend, specs, objectives: [objective], batchSize });
  const { layout, parameters, inputs } = program;
  const scorer = await compile(backend, { nats: neg(prior.logProb(input("z", ["batch", d]))) });
  try {
    initializeParameters(parameters, layout, specs, seed);
    const weights = () => Object.fromEntries(layout.slots.map((slot) => [slot.path, viewOf(parameters, slot).slice()]));
    const score = async () => {
      await program.download();
      const nats = (await scorer.run({ ...weights(), z: held })).nats!.data as Float32Array;
      return nats.reduce((total, value) => total + value, 0) / nats.length;
    };
    const batches = Math.floor(count / batchSize); // of an epoch; rows that fill none are in the next epoch's
    const every = Math.max(1, Math.floor(steps / looks));
    let best: FittedFlow | undefined;
    let nats = Number.NaN;
    let order: Uint32Array = new Uint32Array();
    for (let step = 1; step <= steps; step++) {
      signal?.throwIfAborted();
      const place = (step - 1) % batches;
      if (place === 0) order = epochOrder(count, seed, Math.floor((step - 1) / batches));
      for (let i = 0; i < batchSize; i++) {
        const row = order[place * batchSize + i]!;
        inputs.z!.set(rows.subarray(row * d, (row + 1) * d), i * d);
      }
      const rate = (learningRate * (1 + Math.cos((Math.PI * (step - 1)) / steps))) / 2;
      await program.step(step, { learningRate: rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clip: 10 });
      if (step % every === 0 || step === steps) {
        nats = await score();
        const better = Number.isFinite(nats) && !(best && nats >= best.negLogProbNats);
        if (better) best = { weights: weights(), negLogProbNats: nats };
      }
      onProgress?.(step, steps, nats);
    }
    if (best) return best;
    throw new NumericalError(
      `the flow gives the held-out draws a mean −log q(z) of ${nats} nats: some lie too far from those that it is fitted to; take the sampler "mixture"`,
    );
  } finally {
    await Promise.all([program.release(), scorer.release()]);
  }
}
