import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PartialConfig } from "../../src/config.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { findChromium, noChromium } from "../../test/chromium.ts";
import { openPage, runtimes } from "../browser.ts";
import { differenceOf, writeManifest } from "../check.ts";
import { ownTraining } from "../ours.ts";
import { firstLosses } from "../training.ts";
import type { Watched } from "./page.ts";

const chromium = findChromium();
if (!chromium) console.warn(`skipped: the page of the bench; ${noChromium}`);

const settings = {
  model: { latent: 2, encoder: { hidden: [8] } },
  train: { batchSize: 32 },
} as const satisfies PartialConfig;
const event = [4, 4];
const values = Uint8Array.from({ length: 100 * 16 }, (_, i) => (i * 37) % 256);
const index = Uint32Array.from({ length: 100 }, (_, i) => i);
const data: Dataset = { name: "few", split: "train", event, count: 100, values, index, fingerprint: "few" };
const common = { settings, pixels: "/data/pixels", event, threads: 2, runtime: runtimes.wasm };

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vaekit-bench-page-"));
  await writeFile(join(folder, "pixels"), values);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.skipIf(!chromium)("the page's worker computes the losses of Node, and takes steps", async () => {
  const here = await ownTraining(settings, data, 1);
  here.nextBatch();
  const { parameters, layout, inputs } = here.program;
  // Not what the worker has by itself, which draws the same.
  for (const array of [parameters, inputs.noise!]) for (const i of array.keys()) array[i]! *= -0.5;
  for (const i of inputs.x!.keys()) inputs.x![i] = 1 - inputs.x![i]!;
  const files = await writeManifest(folder, parameters, layout, { x: inputs.x!, noise: inputs.noise! });
  const losses = await firstLosses(here);
  await here.release();
  const page = await openPage(folder, false);
  try {
    const peer = await page.peer("vaekit", "/vaekit.js", { ...common, device: "wasm" });
    expect(peer.version).toMatch(/^onnxruntime-web \d/);
    const check = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, `/data/${basename(file)}`]));
    const { values: theirs } = (await peer.ask({ check })) as { readonly values: readonly number[] };
    expect(differenceOf(losses, theirs)).toBeLessThan(1e-4);
    expect(await peer.ask({ run: 5 })).toEqual({ seconds: expect.any(Number) });
    await peer.close();
    await expect(peer.ask({ run: 1 })).rejects.toThrow("there is no worker vaekit");
  } finally {
    await page.close();
  }
});

test.skipIf(!chromium)("long tasks of the page are told of, and a training is watched to its end", async () => {
  const page = await openPage(folder, false);
  try {
    const busy = await page.call<Watched>("watchBusy", 120);
    expect(busy.longestTask).toBeGreaterThanOrEqual(119); // whole milliseconds
    expect(busy.longestGap).toBeGreaterThanOrEqual(119);
    const watched = await page.call<Watched>("watchTraining", { ...common, steps: 4, script: "/library.js" });
    expect(watched).toEqual({ longestTask: expect.any(Number), longestGap: expect.any(Number) });
    expect(watched.longestGap).toBeGreaterThan(0);
  } finally {
    await page.close();
  }
});
