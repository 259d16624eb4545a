import { expect, test } from "vitest";
import { negElboConfig } from "../config.objective.ts";
import { type PartialConfig, parseConfig } from "../config.ts";
import type { Dataset, Splits } from "../data/dataset.ts";
import { NumericalError } from "../errors.ts";
import { loadObjective } from "../models/objective-table.ts";
import { loadModel } from "../models/portable.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { memoryStorage } from "../storage/memory.ts";
import { decodeSafetensors } from "../storage/safetensors.ts";
import type { Storage } from "../storage/storage.ts";
import { readMetrics } from "./metrics.ts";
import type { TrainOptions } from "./options.ts";
import { adviceOn, prepareTraining } from "./prepare.ts";
import { learningRateAt, scalarsAt } from "./schedule.ts";
import { trainModel } from "./train.ts";

/** Grey images of 4×4 with one bright bar each: something to learn. */
function bars(split: Dataset["split"], count: number, start: number): Dataset {
  const values = Uint8Array.from({ length: count * 16 }, (_, i) => {
    const [example, column] = [start + Math.floor(i / 16), i % 4];
    return example % 4 === column ? 230 : 20;
  });
  return {
    name: "bars",
    split,
    event: [4, 4],
    count,
    values,
    index: Uint32Array.from({ length: count }, (_, i) => start + i),
    fingerprint: "bars",
  };
}

const data: Splits = {
  train: bars("train", 70, 0),
  validation: bars("validation", 20, 70),
  test: bars("test", 10, 90),
};
const base = {
  model: { latent: 2, encoder: { hidden: [8] } },
  train: { batchSize: 16, epochs: 3 },
} satisfies PartialConfig;

async function run(config: PartialConfig, { data: given = data, ...more }: Partial<TrainOptions> = {}) {
  const storage = more.storage ?? memoryStorage();
  const result = await trainModel({
    ...prepareTraining(parseConfig(config, "test"), given),
    storage,
    backend: await cpuBackend(1),
    ...more,
  });
  return { result, storage, metrics: await readMetrics(storage) };
}

/** The weights of the portable model. */
async function weights(storage: Storage): Promise<number[]> {
  const { tensors } = decodeSafetensors(await storage.read("model/weights.safetensors"), "weights");
  return [...tensors.values()].flatMap(({ data }) => Array.from(data, Number));
}

const reference = run(base);

test("training lowers the bound, and its parts add up", async () => {
  const { metrics, result } = await run({ ...base, train: { ...base.train, epochs: 40 } });
  expect(metrics).toHaveLength(40);
  expect(metrics.at(-1)!.train.negElboNats).toBeLessThan(metrics[0]!.train.negElboNats - 1);
  for (const { train, validation } of metrics) {
    expect(train.distortionNats + train.rateNats).toBeCloseTo(train.negElboNats, 4);
    expect(validation!.distortionNats + validation!.rateNats).toBeCloseTo(validation!.negElboNats, 4);
  }
  expect(result).toMatchObject({ stopped: "finished", epoch: 40, step: 200 }); // 4 whole batches and a partial one
});

test("the same seed gives the same numbers", async () => {
  const { storage } = await run(base);
  expect(await weights(storage)).toEqual(await weights((await reference).storage));
});

