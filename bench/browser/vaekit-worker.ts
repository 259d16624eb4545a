import type { Dataset } from "../../src/data/dataset.ts";
import type { WebDevice } from "../../src/runtime/devices.ts";
import { webBackend } from "../../src/runtime/ort.web.ts";
import { viewOf } from "../../src/train/layout.ts";
import { firstLosses, type OwnTraining, openTraining, timeSteps } from "../training.ts";
import { answering, bytesAt, floatsAt } from "./answering.ts";

/* Our training step in a worker of a page. It answers as the peers do (bench/peers/js/answers.mjs), but has no ways to try. */

export interface VaekitTask {
  readonly settings: object;
  /** Address of the grey levels. */
  readonly pixels: string;
  readonly event: readonly number[];
  readonly device: WebDevice;
  readonly threads?: number;
  /** Address of ONNX Runtime's module. */
  readonly runtime: string;
}

type Question = { readonly check: Readonly<Record<string, string>> } | { readonly run: number };

answering<VaekitTask>(async ({ settings, pixels, event, device, threads, runtime }) => {
  const values = new Uint8Array(await bytesAt(pixels));
  const count = values.length / event.reduce((a, b) => a * b);
  const index = Uint32Array.from({ length: count }, (_, i) => i);
  const data: Dataset = { name: "bench", split: "train", event, count, values, index, fingerprint: "bench" };
  const backend = await webBackend({ device, threads, runtime });
  const training = await openTraining(settings, data, backend);
  return {
    version: backend.engine,
    async answer(asked) {
      const question = asked as Question;
      if ("check" in question) return { values: await lossesOf(training, question.check) };
      return { seconds: await timeSteps(training, question.run, true) };
    },
  };
});

/** Losses of Adam's first steps from given weights, on a given batch with given noise. */
async function lossesOf(training: OwnTraining, manifest: Readonly<Record<string, string>>): Promise<number[]> {
  const { layout, parameters, inputs } = training.program;
  training.nextBatch(); // weighs its examples
  for (const slot of layout.slots) viewOf(parameters, slot).set(await floatsAt(manifest[slot.path]!));
  for (const name of ["x", "noise"]) inputs[name]!.set(await floatsAt(manifest[name]!));
  return firstLosses(training);
}
