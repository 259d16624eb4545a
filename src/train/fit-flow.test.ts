import { expect, test } from "vitest";
import { draws, plane } from "../../test/latent.ts";
import { evaluate } from "../../test/numeric.ts";
import { NumericalError } from "../errors.ts";
import { input } from "../graph/tensor.ts";
import { fitMixture, mixtureNegLogProb } from "../models/gaussian-mixture.ts";
import { type FlowShape, flowParts } from "../models/sampler-parts.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { fitFlow } from "./fit-flow.ts";

const backend = await cpuBackend(1);
const shape: FlowShape = { kind: "flow", components: 4, layers: 4, hidden: [32] };

/** Rows (n, d) in two places, far from 0: the first column says which, the last is narrow. */
const twoPlaces = (count: number, d: number, site: string): Float32Array =>
  draws("normals", count * d, site).map((x, at) => {
    const place = Math.floor(at / d) % 3 === 0 ? 5 : 9;
    return (at % d === 0 ? place : 3) + (at % d === d - 1 ? 0.3 : 1) * x * 0.5;
  });

const nats = (weights: Readonly<Record<string, Float32Array>>, z: ArrayLike<number>, d: number) =>
  evaluate({ logProb: flowParts(shape, d).prior.logProb(input("z", ["batch", d])) }, { ...weights, z });

test.each([1, 2])(
  "with %i latents the density integrates to 1, and beats a normal on what it has not seen",
  async (d) => {
    const [rows, held] = [twoPlaces(900, d, "rows"), twoPlaces(300, d, "held")];
    const told: number[][] = [];
    const { weights, negLogProbNats } = await fitFlow(backend, shape, rows, held, d, {
      ...{ steps: 300, seed: 0, onProgress: (step, steps) => told.push([step, steps]) },
    });
    expect(told.at(-1)).toEqual([300, 300]);

    const grid =
      d === 2 ? plane(14, 0.05) : { z: Array.from({ length: 20_001 }, (_, i) => (i - 5000) / 500), area: 1 / 500 };
    const { logProb } = await nats(weights, grid.z, d);
    const mass = logProb!.reduce((total, value) => total + grid.area * Math.exp(value), 0);
    expect(mass).toBeCloseTo(1, 3);

    const own = (await nats(weights, held, d)).logProb!;
    expect(-own.reduce((a, b) => a + b) / own.length).toBeCloseTo(negLogProbNats, 4);
    const { mixture } = await fitMixture(backend, rows, d, { components: 1, seed: 0 });
    expect(negLogProbNats).toBeLessThan((await mixtureNegLogProb(backend, mixture, held)) - 0.1);
  },
);

test("the same seed gives the same weights, and steps and seed count", async () => {
  const rows = twoPlaces(100, 2, "rows");
  const run = (options: object) => fitFlow(backend, shape, rows, rows, 2, { steps: 25, seed: 0, ...options });
  const one = await run({});
  expect(await run({})).toEqual(one);
  expect((await run({ seed: 1 })).weights).not.toEqual(one.weights);
  expect((await run({ steps: 30 })).weights).not.toEqual(one.weights);
  await expect(run({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});

test("the weights kept are the best on held-out rows", async () => {
  const rows = twoPlaces(12, 2, "rows"); // so few that it learns them by heart
  const held = twoPlaces(200, 2, "held");
  const seen: number[] = [];
  const { negLogProbNats } = await fitFlow(backend, shape, rows, held, 2, {
    ...{ steps: 200, seed: 0, onProgress: (_step, _steps, nats) => seen.push(nats) },
  });
  expect(negLogProbNats).toBe(Math.min(...seen.filter(Number.isFinite)));
  expect(seen.at(-1)).toBeGreaterThan(negLogProbNats);
});

test("columns that do not vary, or all alike, leave every number finite", async () => {
  const base = draws("normals", 200);
  for (const z of [(x: number) => [x, x, 4], () => [1, 1, 1]]) {
    const rows = Float32Array.from([...base].flatMap((x) => z(x)));
    const { weights, negLogProbNats } = await fitFlow(backend, shape, rows, rows, 3, { steps: 40, seed: 0 });
    expect(negLogProbNats).toBeTypeOf("number");
    for (const [path, values] of Object.entries(weights)) expect([...values].every(Number.isFinite), path).toBe(true);
  }
});

test("a held-out draw too far for the flow is refused with the mend", async () => {
  const rows = twoPlaces(100, 2, "rows");
  const held = rows.slice(0, 20);
  held[7] = 1e25;
  const fitting = fitFlow(backend, shape, rows, held, 2, { steps: 20, seed: 0 });
  await expect(fitting).rejects.toThrow(NumericalError);
  await expect(fitting).rejects.toThrow(
    /held-out draws a mean −log q\(z\) of (Infinity|NaN) nats.*take the sampler "mixture"/,
  );
});
