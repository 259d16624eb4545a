import { beforeAll, expect, test } from "vitest";
import { untrained } from "../../test/models.ts";
import { runner } from "../../test/numeric.ts";
import type { ConditionConfig } from "../config.condition.ts";
import type { Examples } from "../data/dataset.ts";
import { expand } from "../graph/ops/structure.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { type ConditionColumn, conditionsOf, readConditions } from "./conditions.ts";
import { inference } from "./inference.ts";
import { loadParts } from "./parts.ts";

const condition = (on: ConditionConfig["on"]): ConditionConfig => ({ on, encoder: true, prior: false });

beforeAll(async () => {
  const { config } = untrained({}, [2]).description;
  await loadParts({ ...config.model, condition: condition(["label"]), prior: { kind: "mixture", components: 1 } });
});

const examples = (change: Partial<Examples> = {}): Examples => ({
  name: "four",
  split: "train",
  event: [1],
  count: 4,
  values: new Float32Array(4),
  index: Uint32Array.of(10, 11, 12, 13),
  labels: Uint8Array.of(3, 7, 3, 9),
  factors: { names: ["place", "still"], sizes: [5, 1], classes: Uint8Array.of(0, 0, 1, 0, 2, 0, 4, 0) },
  numbers: { names: ["age", "sex"], values: Float32Array.of(1, 0, 3, 1, 5, 1, 7, 0) },
  ...change,
});

const rowsOf = (on: ConditionConfig["on"], data = examples(), learned = examples()): number[][] => {
  const conditions = conditionsOf(condition(on), learned)!;
  const write = conditions.of(data);
  return Array.from({ length: data.count }, (_, row) => {
    const into = new Float32Array(conditions.width).fill(9);
    write(row, into);
    return [...into].map((value) => Number(value.toFixed(4)));
  });
};

test("a class is a column for each of the training data's, of mean square 1 where they are equally frequent", () => {
  const one = Number(Math.sqrt(3).toFixed(4));
  expect(rowsOf(["label"])).toEqual([
    [one, 0, 0],
    [0, one, 0],
    [one, 0, 0],
    [0, 0, one],
  ]);
  expect(rowsOf([{ name: "sex", as: "class" }])[1]).toEqual([0, expect.closeTo(Math.SQRT2, 3)]);
});

test("a number has mean 0 and variance 1 over the training data, and others are moved as these are", () => {
  const standard = [-3, -1, 1, 3].map((value) => [Number((value / Math.sqrt(5)).toFixed(4))]);
  expect(rowsOf(["age"])).toEqual(standard);
  const older = examples({ numbers: { names: ["age"], values: Float32Array.of(4, 4, 4, 4) } });
  expect(rowsOf(["age"], older)).toEqual([[0], [0], [0], [0]]);
});

test("a factor is a class, or by option a number from 0 to 1", () => {
  expect(rowsOf(["place"]).map((row) => row.indexOf(2))).toEqual([0, 1, 2, 3]); // 2 = √4
  const conditions = conditionsOf(condition([{ name: "place", as: "number" }]), examples())!;
  expect(conditions.given(examples(), 0, 4)).toEqual({ place: Float64Array.of(0, 0.25, 0.5, 1) });
});

test("several stand beside each other, in the order of the config", () => {
  const rows = rowsOf(["age", "label"]);
  expect(rows.map((row) => row.slice(0, 1))).toEqual(rowsOf(["age"]));
  expect(rows.map((row) => row.slice(1))).toEqual(rowsOf(["label"]));
});

test("what a user gives, and what data hold, are encoded alike", () => {
  const conditions = conditionsOf(condition(["label", "age"]), examples())!;
  const all = conditions.encode(conditions.given(examples(), 0, 4), 4, "given");
  expect([...all].map((value) => Number(value.toFixed(4)))).toEqual(rowsOf(["label", "age"]).flat());
  const twice = conditions.encode({ label: 7, age: 3 }, 2, "given");
  expect([...twice]).toEqual([...all.subarray(4, 8), ...all.subarray(4, 8)]);
});

