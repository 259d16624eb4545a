import { beforeAll, expect, test } from "vitest";
import { fakeInference } from "../../test/fake-inference.ts";
import { untrained } from "../../test/models.ts";
import { encode } from "../apps/encode.ts";
import { generate } from "../apps/generate.ts";
import { interpolate } from "../apps/interpolate.ts";
import { reconstruct } from "../apps/reconstruct.ts";
import { traverse } from "../apps/traverse.ts";
import type { Dataset } from "../data/dataset.ts";
import type { ConditionColumn } from "../models/conditions.ts";
import { type Inference, inference } from "../models/inference.ts";
import { loadParts } from "../models/parts.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { checkGiven, classesOf } from "./given.ts";

/* What is done with a conditional model, given values of its conditions. */

const columns: readonly ConditionColumn[] = [
  { name: "label", as: "class", classes: [0, 1, 4] },
  { name: "age", as: "number", mean: 40, standardDeviation: 10 },
];
const both = { on: ["label", "age"], encoder: true, prior: true };

let model: Inference;
beforeAll(async () => {
  const usual = { latent: 2, encoder: { hidden: [4] } };
  await loadParts({ ...untrained({ model: usual }, [2]).description.config.model, condition: both });
  const made = untrained({ model: { ...usual, condition: both } }, [2], {}, columns);
  made.weights["prior.weight"]!.forEach((_, i, all) => {
    all[i] = Math.sin(i);
  });
  model = inference(made, await cpuBackend(1));
});

const data = (change: Partial<Dataset> = {}): Dataset => ({
  name: "three",
  split: "test",
  event: [2],
  count: 3,
  values: Float32Array.of(1, 0, 0, 1, 1, 1),
  index: Uint32Array.of(0, 1, 2),
  labels: Uint8Array.of(4, 0, 1),
  numbers: { names: ["age"], values: Float32Array.of(30, 40, 55) },
  fingerprint: "0",
  ...change,
});

test("an image depends on its own condition, and not on those of others", async () => {
  const all = await generate(model, { count: 3, seed: 2, given: { label: [0, 1, 4], age: 50 } });
  const one = await generate(model, { count: 2, seed: 2, given: { label: 1, age: 50 } });
  expect(all.images.subarray(2, 4)).toEqual(one.images.subarray(2, 4));
  expect(all.images.subarray(0, 2)).not.toEqual(one.images.subarray(0, 2));
  const older = await generate(model, { count: 2, seed: 2, given: { label: 1, age: 51 } });
  expect(older.images).not.toEqual(one.images);
});

test("examples are encoded with what the data hold, which must be there", async () => {
  const { mean } = await encode(model, data());
  const { mean: others } = await encode(model, data({ labels: Uint8Array.of(4, 0, 0) }));
  expect(others.subarray(0, 4)).toEqual(mean.subarray(0, 4));
  expect(others.subarray(4)).not.toEqual(mean.subarray(4));
  await expect(encode(model, data({ numbers: undefined as never }))).rejects.toThrow(
    /^three \(test\): the data have no condition "age" \(model.condition.on\); there are: label/,
  );
});

test("reconstructions are of the conditions that are given", async () => {
  const x = data().values as Float32Array;
  const given = { label: [4, 0, 1], age: [30, 40, 55] };
  const { reconstructions } = await reconstruct(model, x, 3, given);
  const { code } = await encode(model, data());
  const condition = model.conditions!.encode(given, 3, "given");
  expect(reconstructions).toEqual(await model.decode(code, 3, condition));
});

test("the way from one example to another ends at their reconstructions, conditions included", async () => {
  const ends = Float32Array.of(1, 0, 0, 1);
  const given = { label: [4, 0], age: [30, 40] };
  const { images } = await interpolate(model, ends, { steps: 3, given });
  const { reconstructions } = await reconstruct(model, ends, 2, given);
  expect([...images.subarray(0, 2), ...images.subarray(4)]).toEqual([...reconstructions]);
  expect(images.subarray(2, 4)).not.toEqual(images.subarray(0, 2));
});

