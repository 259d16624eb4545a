import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { untrained } from "../../test/models.ts";
import { RunError } from "../errors.ts";
import { input } from "../graph/tensor.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { inference, type Posteriors } from "./inference.ts";
import { rowThreads } from "./row-pool.node.ts";
import { openRows, type RowNetwork, type RowRunner, rowNetwork } from "./rows.ts";

const size = 63;
const model = untrained({ model: { latent: 3, encoder: { hidden: [500, 500] } } }, [7, 9]);
const rows = 2501; // enough to be shared, and no whole number of pieces
const grey = Uint8Array.from({ length: rows * size }, (_, i) => (i * 7919) % 256);
const x = Float32Array.from(grey, (v) => v / 255);

const { mean, logvar } = model.vae.encode(input("x", ["batch", 7, 9]));
const encoder = rowNetwork(input("x", ["batch", 7, 9]), { mean, logvar }, model.weights, { device: "cpu" });
const results = (count = rows) => ({ mean: new Float32Array(count * 3), logvar: new Float32Array(count * 3) });

/** A runner that computes its first rows when others have computed the last ones: they must have taken part. */
async function waiting(into: ReturnType<typeof results>): Promise<RowRunner> {
  const own = await openRows(await cpuBackend(1), encoder);
  return {
    ...own,
    async apply(...call) {
      while (into.logvar.at(-1) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await own.apply(...call);
    },
  };
}

async function alone(values: typeof x | typeof grey, count = rows) {
  const own = await openRows(await cpuBackend(1), encoder);
  const into = results(count);
  await own.apply(values, count, into);
  await own.release();
  return into;
}

test.each([2, 3])("%i threads compute the same to the bit as one", async (threads) => {
  const pool = rowThreads(threads)!;
  for (const count of [rows, 2048])
    for (const values of [x, grey]) {
      const into = results(count);
      const own = await waiting(into);
      const part = values.subarray(0, count * size);
      await pool.share(encoder, own).apply(part, count, into);
      expect(into).toEqual(await alone(part, count));
      await own.release();
    }
  await pool.close();
});

test("an opened model encodes and decodes the same with any number of threads, also several calls at once", async () => {
  const outcomes = [];
  for (const threads of [1, 2, 3]) {
    const used = inference(model, await cpuBackend(1), rowThreads(threads));
    const encoded: Posteriors[] = [];
    for (let call = 0; call < 3; call++)
      encoded.push(...(await Promise.all([used.encode(x, rows), used.encode(grey, rows)])));
    for (const one of encoded) expect(one).toEqual(encoded[0]);
    const images = await Promise.all([1, 2, 3].map(() => used.decode(encoded[0]!.mean, rows)));
    const few = await used.encode(x.subarray(0, 7 * size), 7);
    expect(few.mean).toEqual(encoded[0]!.mean.slice(0, 7 * 3));
    outcomes.push({ ...encoded[0]!, images: images.map(hashOf) });
    await used.close();
  }
  expect(outcomes[0]!.images).toEqual(Array(3).fill(outcomes[0]!.images[0]));
  expect(outcomes[1]).toEqual(outcomes[0]);
  expect(outcomes[2]).toEqual(outcomes[0]);
});

/** Large arrays are compared by it, which is sooner done. */
const hashOf = (array: Float32Array) => createHash("sha256").update(array).digest("hex");

test("no other thread for one thread, or a small call", async () => {
  expect(rowThreads(1)).toBeUndefined();
  const calls: number[] = [];
  const own: RowRunner = { apply: async (_values, count) => void calls.push(count), release: async () => {} };
  const pool = rowThreads(2)!;
  await pool.share(encoder, own).apply(x.subarray(0, 1000 * size), 1000, results(1000));
  expect(calls).toEqual([1000]);
  await pool.close();
});

test("a thread that fails is told, and the next call has another", async () => {
  const pool = rowThreads(2)!;
  const into = results();
  const own = await waiting(into);
  const broken: RowNetwork = { ...encoder, model: { ...encoder.model, bytes: encoder.model.bytes.slice(0, 1000) } };
  const failing = pool.share(broken, { ...own, apply: () => new Promise(() => {}) }).apply(x, rows, results());
  await expect(failing).rejects.toThrow(RunError);
  await expect(failing).rejects.toThrow(
    /^computing rows failed in a thread: ONNX Runtime refused the graph: .*; load the model with \{ threads: 1 \}/s,
  );
  await pool.share(encoder, own).apply(x, rows, into);
  expect(into).toEqual(await alone(x));
  await pool.close();
  await own.release();
});

test("what fails in the calling thread ends the call, and not the next", async () => {
  const pool = rowThreads(2)!;
  const failing: RowRunner = { apply: () => Promise.reject(new Error("no more memory")), release: async () => {} };
  await expect(pool.share(encoder, failing).apply(x, rows, results())).rejects.toThrow("no more memory");
  const into = results();
  const own = await waiting(into);
  await pool.share(encoder, own).apply(x, rows, into);
  expect(into).toEqual(await alone(x));
  await pool.close();
  await own.release();
});

test("a call that fails leaves the threads to those that are under way", async () => {
  const pool = rowThreads(2)!;
  const into = results();
  const own = await waiting(into);
  const innocent = pool.share(encoder, own).apply(x, rows, into);
  const failing: RowRunner = { apply: () => Promise.reject(new Error("no more memory")), release: async () => {} };
  const failures = [1, 2].map(() => pool.share(encoder, failing).apply(x, rows, results()));
  for (const failure of failures) await expect(failure).rejects.toThrow("no more memory");
  await innocent;
  expect(into).toEqual(await alone(x));
  await pool.close();
  await own.release();
});

test("a model that is closed meanwhile computes what it was asked for, and leaves no thread", async () => {
  const started: Worker[] = [];
  const note = (message: unknown) => void started.push((message as { readonly worker: Worker }).worker);
  subscribe("worker_threads", note); // which tells of each new thread
  try {
    const used = inference(model, await cpuBackend(1), rowThreads(2));
    const first = used.encode(x, rows);
    await used.close();
    const { mean, logvar } = await first;
    expect({ mean, logvar }).toEqual(await alone(x));
    await expect(used.encode(x, rows)).rejects.toThrow("the model is closed");
  } finally {
    unsubscribe("worker_threads", note);
  }
  expect(started).toHaveLength(1);
  expect(started[0]!.threadId).toBe(-1); // it has ended
});

test.each([
  ["its model is closed while threads start", 1, "await model.close();"],
  ["its model is left open", 5, ""],
])("a program does its work and ends where %s", async (_name, calls, last) => {
  const folder = await mkdtemp(join(tmpdir(), "vaekit-"));
  const program = join(folder, "program.mjs");
  const own = pathToFileURL(resolve("dist/index.js")).href;
  await writeFile(
    program,
    `import { encode, load, sprites, train } from ${JSON.stringify(own)};
    const data = await sprites({ examples: 1000 });
    const run = ${JSON.stringify(join(folder, "run"))};
    await train({ data, out: run, steps: 1, threads: 1 });
    const model = await load(run, { threads: 2 });
    for (let call = 0; call < ${calls}; call++) await encode(model, data.train);
    ${last}
    console.log("done");`,
  );
  const { stdout, stderr, status } = spawnSync(process.execPath, [program], { encoding: "utf8", timeout: 50_000 });
  expect(stderr).toBe("");
  expect(stdout).toBe("done\n");
  expect(status).toBe(0);
  await rm(folder, { recursive: true });
});
