import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { exportOnnx } from "../src/apps/export.node.ts";
import { generate } from "../src/apps/generate.ts";
import { evaluationLines } from "../src/cli/evaluate.ts";
import { traversalLines } from "../src/cli/traverse.ts";
import type { PartialConfig } from "../src/config.ts";
import { evaluateRun } from "../src/evaluate/evaluate.node.ts";
import { openRun } from "../src/models/open.node.ts";
import { traverseRun } from "../src/report/figures.node.ts";
import { writeReport } from "../src/report/report.node.ts";
import type { MetricsRow } from "../src/train/metrics.ts";
import { train } from "../src/train/train.node.ts";

/* Posteriors, priors and objectives other than the usual ones, from a file of images to the report. */

const folder = mkdtempSync(join(tmpdir(), "vaekit-latents-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [count, side] = [60, 5];
const size = side * side;

/** Bars that are lit or not, as grey levels. */
function writeImages(): string {
  const header = new DataView(new ArrayBuffer(16));
  for (const [i, value] of [0x803, count, side, side].entries()) header.setUint32(4 * i, value);
  const pixels = Uint8Array.from({ length: count * size }, (_, i) =>
    (Math.floor(i / size) >> (i % side)) & 1 ? 230 : 20,
  );
  const file = join(folder, "images.idx");
  writeFileSync(file, Buffer.concat([new Uint8Array(header.buffer), pixels]));
  return file;
}

const data = writeImages();
const network = { steps: 2, hidden: [6] };
type Model = NonNullable<PartialConfig["model"]>;
type Objective = NonNullable<PartialConfig["objective"]>;

const models: Readonly<Record<string, Model & { readonly objective?: Objective }>> = {
  "full-covariance": { posterior: { covariance: "full" } },
  "rank-one": { posterior: { covariance: "rank-one" } },
  planar: { posterior: { flow: { kind: "planar", steps: 3 } } },
  realnvp: { posterior: { flow: { kind: "realnvp", ...network } }, prior: { kind: "realnvp", ...network } },
  iaf: { posterior: { flow: { kind: "iaf", ...network } }, prior: { kind: "maf", ...network } },
  mixture: { prior: { kind: "mixture", components: 4 } },
  vampprior: { prior: { kind: "vampprior", components: 4 } },
  iwae: { objective: { kind: "iwae", samples: 4 } },
  dreg: { prior: { kind: "vampprior", components: 3, start: "random" }, objective: { kind: "iwae", gradient: "dreg" } },
};

test.each(Object.entries(models))("%s: train, evaluate, use, export, report", async (name, { objective, ...model }) => {
  const run = join(folder, name);
  const config = {
    model: { latent: 2, encoder: { hidden: [8] }, ...model },
    ...(objective ? { objective } : {}),
    train: { batchSize: 20, epochs: 2 },
  };
  await train({ data, out: run, config, threads: 1 });
  const rows = readFileSync(join(run, "metrics.jsonl"), "utf8").trim().split("\n");
  for (const { train: parts, validation } of rows.map((row) => JSON.parse(row) as MetricsRow))
    for (const { negElboNats, negIwaeNats } of [parts, validation!]) {
      if (objective)
        expect(negIwaeNats).toBeLessThan(negElboNats); // more draws, a tighter bound
      else expect(negIwaeNats).toBeUndefined();
    }

  const evaluation = await evaluateRun({ run, split: "all", samples: 200, threads: 1 });
  const { negElboNats, negIwaeNats, nllNats, rateByLatentNats, activeLatents } = evaluation;
  expect(nllNats!.mean).toBeLessThan(negElboNats.mean);
  if (objective) {
    expect(nllNats!.mean).toBeLessThan(negIwaeNats!.mean);
    expect(negIwaeNats!.mean).toBeLessThan(negElboNats.mean);
  }
  const factors = !model.posterior && !model.prior;
  expect(rateByLatentNats === null).toBe(!factors);
  expect(activeLatents === null).toBe(!factors);
  expect(evaluationLines(evaluation, 0.01).join("\n").includes("are active")).toBe(factors);

  const opened = await openRun(run, { threads: 1 });
  const some = await generate(opened, { count: 3, seed: 1 });
  const more = await generate(opened, { count: 150, seed: 1 });
  await opened.close();
  expect(more.images.subarray(0, some.images.length)).toEqual(some.images); // image i by the seed and i alone
  expect(some.images.every((value) => value > 0 && value < 1)).toBe(true);

  const { maxDifference, files } = await exportOnnx({ run, out: join(folder, `${name}-onnx`) });
  expect(maxDifference).toBeLessThanOrEqual(1e-5);
  expect(files.some((file) => file.endsWith("prior.onnx"))).toBe(model.prior !== undefined);
  const traversed = await traverseRun({ run, out: join(folder, `${name}.png`), steps: 3 });
  expect(traversalLines(traversed)).toHaveLength(2 + 1 + 2);
  expect(existsSync(await writeReport(run))).toBe(true);
});

test("a VampPrior of the data starts at examples of them", async () => {
  const run = join(folder, "start");
  const config = {
    model: { latent: 2, encoder: { hidden: [4] }, prior: { kind: "vampprior", components: 3 } },
    optimizer: { learningRate: 1e-12 },
    train: { steps: 1 },
  } as const satisfies PartialConfig;
  await train({ data, out: run, config, threads: 1 });
  const { weights, close } = await openRun(run, { threads: 1 });
  await close();
  for (const value of weights["prior.pseudoInputs"]!)
    expect(Math.min(Math.abs(value + 0.5 - 230 / 255), Math.abs(value + 0.5 - 20 / 255))).toBeLessThan(1e-6);
});
