import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportOnnx } from "../apps/export.node.ts";
import { generate } from "../apps/generate.ts";
import { inspectRun } from "../apps/inspect-run.node.ts";
import { inspectionLines } from "../cli/inspect-lines.ts";
import { fingerprinted } from "../data/fingerprint.ts";
import { splitShuffled } from "../data/split.ts";
import { evaluateRun } from "../evaluate/evaluate.node.ts";
import { evaluateModel } from "../evaluate/evaluate.ts";
import { writeReport } from "../report/report.node.ts";
import { train } from "../train/train.node.ts";
import { openRun } from "./open.node.ts";

/* Networks of images from a config to all that is done with a trained model. */

const folder = mkdtempSync(join(tmpdir(), "vaekit-conv-"));
afterAll(() => rmSync(folder, { recursive: true }));

const grey = {
  data: { examples: 600 },
  model: {
    latent: 4,
    encoder: {
      kind: "conv",
      layers: [
        { channels: 4, kernel: 8, stride: 4 },
        { channels: 8, kernel: 4, stride: 2 },
      ],
      hidden: [16],
    },
  },
  optimizer: { learningRate: 0.005 },
  train: { batchSize: 40, epochs: 12 },
};

/** Colour pictures of an odd size: a bright square at one of many places, on a ground of some colour. */
async function squares(count: number) {
  const [height, width] = [9, 7];
  const values = Float32Array.from({ length: count * height * width * 3 }, (_, i) => {
    const [image, y, x, channel] = [Math.floor(i / 189), Math.floor(i / 21) % 9, Math.floor(i / 3) % 7, i % 3];
    const inside = Math.abs(y - 2 - (image % 5)) < 2 && Math.abs(x - 1 - (image % 4)) < 2;
    return inside ? 0.9 : ((image + channel) % 3) / 5;
  });
  const index = Uint32Array.from({ length: count }, (_, i) => i);
  const event = [height, width, 3];
  const whole = await fingerprinted({ name: "squares", split: "all", event, count, values, index });
  return splitShuffled(whole, {});
}

const runs = { grey: join(folder, "grey"), colour: join(folder, "colour"), residual: join(folder, "residual") };

beforeAll(async () => {
  await train({ data: "sprites", out: runs.grey, config: grey, threads: 1 });
  await train({
    data: await squares(300),
    out: runs.colour,
    config: {
      model: { latent: 3, encoder: { kind: "conv" }, likelihood: { kind: "normal", variance: "global" } },
      optimizer: { learningRate: 0.003 },
      train: { batchSize: 30, epochs: 8 },
    },
    threads: 2,
  });
  await train({
    data: await squares(300),
    out: runs.residual,
    config: {
      model: {
        latent: 3,
        encoder: { kind: "residual", channels: [4, 8], normalization: "weight", hidden: [16] },
        decoder: { normalization: "group", sampling: "pooled" },
        likelihood: { kind: "normal", variance: "global" },
      },
      optimizer: { learningRate: 0.005 },
      train: { batchSize: 30, epochs: 8 },
    },
    threads: 1,
  });
}, 60_000);

