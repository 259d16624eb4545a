import { linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeRun } from "../src/apps/encode.node.ts";
import { exportOnnx } from "../src/apps/export.node.ts";
import { RunError, UsageError } from "../src/errors.ts";
import { evaluateRun } from "../src/evaluate/evaluate.node.ts";
import { openRun } from "../src/models/open.node.ts";
import { traverseRun } from "../src/report/figures.node.ts";
import { writeReport } from "../src/report/report.node.ts";
import { train } from "../src/train/train.node.ts";

/* The functions that take a run directory, over a tiny model of grey images that is trained here. */

const folder = mkdtempSync(join(tmpdir(), "vaekit-library-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [large, small] = [join(folder, "large.idx"), join(folder, "small.idx")];
const run = join(folder, "run");
const [side, size] = [6, 36];

/** Grey images of soft stripes, each with its own slope and shade. */
function writeImages(file: string, count: number): void {
  const header = new DataView(new ArrayBuffer(16));
  for (const [i, value] of [0x00000803, count, side, side].entries()) header.setUint32(4 * i, value);
  const pixels = Uint8Array.from({ length: count * size }, (_, at) => {
    const [image, x, y] = [Math.floor(at / size), at % side, Math.floor((at % size) / side)];
    return Math.round(255 * (0.5 + 0.45 * Math.sin(image + (image % 7) * x + (image % 3) * y)));
  });
  writeFileSync(file, Buffer.concat([new Uint8Array(header.buffer), pixels]));
}

const config = {
  data: { validation: 100, test: 50 },
  model: { latent: 4, encoder: { hidden: [20] } },
  train: { batchSize: 50, epochs: 12 },
};

beforeAll(async () => {
  writeImages(large, 400);
  writeImages(small, 30);
  await train({ data: large, out: run, config, threads: 1 });
});

const onnxOf = (name: string) => InferenceSession.create(join(folder, "onnx", `${name}.onnx`));

test("the exported files compute what the model does, at any batch size", async () => {
  const { files, maxDifference } = await exportOnnx({ run, out: join(folder, "onnx") });
  expect(files).toEqual(["encoder", "decoder"].map((name) => join(folder, "onnx", `${name}.onnx`)));
  expect(maxDifference).toBeLessThanOrEqual(1e-5);
  const [encoder, decoder] = [await onnxOf("encoder"), await onnxOf("decoder")];
  const model = await openRun(run);
  const close = (actual: unknown, expected: Float32Array) => {
    const values = (actual as Tensor).data as Float32Array;
    expect(values).toHaveLength(expected.length);
    for (const [i, v] of expected.entries())
      expect(Math.abs(values[i]! - v)).toBeLessThanOrEqual(1e-5 * (1 + Math.abs(v)));
  };
  for (const rows of [1, 5]) {
    const x = Float32Array.from({ length: rows * size }, (_, i) => (i % 11) / 10);
    const { mean, logvar } = await model.encode(x, rows);
    const encoded = await encoder.run({ x: new Tensor("float32", x, [rows, side, side]) });
    close(encoded.mean, mean);
    close(encoded.logvar, logvar);
    const decoded = await decoder.run({ z: new Tensor("float32", mean, [rows, 4]) });
    expect(decoded.mean!.dims).toEqual([rows, side, side]);
    close(decoded.mean, await model.decode(mean, rows));
  }
  await model.close();
});

test("an exported file takes the place of an earlier one whole; what cannot be written is named", async () => {
  const out = join(folder, "again");
  mkdirSync(out);
  writeFileSync(join(out, "encoder.onnx"), "earlier");
  linkSync(join(out, "encoder.onnx"), join(out, "kept")); // the earlier file, under another name
  writeFileSync(join(out, "prior.onnx"), "of a model exported before"); // this one has a standard normal prior
  await exportOnnx({ run, out });
  expect(readFileSync(join(out, "kept"), "utf8")).toBe("earlier");
  expect(readdirSync(out).sort()).toEqual(["decoder.onnx", "encoder.onnx", "kept"]);
  await expect(exportOnnx({ run, out: join(out, "kept") })).rejects.toThrow(RunError);
  await expect(exportOnnx({ run, out: join(out, "kept") })).rejects.toThrow(join("kept", "encoder.onnx"));
});

test("evaluation refuses numbers that are no positive integers, by the option's name", async () => {
  for (const wrong of [0, 2.5, -1])
    for (const option of ["samples", "examples"]) {
      const refused = evaluateRun({ run, [option]: wrong });
      await expect(refused).rejects.toThrow(UsageError);
      await expect(refused).rejects.toThrow(`${option}: expected a positive integer, got ${wrong}`);
    }
});

test("other data are split by the usual rules, and can be evaluated whole; the run's own are split as it says", async () => {
  const examples = async (options: Omit<Parameters<typeof evaluateRun>[0], "run">) =>
    (await evaluateRun({ run, ...options })).negElboNats.examples;
  expect(await examples({ data: small })).toBe(3);
  expect(await examples({ data: small, split: "train" })).toBe(24);
  expect(await examples({ data: small, split: "all" })).toBe(30);
  for (const data of [undefined, large]) {
    expect(await examples({ data })).toBe(50);
    expect(await examples({ data, split: "validation" })).toBe(100);
    expect(await examples({ data, split: "all" })).toBe(400);
  }
  expect(await encodeRun({ run, data: small, out: join(folder, "z.npy") })).toMatchObject({ count: 30 });
});

test("the mean over all examples is that of the splits", async () => {
  const rate = async (split: "train" | "validation" | "test" | "all") => {
    const { rateNats } = await evaluateRun({ run, split });
    return rateNats.mean * rateNats.examples;
  };
  const parts = (await rate("train")) + (await rate("validation")) + (await rate("test"));
  // Each split is binarized by draws of its own, so the two agree but for those.
  expect(Math.abs((await rate("all")) / parts - 1)).toBeLessThan(0.1);
});

test("traversals are ordered by the rates of evaluate, in the command and in the report alike", async () => {
  const { rateByLatentNats } = await evaluateRun({ run, split: "validation" });
  const order = rateByLatentNats!
    .map((klNats, dimension) => ({ dimension, klNats }))
    .sort((a, b) => b.klNats - a.klNats);
  const out = join(folder, "traversals.png");
  const { dimensions } = await traverseRun({ run, out, steps: 3, split: "validation" });
  expect(dimensions).toEqual(order);
  const html = readFileSync(await writeReport(run), "utf8");
  const rows = [...html.matchAll(/<b>z<sub>(\d+)<\/sub><\/b><small>([\d.]+) nats/g)].map(([, j, nats]) => [j, nats]);
  const shown = order.filter(({ klNats }, i) => i === 0 || klNats > 0.01);
  expect(rows).toEqual(shown.map(({ dimension, klNats }) => [String(dimension), klNats.toFixed(2)]));
});

test("the report of a model of grey levels that are not binarized estimates no −log p(x)", async () => {
  expect(readFileSync(await writeReport(run), "utf8")).toContain("<dt>−log p(x)</dt>");
  const grey = join(folder, "grey");
  await train({ data: large, out: grey, config: { ...config, data: { binarization: "none" } }, epochs: 1, threads: 1 });
  const html = readFileSync(await writeReport(grey), "utf8");
  expect(html).not.toContain("<dt>−log p(x)</dt>");
  expect(html).toContain("a cross-entropy, no likelihood");
});
