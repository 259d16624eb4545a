import { opfsStorage } from "../../src/storage/opfs.web.ts";

import { breachesOf, storageLaws } from "../storage-laws.ts";

/** What opfs.test.ts asks of a page, or through it of a worker. */
export type Asked =
  | { readonly do: "laws"; readonly path: string }
  | { readonly do: "read" | "list" | "exists" | "remove"; readonly path: string; readonly file: string }
  | { readonly do: "write" | "append"; readonly path: string; readonly file: string; readonly content: string }
  /** A text that is written over and over: of this many bytes. */
  | { readonly do: "fill"; readonly path: string; readonly file: string; readonly bytes: number }
  | { readonly do: "lock" | "release"; readonly path: string };

export { opfsStorage };

const releases = new Map<string, () => Promise<void>>();

/** Does it. An error is answered as its name and message. */
export async function answer(asked: Asked): Promise<unknown> {
  try {
    return await doIt(asked);
  } catch (error) {
    return String(error);
  }
}

async function doIt(asked: Asked): Promise<unknown> {
  if (asked.do === "laws") return brokenLaws(asked.path);
  const storage = opfsStorage(asked.path);
  switch (asked.do) {
    case "read":
      return new TextDecoder().decode(await storage.read(asked.file));
    case "write":
    case "append":
      return storage[asked.do](asked.file, asked.content);
    case "fill":
      return storage.write(asked.file, new Uint8Array(asked.bytes));
    case "lock":
      releases.set(asked.path, await storage.lock());
      return "locked";
    case "release":
      return releases.get(asked.path)?.();
    default:
      return storage[asked.do](asked.file);
  }
}

async function brokenLaws(path: string): Promise<Readonly<Record<string, string[]>>> {
  const broken: Record<string, string[]> = {};
  let made = 0;
  for (const law of Object.keys(storageLaws)) {
    const breaches = await breachesOf(law, () => opfsStorage(`${path}/${made++}`));
    if (breaches.length > 0) broken[law] = breaches;
  }
  return broken;
}

let worker: Worker | undefined;

/** Has a worker do it. */
export function answerInWorker(asked: Asked): Promise<unknown> {
  worker ??= new Worker("/opfs-worker.js", { type: "module" });
  const { port1, port2 } = new MessageChannel();
  const answered = new Promise((resolve) => {
    port1.onmessage = ({ data }: MessageEvent) => resolve(data);
  });
  worker.postMessage(asked, [port2]);
  return answered;
}

export function endWorker(): void {
  worker?.terminate();
  worker = undefined;
}

/** Lets every file written from now on hang at this call, and waits until one does. */
export function stallAt(call: "close" | "move"): Promise<void> {
  const owner = call === "close" ? FileSystemWritableFileStream : FileSystemFileHandle;
  return new Promise((reached) => {
    const stall = () => {
      reached();
      return new Promise(() => undefined);
    };
    Object.assign(owner.prototype, { [call]: stall });
  });
}
