import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sprites } from "../data/sprites.ts";
import { RunError, UsageError } from "../errors.ts";
import { openRun } from "../models/open.node.ts";
import { decodeSafetensors } from "../storage/safetensors.ts";
import { encodeSafetensors } from "../storage/safetensors-encode.ts";
import { type TrainOptions, train } from "./train.node.ts";

/* What may be wrong with a run that is to be gone on with. A refusal leaves it as it was, to the byte. */

const folder = mkdtempSync(join(tmpdir(), "vaekit-refused-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const set = [
  "data.examples=40",
  "data.validation=4",
  "data.test=4",
  "model.latent=2",
  "model.encoder.hidden=[4]",
  "train.batchSize=16",
  "train.checkpointSeconds=0",
];
const [previous, newest] = [3, 4].map((step) => `checkpoints/step-${String(step).padStart(12, "0")}.safetensors`) as [
  string,
  string,
];

beforeAll(async () => {
  await train({ data: "sprites", out: join(folder, "whole"), epochs: 2, threads: 1, set });
});

let copies = 0;

function copy(): string {
  const run = join(folder, `run${copies++}`);
  cpSync(join(folder, "whole"), run, { recursive: true });
  return run;
}

const resume = (run: string, more: Partial<TrainOptions> = {}) =>
  train({ data: "sprites", out: run, resume: true, epochs: 3, ...more });

/** Every file with a hash of its bytes and the time of its last change. */
function contents(run: string): Map<string, string> {
  const names = readdirSync(run, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => statSync(join(run, name)).isFile());
  const hash = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(run, name)))
      .digest("hex");
  return new Map(files.map((name) => [name, `${statSync(join(run, name)).mtimeMs} ${hash(name)}`]));
}

type Json = Record<string, unknown>;

/** Changes the JSON in a file; `change` alters the object it is given. */
function edit(file: string, change: (json: Json) => unknown): (run: string) => void {
  return (run) => {
    const json = JSON.parse(readFileSync(join(run, file), "utf8")) as Json;
    change(json);
    writeFileSync(join(run, file), JSON.stringify(json));
  };
}

/** Changes the state within a checkpoint. */
function editState(change: (state: Json) => unknown): (run: string) => void {
  return (run) => {
    const { tensors, metadata } = decodeSafetensors(new Uint8Array(readFileSync(join(run, newest))), newest);
    const state = JSON.parse(metadata.state!) as Json;
    change(state);
    writeFileSync(join(run, newest), encodeSafetensors(tensors, { state: JSON.stringify(state) }));
  };
}

const put = (file: string, text: string) => (run: string) => writeFileSync(join(run, file), text);
const section = (json: Json, name: string) => json[name] as Json;

const refusals: Readonly<
  Record<
    string,
    {
      alter?: (run: string) => void;
      with?: () => Promise<Partial<TrainOptions>>;
      usage?: true;
      says: readonly string[];
    }
  >
> = {
  "other data": {
    with: async () => ({ data: await sprites({ examples: 40, validation: 4, test: 4, seed: 1 }) }),
    says: ["the run was trained on other data (fingerprint ", "resume with the data it began with, sprites"],
  },
  "another option": {
    with: async () => ({ set: ["objective.beta=2"] }),
    usage: true,
    says: ["--resume: objective.beta is 1 in the run and 2 in the options", "may change only train.epochs"],
  },
  "config.json edited": {
    alter: edit("config.json", (config) => {
      section(config, "optimizer").beta1 = 0.5;
      section(section(config, "model"), "encoder").hidden = [4, 4];
    }),
    says: [
      "/config.json: model.encoder.hidden is [4,4], the run began with [4]\n",
      "/config.json: optimizer.beta1 is 0.5, the run began with 0.9; put it back, or begin a new run",
    ],
  },
  "config.json with a wrong value": {
    alter: edit("config.json", (config) => Object.assign(section(config, "model"), { latent: "two" })),
    says: ['/config.json: model.latent: expected a positive integer, got "two"'],
  },
  "config.json cut short": {
    alter: put("config.json", '{"model"'),
    says: ["/config.json: not JSON (", "begin a new run"],
  },
  "environment.json that is a list": {
    alter: put("environment.json", "[]"),
    says: ["/environment.json: expected an object, got []; correct the file, or remove it"],
  },
  "environment.json with wrong fields": {
    alter: edit("environment.json", (record) => {
      record.threads = "4";
      delete section(record, "data").fingerprint;
    }),
    says: [
      '/environment.json: threads: expected a number, got "4"\n',
      "/environment.json: data.fingerprint: expected text, got nothing; correct the file, or remove it",
    ],
  },
  "environment.json with a wrong config": {
    alter: edit("environment.json", (record) => Object.assign(record, { config: { model: { latent: 0 } } })),
    says: ["/environment.json: config: model.latent: expected a positive integer, got 0"],
  },
  "other data before the first checkpoint": {
    alter: (run) => {
      for (const name of ["checkpoints", "model", "metrics.jsonl"]) rmSync(join(run, name), { recursive: true });
    },
    with: async () => ({ data: await sprites({ examples: 40, validation: 4, test: 4, seed: 1 }) }),
    says: ["the run was trained on other data (fingerprint "],
  },
  "a line of metrics.jsonl": {
    alter: (run) => {
      const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").split("\n");
      lines[1] = '{"epoch": 2, "step": "six"}';
      writeFileSync(join(run, "metrics.jsonl"), lines.join("\n"));
    },
    says: ['/metrics.jsonl: line 2: step: expected a number, got "six"', "correct this line or remove it"],
  },
  "a damaged checkpoint": {
    alter: put(newest, "rubbish"),
    says: [`${newest}: `, "Remove this file to resume from the checkpoint before it, step-000000000003.safetensors"],
  },
  "a damaged checkpoint that is the only one": {
    alter: (run) => {
      rmSync(join(run, previous));
      put(newest, "rubbish")(run);
    },
    says: [
      "It is the only checkpoint of the run: to train on, begin a new run in another directory; the model in model/ can still be used",
    ],
  },
  "a state of the wrong shape": {
    alter: editState((state) => {
      state.epochSums = { rateNats: "1" };
      delete state.best;
    }),
    says: [
      `${newest}: training state: epochSums.rateNats: expected a number, got "1"\n`,
      "training state: best: expected an object, got nothing; the file is damaged. Remove this file",
    ],
  },
  "a state of a later version": {
    alter: editState((state) => Object.assign(state, { version: 3 })),
    says: ["written by a later version of vaekit (state version 3, this one reads 2); upgrade vaekit"],
  },
  "a checkpoint under another name": {
    alter: (run) => renameSync(join(run, newest), join(run, "checkpoints/step-000000000009.safetensors")),
    says: ["step-000000000009.safetensors: is renamed, it holds step 4"],
  },
};

