import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative as relativePath } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encode } from "../src/apps/encode.ts";
import type { PartialConfig } from "../src/config.ts";
import { openRun as load } from "../src/models/open.node.ts";
import { train } from "../src/train/train.node.ts";
import { tabData } from "./browser/tab-data.ts";
import type { Asked, Trained } from "./browser/train-page.ts";
import { type BrowserPage, openBrowserPage } from "./browser-page.ts";
import { findChromium, noChromium } from "./chromium.ts";

/* Training in a tab: the same losses as in Node, and runs that either goes on with. */

const common = {
  optimizer: { learningRate: 0.002 },
  train: { batchSize: 32, steps: 100, epochs: null, validateEvery: 50, seed: 5 }, // a step is an epoch, and each has its row
} as const satisfies PartialConfig;
const models = {
  dense: { ...common, model: { latent: 4, encoder: { hidden: [64] } } },
  convolutional: {
    ...common,
    model: {
      latent: 4,
      encoder: {
        kind: "conv",
        layers: [8, 16].map((channels) => ({ channels, kernel: 4, stride: 2, padding: 1 })),
        hidden: [32],
      },
    },
  },
} as const satisfies Record<string, PartialConfig>;

const chromium = findChromium();
// A graphics card in software is slow.
const options = { timeout: 240_000 };

