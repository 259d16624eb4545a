import { expect, test } from "vitest";
import { generic } from "../../test/latent.ts";
import { floats, untrained } from "../../test/models.ts";
import { type PartialConfig, parseConfig } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { loadParts } from "../models/parts.ts";
import type { Backend, Value } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { siteKey } from "../runtime/philox.ts";
import { randomOrder } from "../runtime/shuffle.ts";
import { elboScorer } from "./elbo.ts";
import { evaluateModel } from "./evaluate.ts";
import { importanceLikelihood } from "./likelihood.ts";

type Bound = Readonly<Record<string, Value>>;

/** A backend that keeps what it compiles, what is bound to it, and what of that is run. */
async function watched() {
  const backend = await cpuBackend(1);
  const seen = { models: [] as Uint8Array[], bound: [] as Bound[], run: [] as Bound[] };
  const watching: Backend = {
    ...backend,
    async compile(model, ...options) {
      seen.models.push(model.bytes);
      const executable = await backend.compile(model, ...options);
      const bind: typeof executable.bind = (inputs, outputs) => {
        seen.bound.push(inputs);
        const run = executable.bind(inputs, outputs);
        return async () => {
          seen.run.push(inputs);
          await run();
        };
      };
      return { ...executable, bind };
    },
  };
  return { ...seen, backend: watching };
}

async function modelOf(config: PartialConfig) {
  const given = { ...config, model: { latent: 2, encoder: { hidden: [3] }, ...config.model } };
  await loadParts(parseConfig(given).model);
  return untrained(given, [2]);
}

const data = floats([0, 1, 1, 1, 0.5, 0, 1, 0, 0, 0], [2]);

test.each([
  [1, 200],
  [6, 198],
  [50, 200],
  [500, 500],
])("with %d draws of each example the decoder has %d rows at once", async (samples, rows) => {
  const { backend, bound } = await watched();
  await evaluateModel(await modelOf({ objective: { kind: "iwae", samples } }), backend, data);
  expect(bound.map(({ noise }) => noise?.shape)).toEqual([[rows, 2]]);
});

test("a gradient of another kind is not scored by another graph", async () => {
  const graphs = await Promise.all(
    (["dreg", "reparameterized"] as const).map(async (gradient) => {
      const { description, vae, weights } = await modelOf({
        model: { posterior: { covariance: "full" } },
        objective: { kind: "iwae", gradient },
      });
      const { backend, models } = await watched();
      await (await elboScorer(backend, vae, weights, 4, description.config.objective)).release();
      return models;
    }),
  );
  expect(graphs[0]).toEqual(graphs[1]);
});

test("what a prior computes of parameters alone is computed once for a data set", async () => {
  const { vae, weights } = await modelOf({ model: { prior: { kind: "vampprior", components: 3, start: "random" } } });
  const { backend, run } = await watched();
  const scores = await importanceLikelihood(backend, vae, weights, data, {
    ...{ samples: 250, binarization: "none", seed: 1, purpose: "test" }, // an example at a time
  });
  expect(scores.nllNats.every((nats) => nats > 0 && nats < 3)).toBe(true);
  expect(run.filter((inputs) => "prior.pseudoInputs" in inputs)).toHaveLength(1);
  expect(run.filter((inputs) => "noise" in inputs)).toHaveLength(5);
});

/** Rows of data of two numbers each. */
function partOf(data: Examples, given: Iterable<number>): Examples {
  const rows = [...given];
  return {
    ...data,
    count: rows.length,
    values: Float32Array.from(rows.flatMap((row) => [...data.values.subarray(2 * row, 2 * row + 2)])),
    index: Uint32Array.from(rows, (row) => data.index[row]!),
  };
}

