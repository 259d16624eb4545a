import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openBrowserPage } from "./browser-page.ts";
import { findChromium, noChromium } from "./chromium.ts";

/* The program of docs/browser.md, in a page made by a bundler, with nothing named but what it names itself. */

const top = fileURLToPath(new URL("..", import.meta.url));
const chromium = findChromium();

test.skipIf(!chromium)(
  chromium ? "the program of docs/browser.md trains in a page and draws a picture" : noChromium,
  async () => {
    const text = await readFile(join(top, "docs", "browser.md"), "utf8");
    const [, program = ""] = /^```ts\n([\s\S]*?)^```$/m.exec(text) ?? [];
    const folder = await mkdtemp(join(tmpdir(), "vaekit-page-"));
    const entry = join(folder, "page.ts");
    // What takes a moment is enough.
    const small = program.replace("examples: 2000", "examples: 200").replace("epochs: 5", "epochs: 2");
    expect(small).not.toBe(program);
    await writeFile(entry, small.replace('"vaekit/browser"', JSON.stringify(join(top, "src", "browser.ts"))));
    const { page, close } = await openBrowserPage({
      entry,
      workers: { "worker.web": "src/train/worker.web.ts" },
      isolated: true,
      runtime: "bundled",
      files: { "/": "node_modules/onnxruntime-web/dist" },
    });
    try {
      await page.waitForSelector("canvas", { state: "attached", timeout: 60_000 });
      const drawn = await page.evaluate(() => {
        const canvas = document.querySelector("canvas")!;
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        return { size: [canvas.width, canvas.height], levels: new Set(data).size };
      });
      expect(drawn.size).toEqual([64, 64]);
      expect(drawn.levels).toBeGreaterThan(10);
    } finally {
      await close();
      await rm(folder, { recursive: true });
    }
  },
  120_000,
);
