import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { encodeRun } from "../src/apps/encode.node.ts";
import { examplesOf } from "../src/apps/examples.ts";
import { exportOnnx } from "../src/apps/export.node.ts";
import { generate } from "../src/apps/generate.ts";
import { inspectRun } from "../src/apps/inspect-run.node.ts";
import { reconstruct } from "../src/apps/reconstruct.ts";
import { traverse } from "../src/apps/traverse.ts";
import { evaluationLines } from "../src/cli/evaluate.ts";
import { inspectionLines } from "../src/cli/inspect-lines.ts";
import { traversalLines } from "../src/cli/traverse.ts";
import type { PartialConfig } from "../src/config.ts";
import { evaluateRun } from "../src/evaluate/evaluate.node.ts";
import { input } from "../src/graph/tensor.ts";
import { openRun } from "../src/models/open.node.ts";
import { loadRunSplit } from "../src/models/run-data.node.ts";
import { traverseRun } from "../src/report/figures.node.ts";
import { imageGrid, sideBySide } from "../src/report/grid.ts";
import { encodePng, toDataUri } from "../src/report/png.node.ts";
import { writeReport } from "../src/report/report.node.ts";
import type { MetricsRow } from "../src/train/metrics.ts";
import { train } from "../src/train/train.node.ts";
import { evaluate, furthest } from "./numeric.ts";

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
    optimizer: { learningRate: 0.01 }, // flows leave the identity
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
  expect(more.images.subarray(0, some.images.length)).toEqual(some.images); // image i by the seed and i alone
  expect(some.images.every((value) => value > 0 && value < 1)).toBe(true);

  // What is decoded of an example is a draw without noise, whatever the posterior is.
  const shown = await loadRunSplit(opened, { split: "validation" });
  const x = examplesOf(shown, 0, shown.count);
  const posterior = opened.vae.posterior(input("x", ["batch", side, side]));
  const { z } = posterior.draw(input("noise", ["batch", posterior.noiseWidth]));
  const noise = new Float32Array(shown.count * posterior.noiseWidth);
  const central = await evaluate(
    { z, image: opened.vae.decode(z).mean, mean: posterior.base.mean },
    { ...opened.weights, x, noise },
    "float32",
  );
  const { code, mean } = await opened.encode(x, shown.count);
  expect(furthest(code, central.z!)).toBeLessThan(1e-5);
  expect(furthest(mean, central.mean!)).toBeLessThan(1e-5);
  expect(furthest(code, mean) > 1e-4).toBe(model.posterior?.flow !== undefined);
  const { reconstructions } = await reconstruct(opened, x, shown.count);
  expect(furthest(reconstructions, central.image!)).toBeLessThan(1e-5);
  await encodeRun({ run, data, split: "validation", out: join(folder, `${name}.csv`) });
  const lines = readFileSync(join(folder, `${name}.csv`), "utf8")
    .trim()
    .split("\n")
    .slice(1);
  expect(lines.flatMap((line) => line.split(",").slice(2).map(Number)).map(Math.fround)).toEqual([...code]);

  const { files } = await exportOnnx({ run, out: join(folder, `${name}-onnx`) });
  const independent = model.posterior === undefined;
  const { bytes, precision } = { bytes: readFileSync(files[0]!), precision: "float32" as const };
  const executable = await opened.backend.compile({ bytes, precision });
  const encoded = await executable.run({
    x: { data: x, shape: [shown.count, side, side] },
    ...(independent ? {} : { noise: { data: noise, shape: [shown.count, posterior.noiseWidth] } }),
  });
  await executable.release();
  expect(Object.keys(encoded).sort()).toEqual(["logvar", "mean", ...(independent ? [] : ["z"])]);
  expect(furthest((encoded.z ?? encoded.mean)!.data as Float32Array, code)).toBeLessThan(1e-5);
  expect(files.some((file) => file.endsWith("prior.onnx"))).toBe(model.prior !== undefined);

  const inspection = await inspectRun(run);
  expect(inspection.flops.trainingStepOnce > 0).toBe(model.prior?.kind === "vampprior");
  expect(inspectionLines(inspection).join("\n").includes(" for a batch")).toBe(model.prior?.kind === "vampprior");

  const picture = join(folder, `${name}.png`);
  const traversed = await traverseRun({ run, out: picture, steps: 3, split: "validation", example: 1 });
  expect(traversalLines(traversed)).toHaveLength(2 + 1 + 2);
  const dimensions = traversed.dimensions.map(({ dimension }) => dimension);
  const around = await traverse(opened, { dimensions, steps: 3, range: 3, start: code.slice(2, 4) });
  expect(new Uint8Array(readFileSync(picture))).toEqual(
    new Uint8Array(await encodePng(imageGrid(around.images, around.event, { columns: 3 }))),
  );
  const pairs = sideBySide(x, reconstructions, opened.event, { columns: shown.count });
  const first = { dimensions: dimensions.slice(0, 1), steps: 11, range: 3, start: code.slice(0, 2) };
  const row = imageGrid((await traverse(opened, first)).images, opened.event, { columns: 11 });
  const report = readFileSync(await writeReport(run), "utf8");
  for (const drawn of [pairs, row]) expect(report).toContain(toDataUri(await encodePng(drawn)));
  await opened.close();
});

test("a VampPrior of the data starts at examples of them", async () => {
  const run = join(folder, "start");
  const config = {
    model: { latent: 2, encoder: { hidden: [4] }, prior: { kind: "vampprior", components: 3 } },
    optimizer: { learningRate: 1e-12 },
    train: { steps: 1 },
  } as const satisfies PartialConfig;
  await train({ data, out: run, config, threads: 1 });
  const opened = await openRun(run, { threads: 1 });
  const given = await loadRunSplit(opened, { split: "train" });
  await opened.close();
  const expected = [0, 1, 2].map((i) => examplesOf(given, Math.floor((i * given.count) / 3), 1));
  expect(new Set(expected.map(String)).size).toBe(3);
  const pseudoInputs = opened.weights["prior.pseudoInputs"]!.map((value) => value + 0.5);
  for (const [i, example] of expected.entries())
    expect(furthest(pseudoInputs.subarray(i * size, (i + 1) * size), example)).toBeLessThan(1e-6);
});
