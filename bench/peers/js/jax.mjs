// The VAE in jax-js on its WebAssembly backend, as a peer of `npm run bench -- dense`: see answers.mjs.
// usage: node jax.mjs THREADS PIXELS MODEL; with 1 thread its kernels run where they are called
import { readFileSync } from "node:fs";
import { serve } from "./serve.mjs";
import { installWorkers } from "./web-worker.mjs";

const [threads, ...rest] = process.argv.slice(2);
if (Number(threads) > 1) installWorkers(Number(threads));
const { jaxTraining } = await import("./jax-step.mjs"); // which looks for workers as it loads
const { version } = JSON.parse(readFileSync(new URL("node_modules/@jax-js/jax/package.json", import.meta.url), "utf8"));
await serve({ version, choices: [{ outputsFirst: false }, { outputsFirst: true }], training: jaxTraining }, rest);
