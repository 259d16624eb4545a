// The Worker of browsers over Node's threads, as far as jax-js needs it: with it, its kernels run on several threads.
import { resolveObjectURL } from "node:buffer";
import { Worker } from "node:worker_threads";

const PRELUDE = `
  const { parentPort } = require("node:worker_threads");
  globalThis.self = globalThis;
  globalThis.postMessage = (message) => parentPort.postMessage(message);
  parentPort.on("message", (data) => self.onmessage({ data }));
`;

class WebWorker {
  onmessage;
  onerror;
  #started;
  #worker;

  /** @param url of a blob with the program */
  constructor(url) {
    this.#started = this.#start(url);
  }

  async #start(url) {
    const source = await resolveObjectURL(url)?.text();
    const worker = new Worker(`${PRELUDE}${source}`, { eval: true });
    worker.on("message", (data) => this.onmessage?.({ data }));
    worker.on("error", (error) => this.onerror?.(error));
    this.#worker = worker;
    return worker;
  }

  postMessage(message) {
    if (this.#worker) this.#worker.postMessage(message);
    else this.#started.then((worker) => worker.postMessage(message));
  }
}

/** Gives this process what a browser has, before a library looks for it. */
export function installWorkers(threads) {
  Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: threads }, configurable: true });
  Object.assign(globalThis, { Worker: WebWorker });
}