// Each entry: an option set to something else than the reference has.
const options: Readonly<Record<string, PartialConfig>> = {
  "data.binarization none": { ...base, data: { binarization: "none" } },
  "data.binarization static": { ...base, data: { binarization: "static" } },
  "objective.beta": { ...base, objective: { beta: 2 } },
  "optimizer.learningRate": { ...base, optimizer: { learningRate: 0.002 } },
  "optimizer.beta1": { ...base, optimizer: { beta1: 0.5 } },
  "optimizer.beta2": { ...base, optimizer: { beta2: 0.9 } },
  "optimizer.epsilon": { ...base, optimizer: { epsilon: 0.01 } },
  "optimizer.schedule cosine": { ...base, optimizer: { schedule: { kind: "cosine" } } },
  "optimizer.schedule step": { ...base, optimizer: { schedule: { kind: "step", factor: 0.1, every: 4 } } },
  "optimizer.schedule warmup": { ...base, optimizer: { schedule: { kind: "constant", warmup: 3 } } },
  "optimizer.schedule plateau": {
    ...base,
    optimizer: { learningRate: 0.3, schedule: { kind: "plateau", patience: 1 } },
  },
  "optimizer.kind adamw": { ...base, optimizer: { kind: "adamw" } },
  "optimizer.kind adamax": { ...base, optimizer: { kind: "adamax" } },
  "optimizer.kind sgd": { ...base, optimizer: { kind: "sgd" } },
  "optimizer.clip": { ...base, optimizer: { clip: 0.01, epsilon: 0.1 } },
  "optimizer.groups": { ...base, optimizer: { groups: [{ parameters: ["encoder"], learningRate: 0 }] } },
  "objective.schedule linear": { ...base, objective: { schedule: { kind: "linear", steps: 5 } } },
  "objective.schedule cyclical": { ...base, objective: { schedule: { kind: "cyclical", period: 4 } } },
  "objective.kind capacity": { ...base, objective: { kind: "capacity" } },
  "train.batchSize": { ...base, train: { ...base.train, batchSize: 15 } },
  "train.seed": { ...base, train: { ...base.train, seed: 1 } },
  "train.average": { ...base, train: { ...base.train, average: 0.5 } },
  "train.epochs": { ...base, train: { ...base.train, epochs: 4 } },
  "train.steps": { ...base, train: { batchSize: 16, steps: 7 } },
};
for (const [name, config] of Object.entries(options)) {
  test(`${name} changes the model`, async () => {
    const { storage } = await run(config);
    expect(await weights(storage)).not.toEqual(await weights((await reference).storage));
  });
}

test("options of the optimizer change the model against the same optimizer without them", async () => {
  for (const [one, other] of [
    [{ kind: "sgd" }, { kind: "sgd", momentum: 0.5 }],
    [{ kind: "sgd" }, { kind: "sgd", nesterov: true }],
    [{ kind: "sgd" }, { kind: "sgd", weightDecay: 0.1 }],
    [{ kind: "adamw" }, { kind: "adamw", weightDecay: 0.1 }],
    [{ epsilon: 0.1 }, { epsilon: 0.1, clip: 0.01 }],
  ] as const) {
    const [a, b] = [await run({ ...base, optimizer: one }), await run({ ...base, optimizer: other })];
    expect(await weights(a.storage), JSON.stringify(other)).not.toEqual(await weights(b.storage));
  }
});

test("with terms of whole batches an epoch is spread evenly over its batches; else the last is what is left over", async () => {
  const sizes = async (objective: PartialConfig["objective"]) => {
    const found: number[] = [];
    const backend = await cpuBackend(1);
    const watching: typeof backend = {
      ...backend,
      async compile(model, ...options) {
        const executable = await backend.compile(model, ...options);
        const bind: typeof executable.bind = (inputs, outputs) => {
          const run = executable.bind(inputs, outputs);
          const weights = inputs.weight?.data as Float32Array | undefined;
          return async () => {
            if (weights) found.push(weights.reduce((sum, weight) => sum + weight, 0));
            await run();
          };
        };
        return { ...executable, bind };
      },
    };
    await loadObjective(parseConfig({ objective }).objective);
    await run({ ...base, objective, train: { batchSize: 16, epochs: 1 } }, { backend: watching });
    return found;
  };
  expect(await sizes({ kind: "dip-vae" })).toEqual([14, 14, 14, 14, 14, 10, 10]); // of training, then of validation
  expect(await sizes({ kind: "elbo", freeBits: 0.1 })).toEqual([14, 14, 14, 14, 14, 10, 10]);
  for (const kind of ["elbo", "capacity"] as const) expect(await sizes({ kind })).toEqual([16, 16, 16, 16, 6, 16, 4]);
});

