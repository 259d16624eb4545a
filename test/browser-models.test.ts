import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WebDevice } from "../src/runtime/devices.ts";
import type { Answers, Asked } from "./browser/models-page.ts";
import { type BrowserPage, openBrowserPage } from "./browser-page.ts";
import { findChromium, noChromium } from "./chromium.ts";
import { learn } from "./models/learn.ts";
import { longer, type Row } from "./models/row.ts";
import { table } from "./models/table.ts";

/* Every model of the table in test/models trains in a tab with the numbers of Node. */

const executable = findChromium();
if (!executable) console.warn(`skipped: models in a browser; ${noChromium}`);

const models = table.filter(({ optionOnly }) => !optionOnly);

/** A graphics card in software is slow: of three parts one with operators that others have not, and fewer steps. */
const onCard = ["β-TCVAE", "VampPrior", "negative binomial"];

const runtimes: Readonly<Record<WebDevice, string>> = {
  wasm: "/ort/ort.wasm.bundle.min.mjs",
  webgpu: "/ort/ort.webgpu.bundle.min.mjs",
};

describe.skipIf(!executable)("in headless Chromium", { timeout: 480_000 }, () => {
  let browser: BrowserPage;

  beforeAll(async () => {
    browser = await openBrowserPage({
      entry: "test/browser/models-page.ts",
      workers: { worker: "src/train/worker.web.ts" },
      isolated: true,
      files: { "/ort/": "node_modules/onnxruntime-web/dist" },
      flags: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
    });
  });
  afterAll(async () => {
    await browser?.close();
  });

  const trainInTab = (rows: readonly Row[], device: WebDevice, steps: number): Promise<Answers> => {
    const asked: Asked = {
      rows: rows.map(({ name }) => name),
      ...{ steps, device, runtime: runtimes[device], threads: 1, atOnce: 2 },
    };
    return browser.page.evaluate(`import("/entry.js").then((entry) => entry.trainRows(${JSON.stringify(asked)}))`);
  };

  /** Trains rows in the tab and here. */
  async function expectNumbersOfNode(rows: readonly Row[], device: WebDevice, steps: number): Promise<void> {
    const answers = await trainInTab(rows, device, steps);
    for (const row of rows) {
      const answer = answers[row.name]!;
      if (typeof answer === "string") throw new Error(`${row.name}: ${answer}`);
      const wanted = (await learn(longer(row, steps))).steps;
      expect(answer.length, row.name).toBe(steps);
      for (const [i, { train }] of wanted.entries())
        for (const [term, nats] of Object.entries(train) as [keyof typeof train, number][]) {
          const there = answer[i]![term]!;
          // A term near 0 is compared with the bound: its own last digits are of larger numbers.
          const size = Math.max(Math.abs(nats), Math.abs(train.negElboNats));
          expect(Math.abs(there - nats) / size, `${row.name}: ${term} of step ${i + 1}`).toBeLessThan(1e-4);
        }
    }
  }

  test("every model has the numbers of Node on wasm", async () => {
    await expectNumbersOfNode(models, "wasm", 20);
  });

  test("models of three parts have the numbers of Node on webgpu", async () => {
    const rows = onCard.map((name) => models.find((row) => row.name === name)!);
    expect(rows).not.toContain(undefined);
    await expectNumbersOfNode(rows, "webgpu", 5);
  });
});
