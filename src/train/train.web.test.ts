import { expect, test } from "vitest";
import type { Dataset } from "../data/dataset.ts";
import { RunError } from "../errors.ts";
import type { ToWorker } from "./tab-messages.ts";
import { train } from "./train.web.ts";

/* What a page does about its worker; the training itself is tested in a browser. */

/** A worker that calls back when it was started, as an event does, and keeps what it is sent. */
function fakeWorker(began: (worker: Worker) => void) {
  const sent: ToWorker[] = [];
  let ended = false;
  const worker = {
    onmessage: null,
    onerror: null,
    onmessageerror: null,
    postMessage: (message: ToWorker) => void sent.push(message),
    terminate() {
      ended = true;
    },
  } as unknown as Worker;
  setTimeout(() => began(worker));
  return { worker, sent, ended: () => ended };
}

function split(count: number): Dataset {
  const values = Uint8Array.from({ length: count * 784 }, (_, i) => i);
  const index = Uint32Array.from({ length: count }, (_, i) => i);
  return { name: "ramp", split: "train", event: [28, 28], count, values, index, fingerprint: "ramp" };
}

/** 8 MB, which are copied in several tasks of the page. */
const data = { train: split(10_000), validation: split(10), test: split(10) };

test("a worker whose script is not there ends the training also while its data are copied", async () => {
  let fake: ReturnType<typeof fakeWorker> | undefined;
  const worker = () => {
    fake = fakeWorker(({ onerror }) => onerror?.call({} as never, { message: "", preventDefault() {} } as never));
    return fake.worker;
  };
  const failure = train({ data, out: "run", worker });
  await expect(failure).rejects.toThrow(RunError);
  await expect(failure).rejects.toThrow("the worker that trains ended: its script could not be loaded");
  expect(fake!.ended()).toBe(true);
});

test("what the worker answers is the result; a page that has aborted already says so", async () => {
  let fake: ReturnType<typeof fakeWorker> | undefined;
  const worker = () => {
    fake = fakeWorker(({ onmessage }) =>
      onmessage?.call({} as never, { data: { kind: "result", result: { step: 7 } } } as never),
    );
    return fake.worker;
  };
  expect(await train({ data, out: "run", worker, signal: AbortSignal.abort() })).toEqual({ run: "run", step: 7 });
  expect(fake!.sent.map(({ kind }) => kind)).toEqual(["abort", "train"]);
  const copy = (fake!.sent[1] as ToWorker & { kind: "train" }).task.data.train;
  expect(Buffer.compare(copy.values as Uint8Array, data.train.values as Uint8Array)).toBe(0);
  expect(copy.values === data.train.values).toBe(false); // toBe would compare all of them
  expect(fake!.ended()).toBe(true);
});
