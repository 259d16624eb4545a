import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";
import { checkDataset } from "../src/data/check.ts";
import { DataError, UsageError } from "../src/errors.ts";
import {
  applySet,
  encode,
  evaluateRun,
  exportOnnx,
  fingerprinted,
  generate,
  interpolate,
  load,
  reconstruct,
  registerLikelihood,
  splitShuffled,
  train,
  traverse,
} from "../src/index.ts";
import type { Inference } from "../src/models/inference.ts";
import { inference } from "../src/models/inference.ts";
import { cpuBackend } from "../src/runtime/ort.node.ts";
import { checkMemory } from "../src/train/memory.ts";
import { fakeInference } from "./fake-inference.ts";
import { untrained } from "./models.ts";

/* What a program without a compiler, or with a mistake, hands to the library: refused by name before anything is done. */

const folder = mkdtempSync(join(tmpdir(), "vaekit-input-"));
afterAll(() => rmSync(folder, { recursive: true }));

const count = 20;
const all = {
  name: "pairs",
  split: "all",
  event: [2],
  count,
  values: Float32Array.from({ length: 2 * count }, (_, i) => (i % 10) / 10),
  index: Uint32Array.from({ length: count }, (_, i) => i),
} as const;
const dataset = await fingerprinted(all);
const factors = { names: ["a", "b"], sizes: [3, 3], classes: new Uint8Array(2 * count) };

type Loose = Readonly<Record<string, unknown>>;
const call =
  (what: (...given: never[]) => unknown, ...given: unknown[]) =>
  async () =>
    what(...(given as never[]));

/** The refusal's message, which is of one of our errors. */
async function refusal(attempt: () => Promise<unknown>): Promise<string> {
  const problem = await attempt().then(
    () => new Error("nothing was refused"),
    (error: unknown) => error,
  );
  expect([DataError.name, UsageError.name], String(problem)).toContain((problem as Error).name);
  return (problem as Error).message;
}

test("a data set, with labels and factors or without, is one", () => {
  checkDataset(dataset, "data");
  checkDataset({ ...dataset, labels: new Uint8Array(count), factors }, "data");
  checkDataset({ ...dataset, values: Buffer.alloc(2 * count) }, "data");
});

const wrongData: readonly [change: Loose | null, message: string][] = [
  [null, "data: expected a data set"],
  [{ name: "" }, 'data.name: expected a name, got ""'],
  [{ split: "dev" }, 'data.split: expected "train", "validation", "test", "all", got "dev"'],
  ...[undefined, [], [0], [2.5], [-2], ["2"], "2", [Number.NaN], new Uint8Array([2])].map((event): [Loose, string] => [
    { event },
    "data.event: expected the shape of one example, positive integers",
  ]),
  [{ event: [3] }, "data.values: expected 60 values, 20 examples of shape [3], got a Float32Array of 40"],
  ...[-1, 2.5, "20", Number.NaN].map((wrong): [Loose, string] => [
    { count: wrong },
    "data.count: expected an integer >= 0",
  ]),
  [{ count: 21 }, "data.values: expected 42 values, 21 examples of shape [2], got a Float32Array of 40"],
  [{ values: new Float64Array(40) }, "got a Float64Array of 40"],
  [{ values: new Int8Array(40) }, "data.values: expected a Uint8Array for grey levels"],
  [{ values: new Array(40).fill(0) }, "data.values: expected a Uint8Array for grey levels"],
  [{ values: undefined }, "got nothing"],
  [{ index: undefined }, "data.index: expected a Uint32Array, each example's number, got nothing; Uint32Array.from("],
  [{ index: new Uint32Array(19) }, "data.index: expected 20 values, one for each example, got a Uint32Array of 19"],
  [{ index: new Float32Array(20) }, "data.index: expected a Uint32Array"],
  [{ labels: new Uint8Array(19) }, "data.labels: expected 20 values, one for each example, got a Uint8Array of 19"],
  [
    { numbers: { names: ["age"], values: new Float32Array(19) } },
    "data.numbers.values: expected 20 values, 20 examples of 1 numbers, got a Float32Array of 19",
  ],
  [
    { numbers: { names: ["age", "label"], values: new Float32Array(40) } },
    'data.numbers.names: expected names unlike each other and label, got ["age","label"]',
  ],
  [{ numbers: { names: "age" } }, 'data.numbers.names: expected a list of names, got "age"'],
  [{ labels: ["cat"] }, "data.labels: expected a Uint8Array of classes from 0 to 255, or none"],
  [{ factors: 3 }, "data.factors: expected { names, sizes, classes }, or none, got 3"],
  [{ factors: { ...factors, sizes: [3] } }, "data.factors.sizes: expected 2 positive integers"],
  [{ factors: { ...factors, classes: new Uint8Array(3) } }, "data.factors.classes: expected 40 values"],
  [{ fingerprint: undefined }, "data.fingerprint: expected a hash of the data, got nothing; take the data set that"],
];