describe.each(["grey", "colour", "residual"] as const)("a convolutional model of images: %s", (kind) => {
  const run = runs[kind];
  const event = kind === "grey" ? [64, 64] : [9, 7, 3];

  test("has learned: the bound falls from epoch to epoch", () => {
    const rows = readFileSync(join(run, "metrics.jsonl"), "utf8").trim().split("\n");
    const bounds = rows.map((row) => JSON.parse(row).validation.negElboNats as number);
    expect(bounds.length).toBe(kind === "grey" ? 12 : 8);
    expect(bounds.at(-1)!).toBeLessThan(bounds[0]! - Math.abs(bounds[0]!) / 20);
  });

  test("is evaluated, by importance samples as well", async () => {
    const model = await openRun(run);
    const { negElboNats, nllNats } =
      kind === "grey"
        ? await evaluateRun({ run, samples: 20, threads: 1 })
        : await evaluateModel(model, model.backend, (await squares(300)).test, { samples: 20 });
    await model.close();
    expect(nllNats!.mean).toBeLessThan(negElboNats.mean + 3 * negElboNats.standardError!);
  });

  test("makes images of the event's shape, the same for any batch", async () => {
    const model = await openRun(run);
    const { images, event: made } = await generate(model, { count: 3, seed: 0 });
    expect(made).toEqual(event);
    expect(images.length).toBe(3 * event.reduce((a, b) => a * b));
    const first = await generate(model, { count: 1, seed: 0 });
    expect([...first.images]).toEqual([...images.subarray(0, first.images.length)]);
    await model.close();
  });

  test("is exported to ONNX, and computes the same there", async () => {
    const { files, maxDifference } = await exportOnnx({ run, out: join(folder, `onnx-${kind}`) });
    expect(files.length).toBe(2);
    expect(maxDifference).toBeLessThanOrEqual(1e-5);
  });

  test("is inspected: its layers, what they give, and what they cost", async () => {
    const inspection = await inspectRun(run);
    const layers = new Map(inspection.layers.map((layer) => [layer.path, layer]));
    if (kind === "grey") {
      expect(layers.get("encoder.layers.0")).toEqual({
        path: "encoder.layers.0",
        shapes: { weight: [8, 8, 1, 4], bias: [4] },
        output: [16, 16, 4],
        parameters: 8 * 8 * 4 + 4,
        flops: 2 * 16 * 16 * 4 * 8 * 8,
      });
      expect(layers.get("decoder.map")).toMatchObject({ output: [512], flops: 2 * 16 * 512 });
      expect(layers.get("decoder.logits")).toMatchObject({ output: [64, 64, 1] });
      expect(inspectionLines(inspection).join("\n")).toContain(
        "encoder: conv 4 8×8/4, 8 4×4/2, dense 16, relu; decoder: conv 8 4×4/2, 4 8×8/4, dense 16, relu",
      );
    } else if (kind === "residual") {
      expect(layers.get("encoder.stem")).toEqual({
        path: "encoder.stem",
        shapes: { "weight.direction": [3, 3, 3, 4], "weight.length": [4], bias: [4] },
        output: [9, 7, 4],
        parameters: 9 * 3 * 4 + 4 + 4,
        flops: 2 * 9 * 7 * 4 * 27,
      });
      expect(layers.get("encoder.levels.1.down")).toMatchObject({ output: [5, 4, 4] });
      expect(layers.get("encoder.levels.1.blocks.0.skip")).toMatchObject({ output: [5, 4, 8], flops: 2 * 20 * 8 * 4 });
      expect(layers.get("decoder.levels.0.blocks.0.second.normalization")).toMatchObject({ output: null, flops: 0 });
      expect(layers.get("decoder.levels.1.blocks.0.first")).toMatchObject({ output: [9, 7, 4] });
      expect(inspectionLines(inspection).join("\n")).toContain(
        "encoder: residual 4-8, 1 block a level, weight normalization, strided, dense 16, relu; decoder: residual 8-4, 1 block a level, group normalization, pooled, dense 16, relu",
      );
    } else {
      expect(layers.get("encoder.layers.0")).toMatchObject({ output: [5, 4, 32] });
      expect(layers.get("decoder.mean")).toMatchObject({ output: [9, 7, 3] });
      expect(layers.get("decoder")).toMatchObject({ shapes: { logvar: [1] }, output: null, flops: 0 });
      expect(inspection.config.model.encoder).toMatchObject({ layers: [{ channels: 32, kernel: 4, stride: 2 }] });
    }
    const [encode, decode] = ["encoder", "decoder"].map((part) =>
      inspection.layers.filter(({ path }) => path.startsWith(part)).reduce((sum, { flops }) => sum + flops, 0),
    );
    expect(inspection.flops).toMatchObject({ encode, decode });
    expect(inspection.flops.trainingStep).toBeGreaterThan(2 * (encode! + decode!));
    expect(inspection.flops.trainingStep).toBeLessThan(4 * (encode! + decode!));
    expect(inspection.parameters).toBe(inspection.layers.reduce((sum, { parameters }) => sum + parameters, 0));
    expect(inspection.bytes.activations).toBeGreaterThan(inspection.bytes.batch);
  });
});

test("its report is written", async () => {
  const file = await writeReport(runs.grey);
  expect(readFileSync(file, "utf8")).toContain("<html");
});

test("training that was stopped and resumed ends with the weights of one that was not", async () => {
  const out = join(folder, "halves");
  const config = { ...grey, data: { examples: 200 }, train: { batchSize: 40 } };
  await train({ data: "sprites", out, config, steps: 3, threads: 1 });
  await train({ data: "sprites", out, resume: true, steps: 6, threads: 1 });
  const whole = join(folder, "whole");
  await train({ data: "sprites", out: whole, config, steps: 6, threads: 1 });
  const weights = (run: string) => readFileSync(join(run, "model/weights.safetensors"));
  expect(weights(out).equals(weights(whole))).toBe(true);
});
