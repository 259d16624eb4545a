import {
  encode,
  listRuns,
  load,
  type PartialConfig,
  readRun,
  removeRun,
  train,
  type WebOptions,
  writeRun,
} from "../../src/browser.ts";
import { tabData } from "./tab-data.ts";

/* What the tests of training in a tab ask of the page. All values can be sent between page and test. */

export interface Asked extends WebOptions {
  readonly run: string;
  readonly config: PartialConfig;
  readonly resume?: boolean;
  /** The script of the worker. Default: "/worker.js". */
  readonly script?: string;
  readonly whenLost?: "stop" | "wasm";
  /** Aborts after so many epochs. */
  readonly abortAfter?: number;
}

export interface Trained {
  /** −ELBO of the training data by epoch. */
  readonly losses: readonly number[];
  readonly notes: readonly string[];
  readonly step: number;
  readonly stopped: string;
}

export async function trainRun({
  run,
  config,
  resume = false,
  script = "/worker.js",
  abortAfter,
  ...options
}: Asked): Promise<Trained> {
  const losses: number[] = [];
  const notes: string[] = [];
  const data = await tabData();
  const stop = new AbortController();
  const { step, stopped } = await train({
    data,
    out: run,
    config,
    resume,
    ...options,
    signal: stop.signal,
    worker: () => new Worker(script, { type: "module" }),
    onProgress: (event) => {
      if (event.kind === "note") notes.push(event.text);
      if (event.kind === "epoch") losses.push(event.row.train.negElboNats);
      if (losses.length === abortAfter) stop.abort();
    },
  });
  return { losses, notes, step, stopped };
}

/** The error that a training ends with: its class and message. */
export async function refused(asked: Asked): Promise<string> {
  return trainRun(asked).then(
    () => "none",
    (error: Error) => `${error.constructor.name}: ${error.message}`,
  );
}

/** The error that a function of this page ends with. */
export async function failure(name: "put" | "take" | "remove", ...given: readonly unknown[]): Promise<string> {
  const calls = { put, take, remove } as unknown as Record<string, (...values: readonly unknown[]) => Promise<unknown>>;
  return calls[name]!(...given).then(
    () => "none",
    (error: Error) => `${error.constructor.name}: ${error.message}`,
  );
}

/** The errors that the files of a run end with while it trains. The training goes on until they are there. */
export async function failuresWhileTraining(asked: Asked): Promise<string[]> {
  const { run, config, runtime } = asked;
  const stop = new AbortController();
  let failures: Promise<string[]> | undefined;
  await train({
    data: await tabData(),
    out: run,
    config,
    runtime,
    signal: stop.signal,
    worker: () => new Worker("/worker.js", { type: "module" }),
    onProgress: (event) => {
      if (event.kind !== "epoch" || failures) return;
      failures = Promise.all([failure("take", run), failure("remove", run)]);
      void failures.finally(() => stop.abort());
    },
  });
  return failures!;
}

/** The files of a run, base64. */
export async function take(run: string): Promise<Record<string, string>> {
  const files = await readRun(run);
  return Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, base64(bytes)]));
}

export const runs = (folder?: string): Promise<string[]> => listRuns(folder);
export const remove = (run: string): Promise<void> => removeRun(run);

export async function put(run: string, files: Readonly<Record<string, string>>): Promise<void> {
  const bytes = Object.entries(files).map(([path, text]) => [
    path,
    Uint8Array.from(atob(text), (character) => character.charCodeAt(0)),
  ]);
  await writeRun(run, Object.fromEntries(bytes));
}

const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** Means of q(z|x) of the test data, by the run's model. */
export async function means(run: string, options: WebOptions): Promise<number[]> {
  const model = await load(run, options);
  const { mean } = await encode(model, (await tabData()).test);
  await model.close();
  return [...mean];
}
