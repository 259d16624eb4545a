import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { exportOnnx } from "../src/apps/export.node.ts";
import { generate } from "../src/apps/generate.ts";
import { reconstruct } from "../src/apps/reconstruct.ts";
import { evaluationLines } from "../src/cli/evaluate.ts";
import { densities, likelihoods } from "../src/config.parts.ts";
import { evaluateRun } from "../src/evaluate/evaluate.node.ts";
import { openRun } from "../src/models/open.node.ts";
import { writeReport } from "../src/report/report.node.ts";
import { train } from "../src/train/train.node.ts";

/* Every likelihood that comes with vaekit, from a file of 8-bit images to the report. */

const folder = mkdtempSync(join(tmpdir(), "vaekit-likelihoods-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [count, side] = [60, 5];

/** Images of soft stripes, grey or in colour. */
function writeImages(channels: 1 | 3): string {
  const shape = channels === 1 ? [count, side, side] : [count, side, side, 3];
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  for (const [i, value] of [0x800 + shape.length, ...shape].entries()) header.setUint32(4 * i, value);
  const size = side * side * channels;
  const pixels = Uint8Array.from({ length: count * size }, (_, i) =>
    Math.round(255 * (0.5 + 0.45 * Math.sin(Math.floor(i / size) + (i % size) / 3))),
  );
  const file = join(folder, `images-${channels}.idx`);
  writeFileSync(file, Buffer.concat([new Uint8Array(header.buffer), pixels]));
  return file;
}

const files = { grey: writeImages(1), colour: writeImages(3) };
/** Options that suit 8-bit images where the defaults do not, or that make less work. */
const options: Readonly<Record<string, object>> = {
  poisson: { values: "levels" },
  "negative-binomial": { values: "levels" },
  "discretized-logistic-mixture": { components: 2 },
};

test.each(likelihoods)("%s: train, evaluate, use, export, report", async (kind) => {
  const run = join(folder, kind);
  const colour = kind === "discretized-logistic-mixture";
  const config = {
    model: { latent: 2, encoder: { hidden: [8] }, likelihood: { kind, ...options[kind] } },
    train: { batchSize: 20, epochs: 2 },
  };
  await train({ data: colour ? files.colour : files.grey, out: run, config, threads: 1 });

  const evaluation = await evaluateRun({ run, split: "all", samples: 20, threads: 1 });
  const { negElboNats, nllNats, bitsPerDim } = evaluation;
  const size = side * side * (colour ? 3 : 1);
  expect(Number.isFinite(negElboNats.mean)).toBe(true);
  expect(bitsPerDim.mean).toBeCloseTo(nllNats!.mean / (Math.LN2 * size), 6);
  const isDensity = densities.includes(kind);
  for (const { measure } of [negElboNats, bitsPerDim]) expect(measure).toBe(isDensity ? "density" : "probability");
  const printed = evaluationLines(evaluation, 0.01).join("\n");
  expect(printed.includes("bits/dim (density on the data's scale)")).toBe(isDensity);
  if (!isDensity) expect(bitsPerDim.mean).toBeGreaterThan(0); // a code of whole levels is never free
  if (/discretized|beta|categorical/.test(kind)) expect(bitsPerDim.mean).toBeLessThan(10); // 8 is that of even odds

  const model = await openRun(run, { threads: 1 });
  const x = Float32Array.from({ length: 3 * size }, (_, i) => (i % 256) / 255);
  const { reconstructions } = await reconstruct(model, x, 3);
  const { images } = await generate(model, { count: 3, seed: 1 });
  await model.close();
  for (const values of [reconstructions, images]) {
    expect(values).toHaveLength(3 * size);
    expect(values.every(Number.isFinite)).toBe(true);
    if (!isDensity && !/poisson|negative/.test(kind))
      for (const value of values) expect(value).toBe(Math.min(Math.max(value, 0), 1));
  }
  const { maxDifference } = await exportOnnx({ run, out: join(folder, `${kind}-onnx`) });
  expect(maxDifference).toBeLessThanOrEqual(1e-5);
  expect(existsSync(await writeReport(run))).toBe(true);
});