/** Terms of the whole batches of some rows of the data. */
async function ofBatches(
  objective: PartialConfig["objective"],
  batchSize: number,
  rows: Iterable<number> = [0, 1, 2, 3, 4],
  batchesOf = 5,
) {
  const { description, vae, weights } = await modelOf({ objective });
  const given = description.config.objective;
  const scorer = await elboScorer(await cpuBackend(1), vae, weights, batchSize, given, { batchesOf });
  const scores = await scorer.score(partOf(data, rows), { binarization: "none", seed: 1, purpose: "validation" });
  await scorer.release();
  return scores;
}

test.each<NonNullable<PartialConfig["objective"]>>([
  { kind: "dip-vae" },
  { kind: "dip-vae", variant: "ii" },
  { kind: "wae-mmd" },
  { kind: "info-vae", kernel: "rbf" },
  { kind: "elbo", freeBits: 0.01 },
])(
  "terms of whole batches are means by their examples, over batches of rows in a random order, spread evenly: %o",
  async (objective) => {
    const order = randomOrder(5, siteKey(1, "order/validation"), 0);
    expect([...order]).not.toEqual([0, 1, 2, 3, 4]);
    const [whole, last, first] = await Promise.all([
      ofBatches(objective, 3),
      ofBatches(objective, 2, order.subarray(0, 2)),
      ofBatches(objective, 3, order.subarray(2)),
    ]);
    expect(whole.distortionNats).toHaveLength(5);
    const { distortionNats } = await ofBatches(undefined, 5);
    for (const [row, nats] of whole.distortionNats.entries()) expect(nats).toBeCloseTo(distortionNats[row]!, 5);
    const names = Object.keys(whole.ofBatches!) as (keyof NonNullable<typeof whole.ofBatches>)[];
    expect(names.length).toBeGreaterThan(0);
    for (const name of names)
      expect(whole.ofBatches![name]).toBeCloseTo((3 * first.ofBatches![name]! + 2 * last.ofBatches![name]!) / 5, 5);
  },
);

test("the terms of the rate add up to its estimate by the same draws", async () => {
  const { mutualInformationNats, totalCorrelationNats, dimensionwiseKlNats } = (
    await ofBatches({ kind: "beta-tcvae" }, 3)
  ).ofBatches!;
  const { rateNats } = await ofBatches({ kind: "iwae", samples: 1 }, 3);
  const rate = rateNats.reduce((sum, nats) => sum + nats, 0) / data.count;
  expect(mutualInformationNats! + totalCorrelationNats! + dimensionwiseKlNats!).toBeCloseTo(rate, 5);
});

test("data sorted by class have the terms of data that are not", async () => {
  const { description, vae } = await modelOf({ objective: { kind: "dip-vae" } });
  const weights = Object.fromEntries(
    Object.entries(generic(vae.parameters, 2)).map(([path, w]) => [path, Float32Array.from(w)]),
  );
  const { objective } = description.config;
  const scorer = await elboScorer(await cpuBackend(1), vae, weights, 16, objective, { batchesOf: 160 });
  const rows = Array.from({ length: 160 }, (_, i) => i);
  const sorted = floats(
    rows.flatMap((i) => (i < 80 ? [0, 0] : [1, 1])),
    [2],
  );
  const penalty = async (order: readonly number[]) => {
    const options = { binarization: "none", seed: 1, purpose: "validation" } as const;
    return (await scorer.score(partOf(sorted, order), options)).ofBatches!.offDiagonalPenalty!;
  };
  const mixed = await penalty(rows.map((i) => (i % 2) * 80 + Math.floor(i / 2)));
  expect(mixed).toBeGreaterThan(0.01); // the means covary between the classes, and
  expect(await penalty(rows.slice(0, 80))).toBeCloseTo(0, 6); // within one of them not at all
  expect((await penalty(rows)) / mixed).toBeGreaterThan(0.8);
  await scorer.release();
});

test("q(z) is that of the examples that training draws from, and not of those that are scored", async () => {
  const of = async (batchesOf: number) =>
    (await ofBatches({ kind: "beta-tcvae" }, 3, undefined, batchesOf)).ofBatches!.mutualInformationNats!;
  expect(await of(1000)).toBeGreaterThan((await of(5)) + 0.01);
});