test.each<[string, ConditionConfig["on"], Partial<Examples>, string]>([
  [
    "an unknown name",
    ["size"],
    {},
    'four (train): the data have no condition "size" (model.condition.on); there are: label, place, still, age, sex. In memory, hand it over as numbers; else name a CSV file by data.conditions',
  ],
  [
    "labels that are not there",
    ["label"],
    { labels: undefined as never, factors: undefined as never, numbers: undefined as never },
    'four (train): the data have no condition "label" (model.condition.on); they have no labels, factors or numbers. In memory, hand it over as labels; else put a file of labels beside the images',
  ],
  [
    "what is the same for all",
    ["still"],
    {},
    'four: "still" is 0 in every training example, and says nothing; leave it out of model.condition.on',
  ],
  [
    "a class that is no whole number",
    [{ name: "age", as: "class" }],
    { numbers: { names: ["age"], values: Float32Array.of(1, 2.5, 3, 4) } },
    'four (train): example 11 has "age" 2.5; classes are whole numbers from 0 to 16777215; take it as "number" in model.condition.on',
  ],
  [
    "a class that 32-bit floats take for another",
    [{ name: "age", as: "class" }],
    { numbers: { names: ["age"], values: Float32Array.of(1, 2 ** 24 + 1, 3, 4) } },
    'four (train): example 11 has "age" 16777216; classes are whole numbers from 0 to 16777215; take it as "number"',
  ],
  [
    "NaN",
    ["age"],
    { numbers: { names: ["age"], values: Float32Array.of(1, 2, Number.NaN, 4) } },
    'four (train): example 12 has "age" NaN; expected finite numbers',
  ],
])("training data with %s are refused", (_, on, change, problem) => {
  expect(() => conditionsOf(condition(on), examples(change))).toThrow(problem);
});

test("data with a class that training did not see are refused, and so are numbers that are none", () => {
  const { of } = conditionsOf(condition(["label", "age"]), examples())!;
  expect(() => of(examples({ split: "test", labels: Uint8Array.of(3, 4, 7, 9) }))).toThrow(
    'four (test): example 11 has "label" 4; expected one of the classes that the model was trained with, 3, 7 and 9',
  );
  expect(() => of(examples({ numbers: { names: ["age"], values: Float32Array.of(1, Infinity, 1, 1) } }))).toThrow(
    'four (train): example 11 has "age" Infinity; expected a finite number',
  );
});

test.each<[string, unknown, string]>([
  [
    "nothing",
    undefined,
    "given: the model is conditional, and needs a value of each of: label (a class, 3, 7 and 9), age (a number, 4 ± 2.24 in training)",
  ],
  ["what is no object", 7, "given: expected conditions by name such as { label: 0 }, got 7"],
  [
    "one of two",
    { label: 3 },
    "given: the model is conditional, and needs a value of each of: age (a number, 4 ± 2.24",
  ],
  ["an unknown name", { label: 3, age: 1, foo: 1 }, 'given: the model has no condition "foo"; it has: label (a class,'],
  [
    "an unknown class",
    { label: 4, age: 1 },
    "given: label: expected one of the classes that the model was trained with,",
  ],
  ["NaN", { label: 3, age: Number.NaN }, "given: age: expected a finite number, got NaN"],
  [
    "a string",
    { label: "3", age: 1 },
    'given: label: expected one of the classes that the model was trained with, 3, 7 and 9, or 2 of them, one for each row; got "3"',
  ],
  ["too many", { label: [3, 3, 3], age: 1 }, "or 2 of them, one for each row; got [3,3,3]"],
  ["a wrong row", { label: [3, 4], age: 1 }, "got 4 in row 1"],
])("given %s a model says what it needs", (_, given, problem) => {
  const conditions = conditionsOf(condition(["label", "age"]), examples())!;
  expect(() => conditions.encode(given as never, 2, "given")).toThrow(problem);
});

