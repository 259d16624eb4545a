import { fingerprinted, removeRun, train } from "../../src/browser.ts";
import { rows } from "../../src/data/dataset.ts";
import { bytesAt, type Reply } from "./answering.ts";

/* The page of the case `browser`. All values can be sent between page and Node. */

const workers = new Map<string, Worker>();

/** Starts the worker of a script with its task; its version. */
export function start(name: string, script: string, task: unknown): Promise<unknown> {
  workers.set(name, new Worker(script, { type: "module" }));
  return ask(name, task);
}

/** One question at a time. */
export function ask(name: string, question: unknown): Promise<unknown> {
  const worker = workers.get(name);
  if (!worker) throw new Error(`there is no worker ${name}`);
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data: reply }: MessageEvent<Reply>) => {
      if ("error" in reply) reject(new Error(`${name}: ${reply.error}`));
      else resolve(reply.answer);
    };
    worker.onerror = ({ message }) => reject(new Error(`${name}: ${message}`));
    worker.postMessage(question);
  });
}

/** Ends a worker, and those that it started. */
export function end(name: string): void {
  workers.get(name)?.terminate();
  workers.delete(name);
}

/** Whether there is a graphics card for WebGPU; one that is simulated is none. */
export async function hasGraphicsCard(): Promise<boolean> {
  interface Adapter {
    readonly info?: { readonly architecture: string; readonly isFallbackAdapter?: boolean };
  }
  const { gpu } = navigator as { readonly gpu?: { requestAdapter(): Promise<Adapter | null> } };
  const info = (await gpu?.requestAdapter())?.info;
  return info !== undefined && info.isFallbackAdapter !== true && info.architecture !== "swiftshader";
}

export interface WatchedTask {
  readonly settings: object;
  readonly steps: number;
  /** Address of the grey levels. */
  readonly pixels: string;
  readonly event: readonly number[];
  readonly threads: number;
  readonly runtime: string;
  /** Script of the library's worker. */
  readonly script: string;
}

export interface Watched {
  /** Milliseconds of the page's longest task among those that browsers tell of, which take 50 ms or more; else 0. */
  readonly longestTask: number;
  /** Milliseconds of the longest wait for a timer of 10 ms. */
  readonly longestGap: number;
}

let runs = 0;

/** Trains in the library's worker, as any page would, and watches the tasks of this page meanwhile. */
export async function watchTraining({ settings, steps, pixels, event, script, ...web }: WatchedTask): Promise<Watched> {
  const values = new Uint8Array(await bytesAt(pixels));
  const count = values.length / event.reduce((a, b) => a * b);
  const index = Uint32Array.from({ length: count }, (_, i) => i);
  const all = { name: "bench", split: "all", event, count, values, index } as const;
  const validated = Math.ceil(count / 50);
  const part = (from: number, to: number, split: "train" | "validation" | "test") =>
    fingerprinted(rows(all, from, to, split));
  const data = {
    train: await part(0, count - validated, "train"),
    validation: await part(count - validated, count, "validation"),
    test: await part(count, count, "test"),
  };
  const out = `bench-${runs++}`;
  const stop = await watchTasks();
  await train({ data, out, config: settings, steps, ...web, worker: () => new Worker(script, { type: "module" }) });
  const watched = await stop();
  await removeRun(out);
  return watched;
}

/** Watches the tasks of this page from its next one on. The result ends that, and tells of the longest. */
async function watchTasks(): Promise<() => Promise<Watched>> {
  await pause(100);
  const began = performance.now();
  let longestTask = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      if (startTime >= began - 1) longestTask = Math.max(longestTask, duration); // this very task began just before
  });
  observer.observe({ entryTypes: ["longtask"] });
  let longestGap = 0;
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    longestGap = Math.max(longestGap, now - last);
    last = now;
  };
  const timer = setInterval(look, 10);
  return async () => {
    look();
    clearInterval(timer);
    await pause(200); // the browser tells of a task some time after it
    observer.disconnect();
    return { longestTask, longestGap };
  };
}

/** What is told of a page that is kept busy for so many milliseconds: to see that it is told. */
export async function watchBusy(milliseconds: number): Promise<Watched> {
  const stop = await watchTasks();
  const began = performance.now();
  while (performance.now() - began < milliseconds);
  await pause(50);
  return stop();
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