test.each(wrongData)("data are refused by field: %o", async (change, message) => {
  const data = change === null ? "sprites" : { ...dataset, ...change };
  expect(await refusal(call(encode, { ...fakeInference(), event: [2] }, data))).toContain(message);
});

const tiny = { model: { latent: 1, encoder: { hidden: [4] } }, train: { batchSize: 8 } };
const splits = await splitShuffled(all, { seed: 1 });

const wrongCalls: readonly [options: Loose, message: string][] = [
  [{ data: null }, "train: data: expected a file, a folder,"],
  [{ data: [1] }, "train: data: expected a file, a folder,"],
  [{ data: { train: dataset } }, "data.validation: expected a data set"],
  [{ data: dataset }, "data.train: expected a data set"],
  [{ data: { ...splits, train: { ...splits.train, count: 3 } } }, "data.train.values: expected 6 values"],
  [
    {
      data: {
        ...splits,
        validation: { ...splits.validation, count: 0, values: new Float32Array(0), index: new Uint32Array(0) },
      },
    },
    "data.validation: has no examples; training needs at least one to validate on",
  ],
  [
    { data: { ...splits, test: { ...splits.test, event: [1, 2] } } },
    "data.test.event: expected the shape of the training examples, [2], got [1, 2]",
  ],
  [
    { data: { ...splits, train: { ...splits.train, values: splits.train.values.map(() => Number.NaN) } } },
    "element 0 is NaN; binarization needs numbers from 0 to 1",
  ],
  [{ epochs: "3" }, 'train: epochs: expected a positive integer, got "3"'],
  [{ epochs: 0 }, "train: epochs: expected a positive integer, got 0"],
  [{ steps: Number.NaN }, "train: steps: expected a positive integer, got NaN"],
  [{ minutes: -1 }, "train: minutes: expected a number > 0, got -1"],
  [{ seed: 1.5 }, "train: seed: expected an integer >= 0, got 1.5"],
  [{ threads: 0 }, "train: threads: expected an integer from 1 to 1024, got 0"],
  [{ resume: "no" }, 'train: resume: expected true or false, got "no"'],
  [{ signal: {} }, "train: signal: expected an AbortSignal, got {}"],
  [{ onProgress: 3 }, "train: onProgress: expected a function, got 3"],
  [{ set: "model.latent=2" }, "train: set: expected a list such as"],
  [{ epoch: 3 }, 'train: epoch: unknown key; did you mean "epochs"?'],
  [{ config: 3 }, "config: expected an object, got 3"],
  [{ config: { model: { latent: () => 3 } } }, "config: model.latent: expected plain data, got a function"],
  [{ config: new Map([["model", 1]]) }, "config: expected a plain object, got a Map"],
  [{ config: { train: Object.create({ epochs: 3 }) } }, "config: train: expected a plain object"],
  [{ config: { model: { latent: 2 ** 40 } } }, "model.latent = 1099511627776: parameters, gradients and moments take"],
  [{ config: { model: { encoder: { hidden: [4, 1e8] } } } }, "model.encoder.hidden.1 = 100000000: parameters,"],
  [{ config: { model: { decoder: { hidden: [2e9] } } } }, "model.decoder.hidden.0 = 2000000000: parameters,"],
  [{ config: { train: { batchSize: 1e9 } } }, "train.batchSize = 1000000000: parameters,"],
  [{ config: { model: { likelihood: { kind: "laplce" } } } }, 'no likelihood is named "laplce"'],
  [
    { config: { optimizer: { schedule: { kind: "cosine", warmup: 900 } } } },
    "optimizer.schedule.warmup: expected fewer than the 50 steps",
  ],
];