test("the fingerprint follows from the conditions of the data, and not from the rest", async () => {
  const { fingerprint } = conditionsOf(condition(["label"]), examples())!;
  const same = await fingerprint(examples());
  expect(same).toMatch(/^[0-9a-f]{16}$/);
  expect(await fingerprint(examples({ name: "other", factors: undefined as never }))).toBe(same);
  expect(await fingerprint(examples({ labels: Uint8Array.of(3, 7, 9, 3) }))).not.toBe(same);
});

/* The model. */

const columns: readonly ConditionColumn[] = [{ name: "label", as: "class", classes: [0, 1, 2] }];
const model = (change: Partial<ConditionConfig> = {}) => {
  const condition = { on: ["label"], encoder: true, prior: false, ...change } as never;
  return untrained({ model: { latent: 2, encoder: { hidden: [5] }, condition } }, [3], {}, columns);
};

/** Two conditions of a batch of three rows. */
const [first, other] = [Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), Float32Array.of(0, 1, 0, 0, 0, 1, 1, 0, 0)];
const feeds = { x: [1, 0, 1, 0, 0, 1, 1, 1, 0], z: [1, -1, 0.5, 2, 0, 1] };

/** What two conditions make of a tensor of the model. */
async function underBoth({ vae, weights }: ReturnType<typeof model>, of: (given: typeof vae) => Tensor) {
  const run = await runner({ out: of(vae) });
  const numbers = async (condition: Float32Array) => [...(await run({ ...weights, ...feeds, condition })).out!];
  return [await numbers(first), await numbers(other)] as const;
}
const posterior = ({ encode }: { encode(x: Tensor): { readonly mean: Tensor } }) =>
  encode(input("x", ["batch", 3])).mean;

test("p(x|z, c) depends on c, and q(z|x, c) where the encoder sees it", async () => {
  const [a, b] = await underBoth(model(), (vae) => vae.decode(input("z", ["batch", 2])).mean);
  expect(a).not.toEqual(b);
  const [c, d] = await underBoth(model(), posterior);
  expect(c).not.toEqual(d);
  const blind = model({ encoder: false });
  expect(blind.vae.parameters.find(({ path }) => path === "encoder.hidden.0.weight")!.shape).toEqual([5, 3]);
  const { lowered } = await import("../runtime/program.ts").then(async ({ compile }) =>
    compile(await cpuBackend(1), { mean: posterior(blind.vae) }),
  );
  expect(lowered.inputs.map(({ name }) => name)).not.toContain("condition");
});

test("p(z|c) starts as N(0, I), and is another one under another condition when it has learned", async () => {
  const conditional = model({ prior: true });
  const prior = (vae: (typeof conditional)["vae"]) => vae.prior().logProb(input("z", ["batch", 2]));
  const [a, b] = await underBoth(conditional, prior);
  const standard = [2, 4.25, 1].map((squares) => -squares / 2 - Math.log(2 * Math.PI));
  for (const [i, value] of standard.entries()) expect([a[i], b[i]]).toEqual([expect.closeTo(value, 6), a[i]]);
  const learned = { ...conditional.weights, "prior.weight": Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)) };
  const [c, d] = await underBoth({ ...conditional, weights: learned }, prior);
  expect(c).not.toEqual(d);
});

test("given another tensor a model is conditional on that one, for each of several draws", async () => {
  const { vae, weights } = model();
  const given = vae.given(expand(input("common", [1, 3]), input("x", ["batch", 3])));
  const z = input("z", ["batch", 2]);
  const draws = input("draws", [4, "batch", 2]);
  const run = await runner({ all: vae.decode(draws).mean, one: vae.decode(z).mean, bound: given.decode(z).mean });
  const twelve = Array.from({ length: 24 }, (_, i) => Math.sin(i));
  const { all, one, bound } = await run({ ...weights, ...feeds, condition: first, draws: twelve, common: [0, 1, 0] });
  expect([...bound!.slice(3, 6)]).toEqual([...one!.slice(3, 6)]); // the row that has this class anyway
  expect([...bound!.slice(0, 3)]).not.toEqual([...one!.slice(0, 3)]);
  for (let k = 0; k < 4; k++) {
    const { one: same } = await run({
      ...weights,
      ...feeds,
      condition: first,
      draws: twelve,
      common: [0, 1, 0],
      z: twelve.slice(6 * k, 6 * k + 6),
    });
    for (const [i, value] of same!.entries()) expect(all![9 * k + i]).toBeCloseTo(value, 10);
  }
});

