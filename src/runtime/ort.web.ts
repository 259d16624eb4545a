import type * as Ort from "onnxruntime-common";
import { RunError, UsageError } from "../errors.ts";
import type { Backend, Executable } from "./backend.ts";
import { type WebDevice, webDevices } from "./devices.ts";
import { ortBackend } from "./ort.ts";

export interface WebOptions {
  /** Default: "wasm". */
  readonly device?: WebDevice | undefined;
  /**
   * Threads of WebAssembly. Default: one a core, at most 4; one where the page is not cross-origin isolated, since it then
   * has no shared memory.
   */
  readonly threads?: number | undefined;
  /**
   * Address of ONNX Runtime's module, such as "/ort/ort.wasm.bundle.min.mjs", for pages that no bundler has made.
   * Default: the package onnxruntime-web.
   */
  readonly runtime?: string | undefined;
  /** Folder of ONNX Runtime's .wasm files, where they do not lie beside its module. */
  readonly wasmPaths?: string | undefined;
}

type WebOrt = Pick<typeof Ort, "InferenceSession" | "Tensor" | "env">;

/** So many threads at most, unless more are asked for: beyond it the exchange takes more than the work. */
const mostThreads = 4;

/** A thread that computes without a pause would hear no message. */
const millisecondsBetweenPauses = 30;

/**
 * ONNX Runtime's build for browsers. It computes on the thread that calls it: pages train in a worker (train.web.ts).
 * @throws UsageError for a device that is not there, or threads that the page may not have
 */
export async function webBackend(options: WebOptions = {}): Promise<Backend> {
  const { device = "wasm", runtime, wasmPaths } = options;
  if (!webDevices.includes(device))
    throw new UsageError(`device: expected ${webDevices.map((name) => `"${name}"`).join(" or ")}, got "${device}"`);
  const module = runtime ?? device;
  const threads = threadsOf(options.threads, module);
  if (device === "webgpu") await checkAdapter();
  const ort = await load(device, runtime);
  ort.env.wasm.numThreads = threads; // of all sessions, and fixed once there is one
  settled.set(module, threads);
  if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths;
  const backend = ortBackend(ort, {
    device,
    engine: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    threads,
    sessionOptions: { executionProviders: [device], graphOptimizationLevel: "all", logSeverityLevel: 3 },
    copiesOutputs: true,
    resident: device === "webgpu",
  });
  return pausing(backend, device === "webgpu" ? () => lostDevice(ort) : undefined);
}

/** Threads by module of ONNX Runtime that was loaded: they are settled then. A module that could not be loaded settles nothing. */
const settled = new Map<string, number>();

function threadsOf(asked: number | undefined, module: string): number {
  if (asked !== undefined && !(Number.isSafeInteger(asked) && asked >= 1 && asked <= 1024))
    throw new UsageError(`threads: expected an integer from 1 to 1024, got ${asked}`);
  if (asked !== undefined && asked > mostWebThreads())
    throw new UsageError(
      `threads: this page may have 1, not ${asked}: it is not cross-origin isolated; send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp with it`,
    );
  const before = settled.get(module);
  if (asked !== undefined && before !== undefined && asked !== before)
    throw new UsageError(
      `threads: expected ${before}, with which ONNX Runtime was started here, got ${asked}; leave threads out, or compute in a worker of its own`,
    );
  return before ?? asked ?? Math.min(mostThreads, mostWebThreads(), navigator.hardwareConcurrency || 1);
}

/** Without shared memory there is one thread. */
export const mostWebThreads = (): number => (globalThis.crossOriginIsolated === true ? 1024 : 1);

async function load(device: WebDevice, runtime: string | undefined): Promise<WebOrt> {
  try {
    if (runtime !== undefined) return (await import(/* @vite-ignore */ /* webpackIgnore: true */ runtime)) as WebOrt;
    return device === "webgpu" ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  } catch (error) {
    throw new RunError(
      `ONNX Runtime could not be loaded${runtime === undefined ? "" : ` from ${runtime}`}: ${(error as Error).message}; install the package onnxruntime-web, or name its module by \`runtime\``,
      { cause: error },
    );
  }
}

/** @throws UsageError where there is no WebGPU */
async function checkAdapter(): Promise<void> {
  const { gpu } = navigator as { readonly gpu?: { requestAdapter(): Promise<unknown> } };
  if (!gpu)
    throw new UsageError('device: this browser offers no WebGPU (or not to pages without https); take device "wasm"');
  if (!(await gpu.requestAdapter()))
    throw new UsageError('device: this browser knows WebGPU but finds no adapter for it; take device "wasm"');
}

/** Resolves with the reason when the graphics device is lost. */
async function lostDevice(ort: WebOrt): Promise<string> {
  const device = (await ort.env.webgpu.device) as { readonly lost: Promise<{ readonly message: string }> } | undefined;
  return device ? (await device.lost).message : new Promise(() => {}); // not told: its loss is an error of the run
}

/** The graphics device was lost: what was on it is gone. */
export class DeviceLostError extends RunError {}

/** The same backend, which lets its thread hear messages now and then, and tells when its device is lost. */
function pausing(backend: Backend, lost: (() => Promise<string>) | undefined): Backend {
  let paused = performance.now();
  let isLost = false;
  let loss: Promise<never> | undefined; // of the device, which is there with the first session
  let opening: Promise<unknown> = Promise.resolve();
  /** One session after the other: while one is being opened on WebGPU, ONNX Runtime refuses another. */
  const inTurn = <Result>(open: () => Promise<Result>): Promise<Result> => {
    const opened = opening.then(open, open);
    opening = loss ? Promise.race([opened, loss]) : opened; // one that a lost device never opens holds up no other
    opening.catch(() => {}); // told to who asked for it
    return opened;
  };
  const pause = async (): Promise<void> => {
    if (performance.now() - paused < millisecondsBetweenPauses) return;
    await turn();
    paused = performance.now();
  };
  /** Work on a device that is lost may wait for ever, or fail in ways of its own. */
  const guarded = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    await pause();
    if (!loss) return work();
    const working = work();
    working.catch(() => {}); // the loss may come first
    try {
      return await Promise.race([working, loss]);
    } catch (error) {
      await Promise.race([loss, new Promise((resolve) => setTimeout(resolve, 100))]); // it is told a moment later
      throw error;
    }
  };
  const watch = async (): Promise<never> => {
    const reason = await lost!();
    isLost = true;
    throw new DeviceLostError(`the graphics device was lost: ${reason || "the browser gives no reason"}`);
  };
  return {
    ...backend,
    async compile(model, options) {
      const open = () => backend.compile(model, options);
      const executable = await guarded(() => (lost ? inTurn(open) : open()));
      if (lost && !loss) {
        loss = watch();
        loss.catch(() => {}); // told where it is waited for
      }
      const guardedExecutable: Executable = {
        run: (feeds) => guarded(() => executable.run(feeds)),
        async runKeeping(feeds) {
          const { values, kept } = await guarded(() => executable.runKeeping(feeds));
          const arrays = Object.entries(kept).map(([name, array]) => [
            name,
            { ...array, release: () => isLost || array.release() },
          ]);
          return { values, kept: Object.fromEntries(arrays) };
        },
        bind(feeds, fetches) {
          const run = executable.bind(feeds, fetches);
          return () => guarded(run);
        },
        async release() {
          if (isLost) return; // what is on a lost device is gone, and to wait for it might be for ever
          await executable.release();
        },
      };
      return guardedExecutable;
    },
  };
}

/** Lets a thread hear messages. Not by a timer: those of a page in the background wait for a second or a minute. */
function turn(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
