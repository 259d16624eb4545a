import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { expect, test } from "vitest";

/** Of docs/browser.md: what a page and its worker load in any case, but for ONNX Runtime. */
const mostBytes = 80_000;
/** What they load when a config or a call asks for it, all together. */
const mostBytesLater = 53_000;

/** The page's part, the worker's, and what both import, as a bundler makes them of vaekit: file by path. */
async function bundled(): Promise<{ readonly files: ReadonlyMap<string, Uint8Array>; readonly metafile: Metafile }> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: { page: "src/browser.ts", worker: "src/train/worker.web.ts" },
    outdir: "bundle", // nothing is written
    write: false,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["onnxruntime-web", "onnxruntime-web/*", "node:*"],
    metafile: true,
    logLevel: "silent", // what is wrong is thrown
  });
  return { files: new Map(outputFiles.map(({ path, contents }) => [path.slice(root.length), contents])), metafile };
}

const root = fileURLToPath(new URL("..", import.meta.url));

/** The files that come with some others: those that they import, but not by `import()`. */
function loadedWith({ outputs }: Metafile, entries: readonly string[]): Set<string> {
  const found = new Set<string>();
  const visit = (file: string) => {
    if (found.has(file)) return;
    found.add(file);
    for (const { path, kind, external } of outputs[file]!.imports)
      if (kind === "import-statement" && !external) visit(path);
  };
  for (const entry of entries) visit(entry);
  return found;
}

test("in a browser vaekit is at most 80 kB gzipped, and imports nothing but ONNX Runtime", async () => {
  const { files, metafile } = await bundled();
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  const foreign = new Set(imports.filter(({ external }) => external).map(({ path }) => path));
  expect([...foreign].filter((path) => !path.startsWith("onnxruntime-web"))).toEqual([]);

  const atOnce = loadedWith(metafile, ["bundle/page.js", "bundle/worker.js"]);
  const sizes = [...files].map(([path, contents]) => ({ path, bytes: gzipSync(contents, { level: 9 }).length }));
  const sum = (parts: typeof sizes) => parts.reduce((total, { bytes }) => total + bytes, 0);
  const later = sizes.filter(({ path }) => !atOnce.has(path));
  const list = later.map(({ path, bytes }) => `${path.replace("bundle/", "")} ${bytes}`).join(", ");
  console.log(`the bundle: ${sum(sizes) - sum(later)} bytes gzipped; loaded when asked for: ${list}`);
  expect(sum(sizes) - sum(later)).toBeLessThanOrEqual(mostBytes);
  expect(later.some(({ path }) => path.startsWith("bundle/likelihoods-"))).toBe(true);
  expect(sum(later), list).toBeLessThanOrEqual(mostBytesLater);
});

test("a page has not to load what editors show of a config, nor convolutions for flows and mixtures", async () => {
  const { metafile } = await bundled();
  const forEditors = /\.descriptions\.ts$|config\.(describe|json-schema)\.ts$/;
  expect(Object.keys(metafile.inputs).filter((source) => forEditors.test(source))).toEqual([]);

  const latents = Object.keys(metafile.outputs).filter((file) => file.startsWith("bundle/loaded-latents-"));
  const sources = [...loadedWith(metafile, latents)].flatMap((file) => Object.keys(metafile.outputs[file]!.inputs));
  expect(sources).toContain("src/nn/flows.ts");
  expect(sources.filter((source) => source.includes("convolution"))).toEqual([]);
});

test("a page that trains anew has to load neither what uses a trained model nor what reads a run", async () => {
  const { metafile } = await bundled();
  const atOnce = loadedWith(metafile, ["bundle/page.js", "bundle/worker.js"]);
  const sources = [...atOnce].flatMap((file) => Object.keys(metafile.outputs[file]!.inputs));
  expect(sources).toEqual(expect.arrayContaining(["src/models/save-model.ts", "src/train/checkpoint.ts"]));
  const others =
    /models\/(inference|portable|read-record)\.|train\/(resumed|load-checkpoint)\.|storage\/(safetensors|transfer\.web)\.ts/;
  expect(sources.filter((source) => others.test(source))).toEqual([]);
});