describe.skipIf(!chromium)(chromium ? "in headless Chromium" : noChromium, options, () => {
  let browser: BrowserPage;
  let folder: string;
  const expected = new Map<string, number[]>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vaekit-tab-"));
    browser = await open(true);
    const data = await tabData();
    for (const [name, config] of Object.entries(models)) {
      const losses: number[] = [];
      await train({
        data,
        out: join(folder, name),
        config,
        onProgress: (event) => {
          if (event.kind === "epoch") losses.push(event.row.train.negElboNats);
        },
      });
      expected.set(name, losses);
    }
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  for (const name of Object.keys(models) as (keyof typeof models)[])
    for (const device of ["wasm", "webgpu"] as const)
      test(`a ${name} VAE trains on ${device} with the losses of Node`, async () => {
        const trained = await ask<Trained>(
          browser,
          "trainRun",
          asked({ run: `${name}-${device}`, config: models[name], device }),
        );
        const wanted = expected.get(name)!;
        expect(trained.losses.length).toBe(100);
        for (const [i, loss] of trained.losses.entries()) {
          if (i < 20) expect(relative(loss, wanted[i]!), `step ${i + 1}`).toBeLessThan(1e-4);
        }
        expect(relative(trained.losses[99]!, wanted[99]!)).toBeLessThan(1e-3);
        expect(wanted[99]!).toBeLessThan(0.9 * wanted[0]!); // it did learn something
      });

  /** Losses of steps 51 to 100 are Node's, though one half was trained elsewhere. */
  const expectSecondHalf = (losses: readonly number[]) => {
    expect(losses.length).toBe(50);
    for (const [i, loss] of losses.entries())
      expect(relative(loss, expected.get("dense")![50 + i]!), `step ${51 + i}`).toBeLessThan(1e-3);
  };
  const half = { ...models.dense, train: { ...models.dense.train, steps: 50 } };

  test("Node goes on with a run that a tab began, and its model is the tab's", async () => {
    await ask<Trained>(browser, "trainRun", asked({ run: "begun/here", config: half }));
    const out = join(folder, "from-tab");
    await putFiles(out, await ask(browser, "take", "begun/here"));
    const losses: number[] = [];
    const { step } = await train({
      data: await tabData(),
      out,
      resume: true,
      steps: 100,
      onProgress: (event) => {
        if (event.kind === "epoch") losses.push(event.row.train.negElboNats);
      },
    });
    expect(step).toBe(100);
    expectSecondHalf(losses);
  });

  test("a tab goes on with a run that Node began, and both models encode alike", async () => {
    const out = join(folder, "from-node");
    await train({ data: await tabData(), out, config: half });
    await ask(browser, "put", "begun-there", await filesIn(out));
    const config = { train: { steps: 100, epochs: null } };
    const trained = await ask<Trained>(browser, "trainRun", {
      ...asked({ run: "begun-there", config: { ...models.dense, train: { ...models.dense.train, ...config.train } } }),
      resume: true,
    });
    expectSecondHalf(trained.losses);
    expect(trained.notes.join()).toContain("engine onnxruntime-node");

    const back = join(folder, "and-back");
    await putFiles(back, await ask(browser, "take", "begun-there"));
    const here = await load(back);
    const { mean } = await encode(here, (await tabData()).test);
    await here.close();
    const there = await ask<number[]>(browser, "means", "begun-there", { runtime: runtimes.wasm });
    expect(there.length).toBe(mean.length);
    for (const [i, value] of there.entries()) expect(Math.abs(value - mean[i]!)).toBeLessThan(1e-4);
  });

  test("a training is stopped from the page, and resumed", async () => {
    const run = asked({ run: "stopped", config: models.dense });
    const first = await ask<Trained>(browser, "trainRun", { ...run, abortAfter: 5 });
    expect(first.stopped).toBe("signal");
    expect(first.step).toBeLessThan(100);
    const rest = await ask<Trained>(browser, "trainRun", { ...run, resume: true });
    expect([rest.step, rest.stopped]).toEqual([100, "finished"]);
    expect(relative(rest.losses.at(-1)!, expected.get("dense")![99]!)).toBeLessThan(1e-3);
  });

  test("a lost graphics device ends the run at its last checkpoint, or it goes on on the processor, as asked", async () => {
    const config = { ...models.dense, train: { ...models.dense.train, steps: 40, checkpointSeconds: 0.001 } };
    const given = { ...asked({ run: "lost", config, device: "webgpu" }), script: "/losing.js" };
    expect(await ask(browser, "refused", given)).toMatch(/^RunError: the graphics device was lost: /);
    const rest = await ask<Trained>(browser, "trainRun", {
      ...asked({ run: "lost", config, device: "wasm" }),
      resume: true,
    });
    expect(rest.step).toBe(40);
    expect(rest.losses.length).toBeLessThan(40); // it went on, and did not begin anew

    const trained = await ask<Trained>(browser, "trainRun", { ...given, run: "carried-on", whenLost: "wasm" });
    expect(trained.step).toBe(40);
    expect(trained.notes.join()).toContain("Training goes on on the processor, from the last checkpoint");
    expect(relative(trained.losses.at(-1)!, expected.get("dense")![39]!)).toBeLessThan(1e-3);
  });

  test("what cannot be trained is refused with its reason", async () => {
    const refused = (given: Partial<Asked>) =>
      ask<string>(browser, "refused", { ...asked({ run: "refused", config: models.dense }), ...given });
    expect(await refused({ device: "gpu" as never })).toBe(
      'UsageError: train: device: expected "wasm", "webgpu", got "gpu"',
    );
    expect(await refused({ threads: 0 })).toBe("UsageError: train: threads: expected an integer from 1 to 1024, got 0");
    expect(await refused({ config: { model: { latnet: 2 } as never } })).toContain('did you mean "latent"?');
    expect(await refused({ runtime: "http://127.0.0.1:9/none.mjs" })).toContain(
      "ONNX Runtime could not be loaded from http://127.0.0.1:9/none.mjs",
    );
    expect(await refused({ script: "data:text/javascript,throw Error('no engine')" })).toContain(
      "RunError: the worker that trains ended: Uncaught Error: no engine",
    );
    expect(await refused({ run: "dense-wasm" })).toContain("exists and is not empty");
    expect(await refused({ epoch: 5 } as never)).toContain("train: epoch: unknown key");
    expect(await refused({ whenLost: "cpu" as never })).toContain('train: whenLost: expected "stop", "wasm"');
    expect(await refused({ config: { data: { examples: 5 } } })).toContain(
      "config: data.examples: says how a file is split",
    );
    expect(await refused({ config: { ...models.dense, train: { batchSize: 2 ** 30 } } })).toContain(
      "train.batchSize = 1073741824",
    );
  });

  test("runs are listed and removed, and a run that does not fit leaves nothing behind", async () => {
    const files = await filesIn(join(folder, "dense"));
    await ask(browser, "put", "kept/a", files);
    expect(await ask<string[]>(browser, "runs", "kept")).toEqual(["kept/a"]);
    expect(await ask<string[]>(browser, "runs")).toContain("kept/a");
    expect(await ask(browser, "failure", "put", "kept/a", files)).toContain("is in this browser's storage already");
    // A name that is no file's: what was written before it is taken back.
    expect(await ask(browser, "failure", "put", "kept/b", { ...files, "../x": "" })).toContain("RunError");
    expect(await ask<string[]>(browser, "runs", "kept")).toEqual(["kept/a"]);
    await ask(browser, "put", "kept/b", files);
    await ask(browser, "remove", "kept/a");
    expect(await ask<string[]>(browser, "runs", "kept")).toEqual(["kept/b"]);
    expect(await ask(browser, "failure", "remove", "kept/a")).toContain("there is no such run");
    expect(await ask(browser, "failure", "take", "kept/a")).toContain("there is no such run");
  });

  test("a run that is being trained is neither read nor removed, and then is", async () => {
    const config = { ...models.dense, train: { ...models.dense.train, steps: 1_000_000 } }; // it is stopped before
    const refused = "RunError: opfs:/busy is being written by this tab or another one; wait for it or stop it";
    expect(await ask(browser, "failuresWhileTraining", asked({ run: "busy", config }))).toEqual([refused, refused]);
    const files = await ask<Record<string, string>>(browser, "take", "busy");
    expect(Object.keys(files)).toEqual(
      expect.arrayContaining([
        "config.json",
        "environment.json",
        "metrics.jsonl",
        expect.stringMatching(/^checkpoints/),
      ]),
    );
    await ask(browser, "remove", "busy");
    expect(await ask<string[]>(browser, "runs", "busy")).toEqual([]);
  });

  test("a page that is not isolated trains on one thread, without WebGPU where there is none, and says so", async () => {
    const plain = await open(false, ["--disable-gpu"]);
    try {
      const config = { ...models.dense, train: { ...models.dense.train, steps: 20 } };
      const trained = await ask<Trained>(plain, "trainRun", asked({ run: "plain", config }));
      for (const [i, loss] of trained.losses.entries())
        expect(relative(loss, expected.get("dense")![i]!)).toBeLessThan(1e-4);
      const record = JSON.parse(atob((await ask<Record<string, string>>(plain, "take", "plain"))["environment.json"]!));
      expect(record).toMatchObject({ device: "wasm", threads: 1, engine: expect.stringContaining("onnxruntime-web") });
      // A run that several threads began goes on with the one that there is.
      const files = await filesIn(join(folder, "dense"));
      expect(JSON.parse(atob(files["environment.json"]!)).threads).toBeGreaterThan(1);
      await ask(plain, "put", "from-many", files);
      const longer = { ...models.dense, train: { ...models.dense.train, steps: 110 } };
      const rest = await ask<Trained>(plain, "trainRun", {
        ...asked({ run: "from-many", config: longer }),
        resume: true,
      });
      expect([rest.step, rest.notes.join()]).toEqual([110, expect.stringMatching(/threads \d+ before, 1 now/)]);

      expect(await ask(plain, "refused", asked({ run: "more", config, threads: 2 }))).toContain(
        "it is not cross-origin isolated",
      );
      expect(await ask(plain, "refused", asked({ run: "gpu", config, device: "webgpu" }))).toMatch(
        /^UsageError: device: .*take device "wasm"/,
      );
    } finally {
      await plain.close();
    }
  });
});

