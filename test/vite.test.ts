import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, createServer, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findChromium, launchChromium, noChromium } from "./chromium.ts";

/* docs/browser.md, followed to the letter: its program and its settings of Vite, in a project of their own. */

const top = fileURLToPath(new URL("..", import.meta.url));
const chromium = findChromium();

describe.skipIf(!chromium)(chromium ? "a project with the settings of docs/browser.md" : noChromium, () => {
  let root: string;
  const server = { host: "127.0.0.1", port: 0 };

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "vaekit-vite-"));
    const text = await readFile(join(top, "docs", "browser.md"), "utf8");
    const [, program = ""] = /^```ts\n([\s\S]*?)^```$/m.exec(text) ?? [];
    const [, settings = ""] = /^## With Vite$[\s\S]*?^```text\n([\s\S]*?)^```$/m.exec(text) ?? [];
    // What takes a moment is enough.
    const small = program.replace("examples: 2000", "examples: 200").replace("epochs: 5", "epochs: 2");
    expect(small).not.toBe(program);
    expect(settings).toContain('"../vaekit"');
    await writeFile(join(root, "package.json"), '{ "type": "module" }');
    await writeFile(join(root, "index.html"), html);
    await writeFile(join(root, "page.ts"), small);
    await writeFile(join(root, "vite.config.js"), settings.replace('"../vaekit"', JSON.stringify(top)));
    await mkdir(join(root, "node_modules"));
    await symlink(top, join(root, "node_modules", "vaekit")); // as `npm install ../vaekit` does
  });
  afterAll(() => rm(root, { recursive: true }));

  test("vite build makes a page that trains and draws a picture", async () => {
    await build({ root, logLevel: "error" });
    const served = await preview({ root, logLevel: "error", preview: server });
    await seePicture(served.resolvedUrls!.local[0]!).finally(() => served.close());
  }, 120_000);

  test("vite's development server serves such a page too", async () => {
    const served = await createServer({ root, logLevel: "error", server });
    await served.listen();
    await seePicture(served.resolvedUrls!.local[0]!).finally(() => served.close());
  }, 120_000);
});

/** Its icon is empty, so that the browser asks for none. */
const html =
  '<!doctype html><meta charset="utf-8"><title>vaekit</title><link rel="icon" href="data:,">' +
  '<script type="module" src="/page.ts"></script>';

async function seePicture(url: string): Promise<void> {
  const browser = await launchChromium(chromium!);
  try {
    const page = await browser.newPage();
    const broken = new Promise<never>((_, reject) => page.on("pageerror", reject));
    broken.catch(() => {}); // it may break before it is waited for
    await page.goto(url);
    await Promise.race([page.waitForSelector("canvas", { state: "attached", timeout: 60_000 }), broken]);
    const { isolated, ...drawn } = await page.evaluate(() => {
      const canvas = document.querySelector("canvas")!;
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      return {
        isolated: crossOriginIsolated,
        size: [canvas.width, canvas.height],
        levels: new Set(data).size,
      };
    });
    expect(isolated, "and so with several threads, which load ONNX Runtime's script once more").toBe(true);
    expect(drawn.size).toEqual([64, 64]);
    expect(drawn.levels).toBeGreaterThan(10);
  } finally {
    await browser.close();
  }
}
