import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { expect, test } from "vitest";

/** Of docs/browser.md: all that a page and its worker load, but for ONNX Runtime. */
const mostBytes = 80_000;

/** The page's part, the worker's, and what both import, as a bundler makes them of vaekit. */
async function bundled(): Promise<{ readonly files: readonly Uint8Array[]; readonly metafile: Metafile }> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
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
  return { files: outputFiles.map(({ contents }) => contents), metafile };
}

test("in a browser vaekit is at most 80 kB gzipped, and imports nothing but ONNX Runtime", async () => {
  const { files, metafile } = await bundled();
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  const foreign = new Set(imports.filter(({ external }) => external).map(({ path }) => path));
  expect([...foreign].filter((path) => !path.startsWith("onnxruntime-web"))).toEqual([]);
  const bytes = files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0);
  expect(bytes).toBeLessThanOrEqual(mostBytes);
});
