import { expect, test } from "vitest";
import { floats, untrained } from "../../test/models.ts";
import { type PartialConfig, parseConfig } from "../config.ts";
import { loadParts } from "../models/parts.ts";
import type { Backend, Value } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
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
