// The VAE in tfjs on its WebAssembly backend, as a peer of `npm run bench -- dense`: see answers.mjs. In Node the backend
// takes one thread only (tfjs issue 3830).
// usage: node tfjs.mjs PIXELS MODEL
import "@tensorflow/tfjs-backend-wasm";
import { ready, setBackend, version_core as version } from "@tensorflow/tfjs-core";
import { serve } from "./serve.mjs";
import { tfjsTraining } from "./tfjs-step.mjs";

if (!(await setBackend("wasm"))) throw new Error("tfjs has no WebAssembly backend here");
await ready();
await serve({ version, choices: [{ fused: true }, { fused: false }], training: tfjsTraining }, process.argv.slice(2));
