import type { PeerModel } from "../models.ts";
import { answers } from "../peers/js/answers.mjs";
import { answering, bytesAt, floatsAt } from "./answering.ts";

/* The VAE in jax-js on its WebAssembly backend, in a worker of a page. */

export interface JaxTask {
  readonly version: string;
  /** With 1 its kernels run where they are called. */
  readonly threads: number;
  /** Address of the grey levels. */
  readonly pixels: string;
  readonly model: PeerModel;
}

answering<JaxTask>(async ({ version, threads, pixels, model }) => {
  // It looks for workers, and for how many to start, as it loads.
  if (threads === 1) Object.assign(globalThis, { Worker: undefined });
  else Object.defineProperty(navigator, "hardwareConcurrency", { value: threads });
  const { jaxTraining } = await import("../peers/js/jax-step.mjs");
  const choices = [{ outputsFirst: false }, { outputsFirst: true }];
  const values = new Uint8Array(await bytesAt(pixels));
  return { version, answer: answers({ choices, training: jaxTraining }, values, model, floatsAt) };
});