test.each(wrongCalls)("train refuses %o and leaves nothing behind", async (options, message) => {
  const out = join(folder, "refused");
  expect(await refusal(call(train, { data: splits, out, config: tiny, ...options }))).toContain(message);
  expect(existsSync(out)).toBe(false);
});

test("train without options, or without a place for the run, is refused", async () => {
  expect(await refusal(call(train))).toContain("train: expected an object with any of");
  expect(await refusal(call(train, { data: splits }))).toContain("train: out: expected the run directory, got nothing");
});

const model = fakeInference();
const ends = new Float32Array(8);
const wrongUses: readonly [name: string, attempt: () => Promise<unknown>, message: string][] = [
  [
    "a promise of a model",
    call(encode, Promise.resolve(model), dataset),
    "model: expected an open model, as `await load(",
  ],
  ["a run's name", call(generate, "runs/first", { count: 1, seed: 0 }), 'got "runs/first"; load it first'],
  ["no model", call(reconstruct, undefined, ends, 2), "model: expected an open model"],
  ["no count", call(generate, model, {}), "generate: count: expected a positive integer, got nothing"],
  [
    "a count of text",
    call(generate, model, { count: "3", seed: 0 }),
    'generate: count: expected a positive integer, got "3"',
  ],
  [
    "a count beyond an array",
    call(generate, model, { count: 1e12, seed: 0 }),
    "generate: expected at most 250000000 images",
  ],
  [
    "a wrong name",
    call(generate, model, { count: 1, seeds: 0, seed: 0 }),
    'generate: seeds: unknown key; did you mean "seed"?',
  ],
  ["one step", call(interpolate, model, ends, { steps: 1 }), "interpolate: steps: expected an integer >= 2, got 1"],
  ["an unknown path", call(interpolate, model, ends, { steps: 2, path: "slurp" }), 'did you mean "slerp"?'],
  ["no dimensions", call(traverse, model, { steps: 3, range: 1 }), "traverse: dimensions: expected a list"],
  [
    "no range",
    call(traverse, model, { dimensions: [0], steps: 3 }),
    "traverse: range: expected a number > 0, got nothing",
  ],
  [
    "a start of text",
    call(traverse, model, { dimensions: [0], steps: 3, range: 1, start: "0" }),
    "traverse: start: expected a Float32Array",
  ],
  [
    "data of another shape",
    call(encode, model, dataset),
    "pairs: its examples have shape [2], the model was trained on [2, 2]",
  ],
  [
    "an unknown option",
    call(evaluateRun, { run: "r", sample: 5 }),
    'evaluateRun: sample: unknown key; did you mean "samples"?',
  ],
  ["load without a run", call(load), "load: run: expected the run directory, got nothing"],
  [
    "load with threads of text",
    call(load, "r", { threads: "2" }),
    'load: threads: expected an integer from 1 to 1024, got "2"',
  ],
  ["an export without a folder", call(exportOnnx, { run: "r" }), "exportOnnx: out: expected the folder to write to"],
  ["a part that is none", call(registerLikelihood, "none", null), 'likelihood "none": expected a part'],
  [
    "a part of no support",
    call(registerLikelihood, "none", {}),
    'likelihood "none": support: expected "binary", "unit", "real"',
  ],
  [
    "threads that no machine has",
    async () => cpuBackend(1025),
    "threads: expected an integer from 1 to 1024, got 1025",
  ],
  [
    "splits of no options",
    call(splitShuffled, all, null),
    "options: expected { validation, test, seed, examples }, got null",
  ],
  ["splits of an unknown option", call(splitShuffled, all, { train: 5 }), "options: train: unknown key"],
  [
    "the fingerprint of an array",
    call(fingerprinted, { ...all, values: [1] }),
    "examples.values: expected a Uint8Array",
  ],
  ["no run", call(evaluateRun, {}), "evaluateRun: run: expected the run directory, got nothing"],
  [
    "settings that are no list",
    call(applySet, {}, "a=b"),
    'settings: expected a list such as ["model.latent=50"], got "a=b"',
  ],
];