test("train.microBatch computes the same batches in parts", async () => {
  const optimizer = { epsilon: 0.1 }; // a small ε makes steps of rounding errors
  const whole = await run({ ...base, optimizer });
  const parts = await run({ ...base, optimizer, train: { ...base.train, microBatch: 5 } });
  const [a, b] = [await weights(whole.storage), await weights(parts.storage)];
  expect(a).not.toEqual(b);
  for (const [i, value] of a.entries()) expect(b[i]).toBeCloseTo(value, 5);
  expect(parts.metrics.at(-1)!.train.negElboNats).toBeCloseTo(whole.metrics.at(-1)!.train.negElboNats, 4);
});

test("optimizer.skipAbove leaves steps out and counts them; an epoch of nothing else ends the run", async () => {
  const norm = (await reference).metrics[0]!.gradientNorm;
  const { metrics } = await run({ ...base, optimizer: { skipAbove: norm } });
  const skipped = metrics.map(({ skippedSteps }) => skippedSteps);
  expect(Math.max(...skipped)).toBeGreaterThan(0);
  expect(Math.max(...skipped)).toBeLessThan(5);
  await expect(run({ ...base, optimizer: { skipAbove: 1e-6 } })).rejects.toThrow(
    /every step of epoch 1 was skipped.*optimizer\.skipAbove/,
  );
});

test("groups that name nothing, or freeze all, are refused before a training is prepared", () => {
  const prepare = (parameters: string[]) =>
    prepareTraining(parseConfig({ ...base, optimizer: { groups: [{ parameters, learningRate: 0 }] } }), data);
  expect(() => prepare(["encodr"])).toThrow('optimizer.groups.0: no parameter\'s path begins with "encodr"');
  expect(() => prepare(["encoder", "decoder"])).toThrow("optimizer.groups: freeze every parameter");
});

test("β, the capacity and the learning rate go by their schedules", () => {
  const { optimizer } = parseConfig({});
  const beta = (schedule: object, steps: readonly number[]) =>
    steps.map((step) => scalarsAt({ ...negElboConfig, beta: 4, schedule: schedule as never }, step).beta);
  expect(beta({ kind: "linear", steps: 4, from: 0 }, [1, 2, 3, 5, 6])).toEqual([0, 1, 2, 4, 4]);
  expect(beta({ kind: "linear", steps: 4, from: 0.5 }, [1, 3, 5])).toEqual([2, 3, 4]);
  expect(beta({ kind: "cyclical", period: 8, rising: 0.5 }, [1, 2, 4, 5, 8, 9, 11])).toEqual([0, 1, 3, 4, 4, 0, 2]);
  const capacity = parseConfig({ objective: { kind: "capacity", gamma: 7, from: 2, to: 10, steps: 4 } }).objective;
  expect([1, 2, 4, 5, 6, 100].map((step) => scalarsAt(capacity, step))).toEqual(
    [2, 4, 8, 10, 10, 10].map((capacityNats) => ({ gamma: 7, capacityNats })),
  );
  const rate = (schedule: object, step: number, reductions = 0) =>
    learningRateAt(
      { ...optimizer, learningRate: 8, schedule: { warmup: 0, ...schedule } as never },
      step,
      100,
      reductions,
    );
  expect([1, 2, 4, 5].map((step) => rate({ kind: "constant", warmup: 4 }, step))).toEqual([2, 4, 8, 8]);
  expect([0, 1, 2, 9].map((n) => rate({ kind: "plateau", factor: 0.5, final: 0.1 }, 9, n))).toEqual([8, 4, 2, 0.8]);
  expect([4, 5, 7, 8].map((step) => rate({ kind: "step", factor: 0.5, every: 3, warmup: 4 }, step))).toEqual([
    8, 8, 8, 4,
  ]);
});

test("a plateau lowers the learning rate after so many validations without a better one", async () => {
  const { metrics } = await run({
    ...base,
    optimizer: { learningRate: 0.3, schedule: { kind: "plateau", factor: 0.5, patience: 2, final: 0.1 } },
    train: { ...base.train, epochs: 30 },
  });
  let [best, since, reductions] = [Number.POSITIVE_INFINITY, 0, 0];
  for (const { validation, learningRate } of metrics) {
    expect(learningRate).toBeCloseTo(0.3 * Math.max(0.5 ** reductions, 0.1), 12);
    since = validation!.negElboNats < best ? 0 : since + 1;
    best = Math.min(best, validation!.negElboNats);
    if (since > 0 && since % 2 === 0) reductions++;
  }
  expect(reductions).toBeGreaterThan(1);
});

