import { expect, test } from "vitest";
import { residentBackend } from "../../test/resident.ts";
import type { PartialConfig } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import { loweringVersion } from "../graph/lower.ts";
import { readRecord } from "../models/read-record.ts";
import type { Backend } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { memoryStorage } from "../storage/memory.ts";
import { decodeSafetensors } from "../storage/safetensors.ts";
import type { Storage } from "../storage/storage.ts";
import { readMetrics } from "./metrics.ts";
import { trainRun } from "./run.ts";

/* Whole runs on a device with memory of its own: files, resuming, what is told. */

/** Grey images of 4×4 with one bright bar each. */
function bars(split: Dataset["split"], count: number, start: number): Dataset {
  const values = Uint8Array.from({ length: count * 16 }, (_, i) =>
    (start + Math.floor(i / 16)) % 4 === i % 4 ? 230 : 20,
  );
  const index = Uint32Array.from({ length: count }, (_, i) => start + i);
  return { name: "bars", split, event: [4, 4], count, values, index, fingerprint: "bars" };
}

const data = { train: bars("train", 70, 0), validation: bars("validation", 20, 70), test: bars("test", 10, 90) };
const config = {
  model: { latent: 2, encoder: { hidden: [8] } },
  optimizer: { kind: "adamw", learningRate: 0.01, weightDecay: 0.01, clip: 5 },
  train: { batchSize: 16, microBatch: 6, average: 0.9, checkpointSeconds: 0 },
} satisfies PartialConfig;

async function run(backend: Backend, epochs: number, storage = memoryStorage(), resume = false, stops = false) {
  const notes: string[] = [];
  const stop = new AbortController();
  await trainRun(
    {
      config: resume ? undefined : config,
      epochs,
      resume,
      signal: stop.signal,
      onProgress: (event) => {
        if (event.kind === "note") notes.push(event.text);
        if (event.kind === "step" && stops) stop.abort();
      },
    },
    {
      storage,
      load: async () => data,
      source: null,
      backend: async () => backend,
      helpers: async () => undefined,
      platform: "test",
    },
  );
  return { storage, notes, metrics: await readMetrics(storage) };
}

async function tensors(storage: Storage, file: string): Promise<Map<string, number[]>> {
  const decoded = decodeSafetensors(await storage.read(file), file).tensors;
  return new Map([...decoded].map(([name, { data: values }]) => [name, Array.from(values, Number)]));
}

const newest = async (storage: Storage) =>
  tensors(storage, `checkpoints/${(await storage.list("checkpoints")).at(-1)!}`);

/** Every tensor, to rounding. */
function expectClose(given: ReadonlyMap<string, readonly number[]>, wanted: ReadonlyMap<string, readonly number[]>) {
  expect([...given.keys()]).toEqual([...wanted.keys()]);
  for (const [name, values] of wanted)
    for (const [i, value] of values.entries())
      expect(Math.abs(given.get(name)![i]! - value), `${name}, element ${i}`).toBeLessThan(
        1e-4 * (1 + Math.abs(value)),
      );
}

test("a run on a device has the processor's metrics and files, and is resumed to the bit", async () => {
  const cpu = await run(await cpuBackend(1), 4);
  const { backend, live } = await residentBackend();
  const whole = await run(backend, 4);
  for (const [i, row] of whole.metrics.entries()) {
    expect(row.train.negElboNats / cpu.metrics[i]!.train.negElboNats).toBeCloseTo(1, 4);
    expect(row.validation!.negElboNats / cpu.metrics[i]!.validation!.negElboNats).toBeCloseTo(1, 4);
  }
  expectClose(await newest(whole.storage), await newest(cpu.storage));
  const weights = "model/weights.safetensors";
  expectClose(await tensors(whole.storage, weights), await tensors(cpu.storage, weights));

  // Also one that was stopped after a step, when nothing had been validated yet.
  for (const parted of [await run(backend, 2), await run(backend, 2, memoryStorage(), false, true)]) {
    await run(backend, 4, parted.storage, true);
    expect(await newest(parted.storage)).toEqual(await newest(whole.storage));
    expect(await tensors(parted.storage, weights)).toEqual(await tensors(whole.storage, weights));
  }
  expect(live()).toBe(0);
});

test("what one kind of device began another goes on with, to rounding", async () => {
  const cpu = await cpuBackend(1);
  const { backend } = await residentBackend();
  const whole = await newest((await run(cpu, 4)).storage);
  for (const [first, second] of [
    [cpu, backend],
    [backend, cpu],
  ] as const) {
    const { storage } = await run(first, 2);
    const { notes } = await run(second, 4, storage, true);
    expect(notes.join()).toContain("Not as the run began (device");
    expectClose(await newest(storage), whole);
  }
});

test("operators that run on the processor instead are told, and recorded", async () => {
  const told = { CumSum: 2, Gather: 1 };
  const { backend } = await residentBackend({
    fallbacks: async (_model, feeds) => {
      expect(feeds.x!.shape).toEqual([6, 4, 4]);
      expect(feeds["encoder.hidden.0.weight"]!.data.some((value) => value !== 0)).toBe(true);
      return told;
    },
  });
  const { storage, notes } = await run(backend, 1);
  expect(notes).toContain("on the processor, for want of an operator on the graphics card: CumSum (2), Gather (1)");
  expect((await readRecord(storage))!.fallbacks).toEqual(told);

  const none = await run((await residentBackend({ fallbacks: async () => ({}) })).backend, 1);
  expect(none.notes.join()).not.toContain("for want of");
  expect((await readRecord(none.storage))!.fallbacks).toEqual({});
});

test("a run is trained also where these operators cannot be found out, and looks for them only where it must", async () => {
  let calls = 0;
  const { backend } = await residentBackend({
    async fallbacks() {
      calls++;
      throw new Error("the disk is full");
    },
  });
  const unknown = await run(backend, 1);
  expect(unknown.notes.join()).toContain(
    "Which operators run on the processor, for want of one on the graphics card, is not known: the disk is full",
  );
  expect(unknown.metrics).toHaveLength(1);
  expect((await readRecord(unknown.storage))!.fallbacks).toBeUndefined();
  await run(backend, 1, unknown.storage, true); // nothing is left to do
  expect(calls).toBe(1);
  await run(backend, 2, unknown.storage, true);
  expect(calls).toBe(2);

  const told = await residentBackend({ fallbacks: async () => ({ Sign: 1 }) });
  const { storage } = await run(told.backend, 1);
  const resumed = await run(backend, 2, storage, true);
  expect(resumed.notes.join()).toContain("Sign (1)");
  expect(calls).toBe(2); // the record has it
});

test("a run that was computed otherwise is told when it is resumed", async () => {
  const { backend } = await residentBackend();
  const { storage } = await run(backend, 1);
  const record = (await readRecord(storage))!;
  expect(record).toMatchObject({ pieces: 1, lowering: loweringVersion });
  const { lowering: _, pieces: __, ...earlier } = record; // of a version that did not record them
  await storage.write("environment.json", JSON.stringify({ ...earlier, pieces: 4 }));
  const { notes } = await run(backend, 2, storage, true);
  expect(notes.join()).toContain(
    `Not as the run began (pieces 4 before, 1 now; lowering 0 before, ${loweringVersion} now)`,
  );
});