test("every image of a traversal is of one condition", async () => {
  const given = { label: 4, age: 30 };
  const { images } = await traverse(model, { dimensions: [0, 1], steps: 3, range: 2, given });
  const condition = model.conditions!.encode(given, 1, "given");
  const mean = await model.prior.draw(new Float32Array(2), new Float32Array(), 1, condition); // of p(z|c)
  const middle = await model.decode(mean, 1, condition);
  expect([images.slice(2, 4), images.slice(8, 10)]).toEqual([middle, middle]);
});

test.each<[string, (of: Inference, given: never) => Promise<unknown>]>([
  ["generate", (of, given) => generate(of, { count: 1, seed: 0, given })],
  ["traverse", (of, given) => traverse(of, { dimensions: [0], steps: 2, range: 1, given })],
  [
    "interpolate",
    (of, given) => interpolate(of, new Float32Array(2 * of.event.reduce((a, b) => a * b)), { steps: 2, given }),
  ],
  ["reconstruct", (of, given) => reconstruct(of, new Float32Array(of.event.reduce((a, b) => a * b)), 1, given)],
])("%s says what is missing, and what a model does not take", async (call, use) => {
  await expect(use(model, undefined as never)).rejects.toThrow(
    `${call}: given: the model is conditional, and needs a value of each of: label (a class, 0, 1 and 4), age (a number,`,
  );
  await expect(use(fakeInference(), { label: 1 } as never)).rejects.toThrow(
    `${call}: given: the model is not conditional, and takes no conditions; leave it out`,
  );
});

test.each<[string, Parameters<typeof checkGiven>[1], string | undefined, string]>([
  [
    "nothing",
    undefined,
    undefined,
    "--given: the model is conditional, and needs a value of label (a class, 0, 1 and 4), age (a number, 40 ± 10 in training), such as --given label=0 --given age=40; or make a row of images for each class by --each label",
  ],
  [
    "one of two",
    { label: 1 },
    undefined,
    "--given: the model is conditional, and needs a value of age (a number, 40 ± 10 in training), such as --given age=40",
  ],
  [
    "one of two beside --each",
    undefined,
    "label",
    "--given: the model is conditional, and needs a value of age (a number, 40 ± 10 in training), such as --given age=40",
  ],
  [
    "an unknown name",
    { foo: 1 },
    undefined,
    '--given: the model has no condition "foo"; it has: label (a class, 0, 1 and 4), age (a',
  ],
  [
    "an unknown class",
    { label: 3, age: 1 },
    undefined,
    "--given: label: expected one of the classes that the model was trained with, 0, 1 and 4, got 3",
  ],
  [
    "--each of a number",
    { label: 1 },
    "age",
    '--each: expected a condition that is a class, got "age"; the model has: label (a class,',
  ],
  [
    "--each twice",
    { label: 1, age: 4 },
    "label",
    "--each label: is given a value as well, --given label=1; leave one of them out",
  ],
])("the command line given %s", (_, given, each, problem) => {
  expect(() => checkGiven(model, given, { each })).toThrow(problem);
});

test("the command line gives what fits; a model without conditions takes none", () => {
  expect(() => checkGiven(model, { label: 4, age: 1 })).not.toThrow();
  expect(() => checkGiven(model, { age: 1 }, { each: "label" })).not.toThrow();
  expect(classesOf(model, "label", { age: 1 })).toEqual([0, 1, 4].map((label) => ({ label, age: 1 })));
  expect(() => checkGiven(fakeInference(), undefined, { each: undefined })).not.toThrow();
  expect(() => checkGiven(fakeInference(), { label: 1 })).toThrow("--given: the model is not conditional");
  expect(() => checkGiven(fakeInference(), undefined, { each: "label" })).toThrow(
    "--each: the model is not conditional",
  );
});