test("train.steps ends within an epoch, which has its row", async () => {
  const { metrics, result } = await run({ ...base, train: { batchSize: 16, steps: 7 } });
  expect(result).toMatchObject({ stopped: "finished", epoch: 2, step: 7 });
  expect(metrics.map(({ epoch, step }) => [epoch, step])).toEqual([
    [1, 5],
    [2, 7],
  ]);
});

test("train.validateEvery leaves out validations, but never the last", async () => {
  const { metrics } = await run({ ...base, train: { ...base.train, epochs: 5, validateEvery: 2 } });
  expect(metrics.map(({ validation }) => validation !== null)).toEqual([false, true, false, true, true]);
});

test("train.patience stops when the validation bound gets no better, and the model is the best one", async () => {
  // A rate so high that the bound soon gets worse.
  const { result, metrics } = await run({
    ...base,
    optimizer: { learningRate: 0.3 },
    train: { ...base.train, epochs: 400, patience: 2 },
  });
  expect(result.stopped).toBe("early");
  const bounds = metrics.map(({ validation }) => validation!.negElboNats);
  expect(result.best!.negElboNats).toBe(Math.min(...bounds));
  expect(bounds.length - result.best!.epoch).toBe(2);
});

test("train.minutes stops the run with a checkpoint that it can be resumed from", async () => {
  const { result, storage } = await run({ ...base, train: { batchSize: 16, minutes: 0.002 } });
  expect(result.stopped).toBe("minutes");
  expect((await storage.list("checkpoints")).length).toBeGreaterThan(0);
  expect((await loadModel(storage)).description.trained.step).toBeGreaterThan(0); // also when no epoch was finished
});

test("a run on other data than it began with is refused", async () => {
  const { storage } = await run(base);
  const other = { ...data, train: { ...data.train, fingerprint: "other" } };
  await expect(
    run({ ...base, train: { ...base.train, epochs: 4 } }, { storage, data: other, resume: true }),
  ).rejects.toThrow(/trained on other data/);
});

test("values that the likelihood has no density for are refused with their place", async () => {
  const values = new Float32Array(70 * 16).fill(0.5);
  values[3 * 16 + 5] = Number.NaN;
  const broken = { ...data, train: { ...data.train, values } };
  await expect(run(base, { data: broken })).rejects.toThrow(/bars \(train\): example 3, element 5 is NaN/);
});

test("two checkpoints are kept, and fewer where there were fewer", async () => {
  const { storage } = await run({ ...base, train: { ...base.train, checkpointSeconds: 0 } });
  expect(await storage.list("checkpoints")).toEqual(["step-000000000014.safetensors", "step-000000000015.safetensors"]);
});

test("schedules, at steps that can be worked out by hand", () => {
  const optimizer = (schedule: PartialConfig["optimizer"]) =>
    parseConfig({ optimizer: schedule, train: { steps: 100 } }, "test").optimizer;
  const cosine = optimizer({ learningRate: 1, schedule: { kind: "cosine", final: 0.1, warmup: 10 } });
  expect([1, 5, 10].map((step) => learningRateAt(cosine, step, 100))).toEqual([0.1, 0.5, 1]);
  expect(learningRateAt(cosine, 55, 100)).toBeCloseTo(0.55, 12); // half way down
  expect(learningRateAt(cosine, 100, 100)).toBeCloseTo(0.1, 12);
  const step = optimizer({ learningRate: 1, schedule: { kind: "step", factor: 0.5, every: 10 } });
  expect([1, 10, 11, 20, 21].map((at) => learningRateAt(step, at, 100))).toEqual([1, 1, 0.5, 0.5, 0.25]);
  expect(learningRateAt(optimizer({ learningRate: 0.3 }), 7, null)).toBe(0.3);
});