test.each(wrongUses)("refused: %s", async (_name, attempt, message) => {
  expect(await refusal(attempt)).toContain(message);
});

async function opened(use: (open: Inference) => Promise<void>): Promise<void> {
  const open = inference(untrained(tiny, [2]), await cpuBackend(1));
  await use(open).finally(() => open.close());
}

test("rows for a network are finite floats, and as many as they are said to be", () =>
  opened(async (open) => {
    expect(await refusal(call(open.encode, [0, 1], 1))).toBe(
      "x: expected a Float32Array or a Uint8Array of grey levels, rows of 2 values, got [0,1]",
    );
    expect(await refusal(call(open.encode, Float32Array.of(0, 1), undefined))).toContain(
      "x: rows: expected an integer",
    );
    expect(await refusal(call(open.encode, Float32Array.of(0, 1, 2, Number.NaN), 2))).toBe(
      "x: row 1, value 1: expected a finite number, got NaN",
    );
    expect(await refusal(call(open.decode, Float32Array.of(Number.POSITIVE_INFINITY), 1))).toContain(
      "z: row 0, value 0",
    );
  }));

test("a closed model says so, and may be closed again", () =>
  opened(async (open) => {
    await open.encode(new Float32Array(2), 1);
    await open.close();
    expect(await refusal(call(open.encode, new Float32Array(2), 1))).toContain("the model is closed");
  }));

test("data in memory are trained on, and the same data may be all three splits", async () => {
  const out = join(folder, "run");
  const data = { train: dataset, validation: dataset, test: dataset };
  const { step } = await train({ data, out, config: tiny, epochs: 1, threads: 1 });
  expect(step).toBe(3);
  const open = await load(out, { threads: 1 });
  expect((await encode(open, dataset)).mean).toHaveLength(count);
  await open.close();
});

test.each([false, true])("a run that another program began meanwhile is left alone (resume: %s)", async (resume) => {
  const out = join(folder, `meanwhile-${resume}`);
  mkdirSync(out);
  // Asked for while the data are loaded, after the directory was looked at.
  const throwIfAborted = () => writeFileSync(join(out, "config.json"), "theirs");
  const signal = { aborted: false, throwIfAborted } as unknown as AbortSignal;
  const attempt = train({ data: "sprites", set: ["data.examples=30"], out, config: tiny, resume, signal, epochs: 1 });
  await expect(attempt).rejects.toThrow(resume ? /another program has begun this run/ : /exists and is not empty/);
  expect(readFileSync(join(out, "config.json"), "utf8")).toBe("theirs");
});

test("the memory of the machine is a bound of its own, and the message says so", () => {
  const config = parseConfig(tiny, "test");
  checkMemory(config, [2], { bytes: 100_000 });
  expect(() => checkMemory(config, [2], { bytes: 5_000 })).toThrow(/more than the 5 kB of this machine; lower /);
  expect(() =>
    checkMemory(parseConfig({ ...tiny, train: { batchSize: 20_000 } }, "test"), [2], { bytes: 1e6 }),
  ).toThrow(
    /^train\.batchSize = 20000: parameters, gradients and moments take [\d.]+ kB and a batch [\d.]+ kB, with the rest/,
  );
});
