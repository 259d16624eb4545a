import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { findChromium, launchChromium, noChromium } from "./chromium.ts";

/** What a page is made of. Paths are of this machine, or relative to the top of the repository. */
export interface BrowserPageOptions {
  /** A TypeScript file, which the page loads as the module /entry.js. */
  readonly entry: string;
  /** More of them by name: each is served as the module /NAME.js, for `new Worker("/NAME.js", { type: "module" })`. */
  readonly workers?: Readonly<Record<string, string>>;
  /** Whether the page is cross-origin isolated, without which there is no SharedArrayBuffer and so no threads. */
  readonly isolated: boolean;
  /** Folders by the prefix of the URLs under which they are served: `{ "/ort/": "node_modules/onnxruntime-web/dist" }`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Whether ONNX Runtime becomes a part of the scripts, or is left for them to load. Default: "apart". */
  readonly runtime?: "bundled" | "apart";
  /** Added to the command line of Chromium. */
  readonly flags?: readonly string[];
}

export interface BrowserPage {
  /** Reaches what the entry exports by `page.evaluate('import("/entry.js").then((entry) => entry.run())')`. */
  readonly page: Page;
  /** Ends the browser and the server. Throws when something went wrong that no one caught. */
  close(): Promise<void>;
}

/**
 * Opens a page of this machine in a Chromium of its own. Where the page, a worker or another page of `page.context()`
 * throws what nobody catches, or asks for a file that is not there, the browser ends, so that nothing waits for it, and
 * `close` throws that: call it in `finally` or `afterEach`.
 */
export async function openBrowserPage(options: BrowserPageOptions): Promise<BrowserPage> {
  const executable = findChromium();
  if (!executable) throw new Error(noChromium);
  const problems: Error[] = [];
  let browser: Browser | undefined;
  const fail = (problem: Error): void => {
    problems.push(problem);
    void browser?.close();
  };

  const scripts = await bundle({ ...options.workers, entry: options.entry }, options.runtime === "bundled");
  const server = await serve(scripts, options, fail);
  const close = async (): Promise<void> => {
    await browser?.close();
    await new Promise((resolved) => {
      server.close(resolved);
      server.closeAllConnections();
    });
    if (problems.length === 1) throw problems[0];
    if (problems.length > 1) throw new AggregateError(problems, problems.map((problem) => problem.message).join("\n"));
  };

  try {
    browser = await launchChromium(executable, options.flags);
    const context = await browser.newContext();
    context.on("weberror", (thrown) => fail(new Error(`in the page: ${describe(thrown.error())}`)));
    const page = await context.newPage();
    page.on("crash", () => fail(new Error("the page crashed")));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return { page, close };
  } catch (error) {
    await close(); // throws what went wrong in the page, which is the cause if there is one
    throw error;
  }
}

/**
 * The URL of each script, and its text. What is for Node alone is left out. Code that is imported when it is needed has
 * scripts of its own: ONNX Runtime starts its threads with the script that it lies in.
 */
async function bundle(
  entries: Readonly<Record<string, string>>,
  withRuntime: boolean,
): Promise<ReadonlyMap<string, string>> {
  const { outputFiles } = await build({
    entryPoints: Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, resolve(top, entry)])),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["*.node.ts", ...(withRuntime ? [] : ["onnxruntime-web", "onnxruntime-web/*"])],
    outdir: top,
    write: false,
  });
  return new Map(outputFiles.map(({ path, text }) => [`/${relative(top, path)}`, text]));
}

/** Serves the page, the scripts and the folders, on this machine only. */
async function serve(
  scripts: ReadonlyMap<string, string>,
  { isolated, files = {} }: BrowserPageOptions,
  fail: (problem: Error) => void,
): Promise<Server> {
  const contentOf = async (url: string): Promise<string | Uint8Array | undefined> => {
    if (url === "/") return html;
    const script = scripts.get(url);
    if (script !== undefined) return script;
    for (const [prefix, folder] of Object.entries(files)) {
      if (!url.startsWith(prefix)) continue;
      const root = resolve(top, folder);
      const file = resolve(root, `.${sep}${url.slice(prefix.length)}`);
      if (file.startsWith(root + sep)) return readFile(file).catch(() => undefined);
    }
    return undefined;
  };
  const server = createServer(async ({ url }, response) => {
    const { pathname } = new URL(url ?? "/", "http://127.0.0.1");
    const content = await contentOf(decodeURIComponent(pathname));
    if (content === undefined) fail(new Error(`the page asks for ${pathname}, which is not there`));
    response.statusCode = content === undefined ? 404 : 200;
    response.setHeader("content-type", TYPES[extname(pathname)] ?? (pathname === "/" ? "text/html" : "text/plain"));
    if (isolated) {
      response.setHeader("cross-origin-opener-policy", "same-origin");
      response.setHeader("cross-origin-embedder-policy", "require-corp");
    }
    response.end(content);
  });
  await new Promise<void>((resolved) => server.listen(0, "127.0.0.1", resolved));
  return server;
}

const top = fileURLToPath(new URL("..", import.meta.url));

/** Its icon is empty, so that the browser asks for none. */
const html =
  '<!doctype html><meta charset="utf-8"><title>vaekit</title><link rel="icon" href="data:,">' +
  '<script type="module" src="/entry.js"></script>';

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
};

function describe(error: Error): string {
  return error.stack || error.message || String(error);
}
