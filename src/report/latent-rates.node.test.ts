import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { PartialConfig } from "../config.ts";
import { sprites } from "../data/sprites.ts";
import { evaluateModel } from "../evaluate/evaluate.ts";
import { openRun } from "../models/open.node.ts";
import { train } from "../train/train.node.ts";
import { latentUse } from "./latent-rates.node.ts";

const folder = mkdtempSync(join(tmpdir(), "vaekit-latent-rates-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function opened(name: string, config: PartialConfig) {
  const data = await sprites({ examples: 60, validation: 20 });
  const run = join(folder, name);
  const model = { latent: 3, encoder: { hidden: [4] }, ...config.model };
  await train({ data, out: run, config: { ...config, model, train: { steps: 2 } }, threads: 1 });
  return { model: await openRun(run, { threads: 1 }), data: data.validation };
}

test("rates are those of an evaluation, and take one draw of each example, whatever the objective takes", async () => {
  const { model, data } = await opened("iwae", { objective: { kind: "iwae", samples: 7 } });
  const noise: (readonly number[])[] = [];
  const backend: typeof model.backend = {
    ...model.backend,
    async compile(lowered) {
      const executable = await model.backend.compile(lowered);
      return {
        ...executable,
        bind(inputs, outputs) {
          noise.push(inputs["noise"]!.shape);
          return executable.bind(inputs, outputs);
        },
      };
    },
  };
  const { klNats, order } = await latentUse({ ...model, backend }, data);
  const { rateByLatentNats } = await evaluateModel(model, model.backend, data);
  await model.close();
  for (const [j, nats] of rateByLatentNats!.entries()) expect(klNats![j]).toBeCloseTo(nats, 5);
  expect(order).toEqual([0, 1, 2].sort((a, b) => klNats![b]! - klNats![a]!));
  expect(noise).toEqual([[200, 3]]);
});

test("where the rate is no sum over latents nothing is evaluated", async () => {
  const { model, data } = await opened("mixture", { model: { prior: { kind: "mixture", components: 3 } } });
  const backend: typeof model.backend = {
    ...model.backend,
    compile: () => Promise.reject(new Error("nothing is to be compiled")),
  };
  const { klNats, order } = await latentUse({ ...model, backend }, data);
  await model.close();
  expect(klNats).toBeNull();
  expect([...order].sort()).toEqual([0, 1, 2]);
});