for (const [name, { alter, with: options, usage, says }] of Object.entries(refusals)) {
  test(`${name}: refused with its place, and the run stays as it was`, async () => {
    const run = copy();
    alter?.(run);
    const before = contents(run);
    const error = (await resume(run, await options?.()).catch((reason: unknown) => reason)) as Error;
    expect(error).toBeInstanceOf(usage ? UsageError : RunError);
    for (const text of says) expect(error.message).toContain(text);
    expect(contents(run)).toEqual(before);
  });
}

/** The step from which a run goes on. */
async function resumedFrom(run: string, more: Partial<TrainOptions> = {}): Promise<number | undefined> {
  let from: number | undefined;
  const onProgress: TrainOptions["onProgress"] = (event) => {
    if (event.kind === "start") from = event.resumedFrom;
  };
  await resume(run, { ...more, onProgress });
  return from;
}

test("what may change on resume may be changed in config.json too, and the page on it lists the same keys", async () => {
  const run = copy();
  edit("config.json", (config) => {
    Object.assign(section(config, "train"), { patience: 7, checkpointSeconds: 9, minutes: 100, epochs: 3 });
    section(config, "optimizer").learningRate = 0.002;
  })(run);
  expect(await resumedFrom(run)).toBe(4);
  expect(JSON.parse(readFileSync(join(run, "config.json"), "utf8"))).toMatchObject({
    train: { patience: 7, checkpointSeconds: 9, minutes: 100, epochs: 3 },
    optimizer: { learningRate: 0.002 },
  });
  const refused = (await resume(run, { set: ["objective.beta=2"] }).catch((reason: unknown) => reason)) as Error;
  const keys = refused.message.split("may change only ")[1]!.match(/\w+\.\w+/g)!;
  expect(keys).toHaveLength(6);
  const page = readFileSync(new URL("../../docs/reproducibility.md", import.meta.url), "utf8");
  for (const key of keys) expect(page).toContain(`\`${key}\``);
});

test("the newest checkpoint is that of the highest number, however many digits the names have", async () => {
  const run = copy();
  renameSync(join(run, previous), join(run, "checkpoints/step-3.safetensors")); // as text, it comes last
  expect(await resumedFrom(run)).toBe(4);
});

test("a run of an earlier version, whose environment.json holds no config, and one without that file, go on", async () => {
  const run = copy();
  edit("environment.json", (record) => delete record.config)(run);
  expect(await resumedFrom(run)).toBe(4);
  const other = copy();
  rmSync(join(other, "environment.json"));
  expect(await resumedFrom(other)).toBe(4);
  expect(Object.keys(JSON.parse(readFileSync(join(other, "environment.json"), "utf8")) as Json)).toContain("config");
});

test("with the newest checkpoint removed, as advised, the run goes on from the one before", async () => {
  const run = copy();
  rmSync(join(run, newest));
  expect(await resumedFrom(run)).toBe(3);
});

test("a directory that is no run, a file, and no directory are refused in words", async () => {
  const empty = join(folder, "no-run");
  mkdirSync(empty);
  writeFileSync(join(empty, "notes.txt"), "x");
  const file = join(empty, "notes.txt");
  const missing = join(folder, "nowhere");
  const refused = async (action: Promise<unknown>, kind: typeof RunError | typeof UsageError, says: string) => {
    const error = (await action.catch((reason: unknown) => reason)) as Error;
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain(says);
  };
  await refused(resume(missing), RunError, `there is no run at ${missing}; leave --resume out to begin one`);
  await refused(resume(empty), RunError, `${empty}: holds no run that could be resumed (config.json is missing)`);
  await refused(resume(file), UsageError, `--out: ${file} is a file; name a directory`);
  await refused(openRun(missing), RunError, `${missing}: there is no such run; name the directory`);
  await refused(openRun(file), RunError, `${file}: is a file, not the directory of a run`);
  await refused(openRun(join(file, "x")), RunError, "there is no such run");
  await refused(
    openRun(empty),
    RunError,
    `${empty}: holds no trained model (model/model.json is missing), nor anything`,
  );
  writeFileSync(join(empty, "config.json"), "{}");
  await refused(openRun(empty), RunError, "it has not come to its first validation; let it train on, or resume it");
  expect(readdirSync(folder)).not.toContain("nowhere");
});