const relative = (value: number, wanted: number): number => Math.abs(value - wanted) / Math.abs(wanted);

const webgpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];

const open = (isolated: boolean, flags: readonly string[] = webgpu): Promise<BrowserPage> =>
  openBrowserPage({
    entry: "test/browser/train-page.ts",
    workers: { worker: "src/train/worker.web.ts", losing: "test/browser/losing-worker.ts" },
    isolated,
    files: { "/ort/": "node_modules/onnxruntime-web/dist" },
    flags,
  });

async function putFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), Buffer.from(text, "base64"));
  }
}

async function filesIn(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const texts = files.map(async (file) => [relativePath(folder, file), (await readFile(file)).toString("base64")]);
  return Object.fromEntries(await Promise.all(texts));
}

const runtimes = { wasm: "/ort/ort.wasm.bundle.min.mjs", webgpu: "/ort/ort.webgpu.bundle.min.mjs" } as const;

const asked = (given: Asked): Asked => ({
  runtime: runtimes[given.device ?? "wasm"],
  ...given,
});

/** What the page's entry answers. As text: the test's own import is not the page's. */
function ask<Answer>({ page }: BrowserPage, name: string, ...given: readonly unknown[]): Promise<Answer> {
  return page.evaluate(`import("/entry.js").then((entry) => entry.${name}(...${JSON.stringify(given)}))`);
}
