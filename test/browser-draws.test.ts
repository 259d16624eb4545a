import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, expect, test } from "vitest";
import { findChromium, launchChromium, noChromium } from "./chromium.ts";
import { drawAll } from "./draws.ts";

const executable = findChromium();
if (!executable) console.warn(`skipped: the browser's draws are not compared with Node's; ${noChromium}`);

let server: Server | undefined;
let browser: Browser | undefined;

afterAll(async () => {
  await browser?.close();
  server?.close();
});

test.skipIf(!executable)("a browser draws what Node draws, bit for bit", { timeout: 60_000 }, async () => {
  browser = await launchChromium(executable as string);
  const page = await browser.newPage();
  await page.goto(await serve(await bundle("draws.ts")));
  // As text: vitest rewrites import() in code.
  const drawn = await page.evaluate<ReturnType<typeof drawAll>>(
    'import("/bundle.js").then((draws) => draws.drawAll())',
  );
  const expected = drawAll();
  expect(Object.keys(drawn)).toEqual(["normals", "uniforms", "binarized"]);
  for (const [kind, bytes] of Object.entries(expected)) {
    expect(drawn[kind]?.length, kind).toBe(bytes.length);
    const different = bytes.filter((byte, i) => byte !== drawn[kind]?.[i]).length;
    expect(different, `${kind}: bytes that differ`).toBe(0);
  }
});

async function bundle(file: string): Promise<string> {
  const entry = fileURLToPath(new URL(file, import.meta.url));
  const result = await build({ entryPoints: [entry], bundle: true, format: "esm", platform: "browser", write: false });
  return result.outputFiles[0]?.text ?? "";
}

/** Serves an empty page and the script, on this machine only; returns the origin. */
async function serve(script: string): Promise<string> {
  const started = createServer((request, response) => {
    const isScript = request.url === "/bundle.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : "<!doctype html><title>draws</title>");
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}
