import { webDevices } from "../runtime/devices.ts";
import { DeviceLostError, mostWebThreads, webBackend } from "../runtime/ort.web.ts";
import { opfsStorage } from "../storage/opfs.web.ts";
import { trainRun } from "./run.ts";
import { type TabTask, type ToPage, type ToWorker, told } from "./tab-messages.ts";
import type { TrainResult } from "./train.ts";

/* The worker in which a page's training runs, so that the page stays responsive. */

const scope = globalThis as unknown as {
  postMessage(message: ToPage): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};

const stop = new AbortController();

scope.onmessage = ({ data: message }) => {
  if (message.kind === "abort") stop.abort();
  else
    train(message.task).then(
      (result) => scope.postMessage({ kind: "result", result }),
      (error: unknown) => scope.postMessage(told(error)),
    );
};

async function train(task: TabTask): Promise<TrainResult> {
  try {
    return await attempt(task);
  } catch (error) {
    if (!(error instanceof DeviceLostError) || task.whenLost !== "wasm") throw error;
    note(`${error.message}. Training goes on on the processor, from the last checkpoint if there is one.`);
    return attempt({ ...task, device: "wasm", resume: true });
  }
}

function attempt(task: TabTask): Promise<TrainResult> {
  const { data, out, device, runtime, wasmPaths, whenLost: _, ...options } = task;
  return trainRun(
    {
      ...options,
      signal: stop.signal,
      onProgress: (event) => scope.postMessage({ kind: "progress", event }),
    },
    {
      storage: opfsStorage(out),
      load: () => Promise.resolve(data),
      source: null,
      backend(threads, begun) {
        const here = begun?.engine.startsWith("onnxruntime-web") ? begun : undefined;
        return webBackend({
          device: device ?? webDevices.find((known) => known === here?.device),
          threads: threads ?? (here && Math.min(here.threads, mostWebThreads(), navigator.hardwareConcurrency || 1)),
          runtime,
          wasmPaths,
        });
      },
      helpers: () => Promise.resolve(undefined),
      platform: navigator.userAgent,
      limits: { bytes: memoryBytes() },
    },
  );
}

/** What WebAssembly can address, less what ONNX Runtime takes for itself; or what the machine has, where the browser tells. */
function memoryBytes(): number {
  const { deviceMemory = 8 } = navigator as { readonly deviceMemory?: number };
  return Math.min(3.5, deviceMemory) * 2 ** 30;
}

function note(text: string): void {
  scope.postMessage({ kind: "progress", event: { kind: "note", text } });
}