test("a padded last batch counts by its examples: the epoch's means are over examples, not over batches", async () => {
  const still = { ...base, optimizer: { learningRate: 1e-30 }, train: { ...base.train, epochs: 1 } };
  const padded = await run({ ...still, train: { ...still.train, batchSize: 69 } }); // 69 examples and 1
  const whole = await run({ ...still, train: { ...still.train, batchSize: 70 } });
  const noise = 2; // nats: the two draw other noise, as the step differs
  expect(Math.abs(padded.metrics[0]!.train.negElboNats - whole.metrics[0]!.train.negElboNats)).toBeLessThan(noise);
  const alone = await run({ ...still, train: { ...still.train, batchSize: 1 } });
  expect(Math.abs(alone.metrics[0]!.train.negElboNats - whole.metrics[0]!.train.negElboNats)).toBeLessThan(noise);
});

test("a validation bound that is not finite stops the run and names the example", async () => {
  const values = Float32Array.from(data.validation.values, (v) => v / 255);
  values[2 * 16] = 1e30;
  const train = { ...data.train, values: Float32Array.from(data.train.values, (v) => v / 255) };
  const broken = { ...data, train, validation: { ...data.validation, values } };
  const config = { ...base, model: { ...base.model, likelihood: { kind: "normal", variance: "global" } } } as const;
  await expect(run(config, { data: broken })).rejects.toThrow(/validation bound is not finite: example 72 of bars/);
});

test("a gradient too large for the optimizer's squares changes nothing", async () => {
  const train = { ...data.train, values: new Float32Array(70 * 16).fill(3e15) };
  const config = {
    ...base,
    model: { ...base.model, likelihood: { kind: "normal", variance: "fixed", standardDeviation: 0.01 } },
  } as const;
  await expect(run(config, { data: { ...data, train } })).rejects.toThrow(/not finite|too large/);
});

test("a warm-up as long as the run is refused", async () => {
  const schedule = { kind: "cosine", warmup: 15 } as const;
  await expect(run({ ...base, optimizer: { schedule } })).rejects.toThrow(
    "optimizer.schedule.warmup: expected fewer than the 15 steps",
  );
});

test("weights and description that do not belong together are refused", async () => {
  const { storage } = await run(base);
  const other = await run({ ...base, train: { ...base.train, seed: 5 } });
  await storage.write("model/weights.safetensors", await other.storage.read("model/weights.safetensors"));
  await expect(loadModel(storage)).rejects.toThrow(/not the weights that model\/model.json was written with/);
});

test("with β ≠ 1 the best weights are those of the lowest objective", async () => {
  const { result, metrics } = await run({ ...base, objective: { beta: 8 }, train: { ...base.train, epochs: 30 } });
  const objectives = metrics.map(({ validation }) => validation!.distortionNats + 8 * validation!.rateNats);
  expect(result.best!.objectiveNats).toBeCloseTo(Math.min(...objectives), 6);
});

const capacity = { kind: "capacity", gamma: 20, from: 0.1, steps: 30 } as const;

test.each([0.5, 3])("the capacity objective holds the rate at %d nats, also over a padded last batch", async (to) => {
  const config = { ...base, objective: { ...capacity, to }, optimizer: { learningRate: 0.003 } };
  const { metrics } = await run({ ...config, train: { ...base.train, epochs: 60 } });
  const last = metrics.slice(-20).map(({ train }) => train.rateNats);
  expect(Math.abs(last.reduce((sum, rate) => sum + rate / 20, 0) - to)).toBeLessThan(0.15);
});

test("a row of metrics has the capacity and its weight, or β, as the objective has them", async () => {
  const { metrics } = await run({ ...base, objective: { ...capacity, to: 3.1, steps: 8 } });
  for (const row of metrics) expect(row).not.toHaveProperty("beta");
  expect(metrics.map(({ gamma, capacityNats }) => [gamma, capacityNats])).toEqual([
    [20, 1.6], // step 5: 4/8 of the way
    [20, 3.1],
    [20, 3.1],
  ]);
  const elbo = (await reference).metrics[0]!;
  expect(elbo.beta).toBe(1);
  for (const name of ["gamma", "capacityNats"]) expect(elbo).not.toHaveProperty(name);
});