test("an unconditional model takes no condition, and a conditional one is not built without them", () => {
  expect(() => untrained({}, [3]).vae.given(input("c", ["batch", 2]))).toThrow("given: the model is not conditional");
  expect(() => untrained({ model: { condition: { on: ["label"] } } }, [3])).toThrow(
    "model.condition: the conditions of the data were not handed over",
  );
});

test("an open model encodes and decodes rows with their conditions, each by itself, and grey levels as numbers", async () => {
  const open = inference(model(), await cpuBackend(1));
  const bytes = Uint8Array.of(255, 0, 51, 0, 0, 255, 255, 255, 0);
  const grey = Float32Array.from(bytes, (value) => value / 255);
  const all = await open.encode(bytes, 3, first);
  expect(await open.encode(grey, 3, first)).toEqual(all);
  const last = await open.encode(grey.subarray(6), 1, first.subarray(6));
  expect([...last.mean]).toEqual([...all.mean.subarray(4)]);
  const z = Float32Array.from(feeds.z);
  const images = await open.decode(z, 3, first);
  expect([...(await open.decode(z.subarray(4), 1, first.subarray(6)))]).toEqual([...images.subarray(6)]);
  expect(await open.decode(z, 3, other)).not.toEqual(images);
  await expect(open.decode(z, 3)).rejects.toThrow(
    /^condition: the model is conditional on label \(a class, 0 to 2\); hand/,
  );
  await expect(open.encode(bytes, 3, first.subarray(3))).rejects.toThrow(/^condition: expected 3 rows of 3 values/);
  await open.close();
  const free = inference(untrained({ model: { latent: 2 } }, [3]), await cpuBackend(1));
  await expect(free.decode(z, 3, first)).rejects.toThrow("condition: the model is not conditional, and takes none");
  await free.close();
});

test("more rows than are put together at once have each their own condition", async () => {
  const open = inference(model({ encoder: false }), await cpuBackend(1));
  const rows = 2 ** 14 + 5;
  const z = new Float32Array(2 * rows);
  const condition = Float32Array.from({ length: 3 * rows }, (_, i) => Number(Math.floor(i / 3) % 3 === i % 3));
  const images = await open.decode(z, rows, condition);
  expect(images.subarray(3 * (rows - 3))).toEqual(images.subarray(3 * ((rows - 3) % 3), 3 * ((rows - 3) % 3) + 9));
  await open.close();
});

test.each<[string, unknown, ConditionConfig["on"], RegExp]>([
  [
    "another name",
    [{ name: "a", as: "class", classes: [0, 1] }],
    ["b"],
    /expected those of model.condition.on \(b\), got a/,
  ],
  [
    "another kind",
    [{ name: "a", as: "class", classes: [0, 1] }],
    [{ name: "a", as: "number" }],
    /conditions: expected "a" as a number, as in model.condition.on, got a class; mend/,
  ],
  ["a class twice", [{ name: "a", as: "class", classes: [0, 1, 1] }], ["a"], /in ascending order.*; mend/],
  [
    "too many classes",
    [{ name: "a", as: "class", classes: Array.from({ length: 4097 }, (_, i) => i) }],
    ["a"],
    /expected 4096 classes at most/,
  ],
])("of a model's file %s is refused", (_name, stored, on, message) => {
  expect(() => readConditions(condition(on), stored, "model.json", "mend")).toThrow(message);
});
