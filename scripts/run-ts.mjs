// @ts-check
// `node scripts/run-ts.mjs FILE.ts [ARGUMENTS]`: does the set-up, bundles a TypeScript program with what it imports from
// src/, and runs it. The program is whole before it starts: a build, or an edit, meanwhile does not reach a long run.
// What the set-up prints goes to standard error, so that standard output is the program's alone.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./steps.mjs";

const [program, ...rest] = process.argv.slice(2);
if (!program) throw new Error("usage: node scripts/run-ts.mjs FILE.ts [ARGUMENTS]");

const setUp = spawnSync(process.execPath, ["scripts/set-up.mjs"], { cwd: root, stdio: ["ignore", 2, 2] });
if (setUp.status !== 0) process.exit(setUp.status ?? 1);

const { build } = await import("esbuild");
const name = program.replace(/\.ts$/, "").replaceAll(/[^\w-]+/g, "-");
const bundle = resolve(root, "node_modules", ".cache", "vaekit", `${name}-${process.pid}.mjs`);
await build({
  absWorkingDir: root,
  entryPoints: [program],
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
  plugins: [{ name: "own-address", setup: keepAddresses }],
}).catch(() => process.exit(1)); // esbuild has said why
process.chdir(root);
process.argv.splice(1, 2 + rest.length, resolve(root, program), ...rest);
process.setSourceMapsEnabled(true);
try {
  await import(pathToFileURL(bundle).href);
} finally {
  await rm(bundle, { force: true });
}

/**
 * A module that asks where it is hears where its source is, not where the bundle is.
 * @param {import("esbuild").PluginBuild} build
 */
function keepAddresses(build) {
  build.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
    contents: readFileSync(path, "utf8").replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
    loader: "ts",
  }));
}