test("the best weights are those of the lowest objective with the last capacity, whatever it is at that step", async () => {
  const { result, metrics } = await run({
    ...base,
    objective: { ...capacity, to: 2, steps: 60 },
    optimizer: { learningRate: 0.02 },
    train: { ...base.train, epochs: 20 },
  });
  const objectives = metrics.map(
    ({ validation }) => validation!.distortionNats + 20 * Math.abs(validation!.rateNats - 2),
  );
  expect(result.best!.objectiveNats).toBeCloseTo(Math.min(...objectives), 6);
  expect(result.best!.epoch).toBe(objectives.indexOf(Math.min(...objectives)) + 1);
});

test("a run with a capacity, stopped while it rises and resumed, is to the bit the one that was not stopped", async () => {
  const config = { ...base, objective: { ...capacity, to: 3, steps: 12 } };
  const whole = await run({ ...config, train: { batchSize: 16, steps: 15 } });
  const { storage } = await run({ ...config, train: { batchSize: 16, steps: 7 } });
  const resumed = await run({ ...config, train: { batchSize: 16, steps: 15 } }, { storage, resume: true });
  expect(resumed.result.steps).toBe(8);
  expect(await weights(storage)).toEqual(await weights(whole.storage));
  const timeless = (rows: typeof whole.metrics) => rows.map((row) => ({ ...row, seconds: 0, examplesPerSecond: 0 }));
  // An epoch that ended early with the shorter run keeps the row that it got then.
  expect(timeless(resumed.metrics).filter(({ step }) => step !== 7)).toEqual(timeless(whole.metrics));
});

test("a run that ends before its capacity has risen is told so, with the mend", () => {
  const advice = (objective: PartialConfig["objective"], steps = 300) =>
    adviceOn(parseConfig({ ...base, objective, train: { batchSize: 16, steps } }), data);
  expect(advice({ ...capacity, from: 0, to: 10, steps: 1000 })).toBe(
    "The capacity rises from 0 to 10 nats over 1000 steps, and the run has 300: it ends at 2.99 nats. --set objective.steps=150 would reach it half way.",
  );
  expect(advice({ ...capacity, from: 100, to: 150, steps: 750 })).toContain(" it ends at 120 nats.");
  // within one step of its end, or as good as there: it would say that C rises to 10 and ends at 10
  expect(advice({ ...capacity, to: 10, steps: 299 })).toBeUndefined();
  expect(advice({ ...capacity, to: 10, steps: 300 })).toBeUndefined();
  expect(advice({ ...capacity, to: 10, steps: 3 }, 3)).toBeUndefined();
  expect(advice({ ...capacity, to: 10, steps: 4 }, 3)).toContain(" it ends at 5.05 nats.");
  expect(advice({ ...capacity, to: 10, steps: 9001 }, 9000)).toBeUndefined();
  expect(advice({ ...capacity, from: 10, to: 10, steps: 1000 })).toBeUndefined();
  expect(advice({ kind: "elbo" })).toBeUndefined();
});

test("a model without a checkpoint is not trained over", async () => {
  const { storage } = await run(base);
  for (const name of await storage.list("checkpoints")) await storage.remove(`checkpoints/${name}`);
  await expect(run(base, { storage, resume: true })).rejects.toThrow(/no checkpoint to resume from/);
});

test("parameters that overflowed in the last step are not saved: the checkpoint of before stays", async () => {
  const optimizer = { kind: "sgd", learningRate: 0.001 } as const;
  const { storage } = await run({ ...base, optimizer });
  const before = await storage.list("checkpoints");
  const stop = new AbortController();
  const failure = run(
    { ...base, optimizer: { ...optimizer, learningRate: 1e38, weightDecay: 1e4 }, train: { ...base.train, epochs: 4 } },
    {
      ...{ storage, resume: true, signal: stop.signal },
      onProgress: (event) => {
        if (event.kind === "step") stop.abort();
      },
    },
  );
  await expect(failure).rejects.toThrow(NumericalError);
  await expect(failure).rejects.toThrow(
    /^"parameters\/encoder\.hidden\.0\.weight" holds -?(Infinity|NaN) at element \d+ after step 16: no checkpoint of that/,
  );
  expect(await storage.list("checkpoints")).toEqual(before);
});
