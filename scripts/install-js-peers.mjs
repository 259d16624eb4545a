// @ts-check
// Installs the JavaScript libraries that `npm run bench` measures vaekit against, tfjs with its WebAssembly backend (in
// Node) and jax-js (in Node and in Chromium), into bench/peers/js/node_modules, which git ignores; in the versions that
// its lock file names.
// `node scripts/install-js-peers.mjs`
import { join } from "node:path";
import { root, run } from "./steps.mjs";

process.exitCode = await run("npm", ["ci", "--ignore-scripts", "--prefix", join(root, "bench", "peers", "js")]);
