import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BrowserPageOptions, openBrowserPage } from "./browser-page.ts";
import { findChromium, noChromium } from "./chromium.ts";

const executable = findChromium();
if (!executable) console.warn(`skipped: pages in a browser; ${noChromium}`);
const inBrowser = test.skipIf(!executable);

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vaekit-page-"));
  const sources = {
    "entry.ts":
      "export const answer = (): Promise<unknown> => new Promise((resolve) => {\n" +
      '  const worker = new Worker("/other.js", { type: "module" });\n' +
      "  worker.onmessage = ({ data }: MessageEvent) => resolve([crossOriginIsolated, data]);\n});\n",
    "worker.ts": "const isolated: boolean = crossOriginIsolated;\npostMessage(isolated);\n",
    "throwing.ts": 'setTimeout(() => { throw new Error("made up"); });\n',
    "data.json": '{"a":1}',
  };
  for (const [name, text] of Object.entries(sources)) await writeFile(join(folder, name), text);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const answered = 'import("/entry.js").then((entry) => entry.answer())';
const never = "new Promise(() => undefined)";

async function evaluate(options: Partial<BrowserPageOptions>, code: string): Promise<unknown> {
  const files = { "/data/": folder };
  const { page, close } = await openBrowserPage({
    entry: join(folder, "entry.ts"),
    isolated: false,
    files,
    ...options,
  });
  try {
    return await page.evaluate(code);
  } finally {
    await close();
  }
}

inBrowser("a page and its worker are isolated when asked, and else not", async () => {
  for (const isolated of [true, false]) {
    const workers = { other: join(folder, "worker.ts") };
    expect(await evaluate({ isolated, workers }, answered)).toEqual([isolated, isolated]);
  }
});

inBrowser("folders and flags are taken", async () => {
  const fetched = 'fetch("/data/data.json").then((response) => response.json())';
  expect(await evaluate({}, fetched)).toEqual({ a: 1 });
  expect(await evaluate({ flags: ["--user-agent=made up"] }, "navigator.userAgent")).toBe("made up");
});

inBrowser("what nobody catches ends the page, in workers too", async () => {
  const throwing = join(folder, "throwing.ts");
  await expect(evaluate({ entry: throwing }, never)).rejects.toThrow("made up");
  const started = `new Worker("/other.js", { type: "module" }), ${never}`;
  await expect(evaluate({ workers: { other: throwing } }, started)).rejects.toThrow("made up");
  const message = "the page asks for /data/none.json, which is not there";
  await expect(evaluate({}, `fetch("/data/none.json").then(() => ${never})`)).rejects.toThrow(message);
});
