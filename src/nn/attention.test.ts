import { expect, test } from "vitest";
import { evaluate, furthest, runner } from "../../test/numeric.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { slice } from "../graph/ops/join.ts";
import { sum } from "../graph/ops/structure.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { type AttentionOptions, attention, multiHeadAttention } from "./attention.ts";
import { parameterTree } from "./parameters.ts";

/* Values and gradients against loops are in test/cases-layers.ts. */

const numbers = (length: number, scale = 1, phase = 0): number[] =>
  Array.from({ length }, (_, i) => scale * Math.sin(1.7 * i + phase));

const [query, key, value] = (["q", "k", "v"] as const).map((name) => input(name, ["batch", 3, 4])) as [
  Tensor,
  Tensor,
  Tensor,
];
const feeds = { q: numbers(24), k: numbers(24, 1, 1), v: numbers(24, 1, 2) };

test("heads are the slices of the features, each attending on its own", async () => {
  const head = (x: Tensor, i: number) => slice(x, 2, 2 * i, 2 * i + 2);
  const { both, first, second } = await evaluate(
    {
      both: attention(query, key, value, { heads: 2 }),
      first: attention(head(query, 0), head(key, 0), head(value, 0)),
      second: attention(head(query, 1), head(key, 1), head(value, 1)),
    },
    feeds,
  );
  const joined = Array.from({ length: 6 }, (_, row) => [
    ...first!.slice(2 * row, 2 * row + 2),
    ...second!.slice(2 * row, 2 * row + 2),
  ]).flat();
  expect(furthest(both!, joined)).toBeLessThan(1e-12);
});

test.each([
  ["one head", {}],
  ["two heads", { heads: 2 }],
  ["causal", { causal: true }],
  ["a mask", { mask: input("mask", ["batch", 1, 3]) }],
] as const)("logits of ±1e4 give finite values and gradients in float32: %s", async (_name, options) => {
  const y = attention(query, key, value, options);
  const [dq, dk, dv] = grad(sum(y), [query, key, value]) as [Tensor, Tensor, Tensor];
  const large = {
    q: Array(12).fill(100),
    k: [...Array(4).fill(50), ...Array(4).fill(-50), ...Array(4).fill(25)],
    v: numbers(12),
  };
  const mask = "mask" in options ? { mask: [1, 1, 0] } : {};
  const results = await evaluate({ y, dq, dk, dv }, { ...large, ...mask }, "float32");
  for (const [name, values] of Object.entries(results)) expect(values.every(Number.isFinite), name).toBe(true);
  // all of the weight is on the first key
  for (const row of [0, 1, 2])
    expect(furthest(results.y!.slice(4 * row, 4 * row + 4), large.v.slice(0, 4))).toBeLessThan(1e-6);
});

test("a masked key takes no part, though its logit be 1e4 and all others −1e4", async () => {
  const mask = input("mask", ["batch", 1, 3]);
  const y = attention(query, key, value, { mask });
  const given = {
    q: Array(12).fill(100),
    k: [...Array(4).fill(50), ...Array(4).fill(-50), ...Array(4).fill(-50)],
    v: numbers(12),
    mask: [0, 1, 1],
  };
  const results = await evaluate({ y }, given, "float32");
  const middle = [0, 1, 2, 3].map((i) => (given.v[4 + i]! + given.v[8 + i]!) / 2);
  for (const row of [0, 1, 2]) expect(furthest(results.y!.slice(4 * row, 4 * row + 4), middle)).toBeLessThan(1e-6);
});

test("a query that may attend to nothing gets 0, and gradients that are finite", async () => {
  const mask = input("mask", ["batch", 3, 3]);
  const y = attention(query, key, value, { mask, heads: 2 });
  const [dq, dv] = grad(sum(y), [query, value]) as [Tensor, Tensor];
  const given = { q: numbers(12), k: numbers(12, 1, 1), v: numbers(12, 1, 2), mask: [1, 1, 0, 0, 0, 0, 1, 0, 0] };
  const results = await evaluate({ y, dq, dv }, given, "float32");
  expect(results.y!.slice(4, 8)).toEqual([0, 0, 0, 0]);
  expect(results.dq!.slice(4, 8).map((v) => v + 0)).toEqual([0, 0, 0, 0]);
  expect(results.dv!.slice(8).map((v) => v + 0)).toEqual([0, 0, 0, 0]);
  expect(furthest(results.y!.slice(8), given.v.slice(0, 4))).toBeLessThan(1e-6);
});

test("causal: what comes later changes nothing, to the bit", async () => {
  const run = await runner({ y: attention(query, key, value, { causal: true, heads: 2 }) }, "float32");
  const { y } = await run(feeds);
  const later = { ...feeds, k: feeds.k.with(8, 30).with(11, -30), v: feeds.v.with(9, 99) }; // the last of three places
  const changed = (await run(later)).y!;
  expect(changed.slice(0, 8)).toEqual(y!.slice(0, 8));
  expect(changed.slice(8, 12)).not.toEqual(y!.slice(8, 12));
});

test("the product is scaled by the root of a head's features", async () => {
  const small = [input("q", [1, 1, 4]), input("k", [1, 2, 4]), input("v", [1, 2, 1])] as const;
  const { y } = await evaluate({ y: attention(...small) }, { q: [1, 1, 1, 1], k: [1, 1, 1, 1, 0, 0, 0, 0], v: [1, 0] });
  expect(y![0]).toBeCloseTo(1 / (1 + Math.exp(-4 / 2)), 12);
});

test("multiHeadAttention attends to itself where no source is given, and passes the mask on", async () => {
  const x = input("x", ["batch", 3, 4]);
  const mask = input("mask", [3, 3]);
  const { root, specs } = parameterTree();
  const layer = multiHeadAttention(root.at("attend"), 4, { heads: 2, initialization: "glorot" });
  expect(specs.map(({ path, shape }) => [path, shape])).toEqual(
    ["query", "key", "value", "output"].flatMap((name) => [
      [`attend.${name}.weight`, [4, 4]],
      [`attend.${name}.bias`, [4]],
    ]),
  );
  const causal = multiHeadAttention(parameterTree().root.at("attend"), 4, {
    heads: 2,
    initialization: "glorot",
    causal: true,
  });
  const parameters = Object.fromEntries(
    specs.map(({ path, shape }, i) => [
      path,
      numbers(
        shape.reduce((a, b) => a * b),
        1,
        i,
      ),
    ]),
  );
  const given = { x: numbers(24), mask: [1, 0, 0, 1, 1, 0, 1, 1, 1], ...parameters };
  const outputs = { own: layer(x), given: layer(x, x), masked: layer(x, x, mask), causal: causal(x) };
  const results = await evaluate(outputs, given);
  expect(results.own).toEqual(results.given);
  expect(furthest(results.masked!, results.causal!)).toBeLessThan(1e-12);
  expect(furthest(results.masked!, results.own!)).toBeGreaterThan(0.01);
});

test("what does not fit is refused", () => {
  const attend = (shapes: readonly (readonly (number | "batch")[])[], options: AttentionOptions = {}) => {
    const [q, k, v] = shapes.map((shape, i) => input("qkv"[i]!, shape)) as [Tensor, Tensor, Tensor];
    return () => attention(q, k, v, options);
  };
  const same: readonly (readonly (number | "batch")[])[] = [
    ["batch", 3, 4],
    ["batch", 3, 4],
    ["batch", 3, 4],
  ];
  const shapes: readonly (readonly [() => unknown, string])[] = [
    [
      attend([
        ["batch", 4],
        ["batch", 4],
        ["batch", 4],
      ]),
      "attention: expected a query, a key and a value of floats (batch, length, features); inputs: q (batch, 4)",
    ],
    [
      attend(same.with(1, ["batch", 3, 5])),
      "attention: expected a key (batch, keys, 4) and a value (batch, keys, features)",
    ],
    [
      attend(same.with(2, ["batch", 2, 4])),
      "attention: expected a key (batch, keys, 4) and a value (batch, keys, features)",
    ],
    [attend(same, { heads: 3 }), "attention: heads: expected a divisor of the 4 and 4 features, got 3"],
    [
      attend(same.with(2, ["batch", 3, 3]), { heads: 2 }),
      "attention: heads: expected a divisor of the 4 and 3 features, got 2",
    ],
    [attend(same, { heads: 0 }), "attention: heads: expected a divisor of the 4 and 4 features, got 0"],
    [
      attend(same.with(0, ["batch", 2, 4]), { causal: true }),
      "attention: causal: expected as many queries as keys, of static size, got 2 and 3",
    ],
    [
      attend(same, { mask: input("m", ["batch", 3]) }),
      "attention: mask: expected a shape that broadcasts to (batch, 3, 3), got (batch, 3); inputs: q (batch, 3, 4), k (batch, 3, 4), v (batch, 3, 4), m (batch, 3)",
    ],
    [
      attend(same, { mask: input("m", [2, 1, 1, 1]) }),
      "attention: mask: expected a shape that broadcasts to (batch, 3, 3), got (2, 1, 1, 1)",
    ],
    [attend(same, { head: 2 } as never), 'attention: head: unknown option; did you mean "heads"?'],
  ];
  for (const [build, message] of shapes) {
    expect(build).toThrow(ShapeError);
    expect(build).toThrow(message);
  }
  const { root } = parameterTree();
  const options = { heads: 2, initialization: "he" } as const;
  expect(() => multiHeadAttention(root, 5, options)).toThrow(
    new UsageError("multiHeadAttention of output: heads: expected a divisor of the 5 features, got 2"),
  );
  expect(() => multiHeadAttention(root, 4, { ...options, casual: true } as never)).toThrow(
    new UsageError('multiHeadAttention of output: casual: unknown option; did you mean "causal"?'),
  );
  expect(() => multiHeadAttention(root, 4, options)(input("x", ["batch", 4]))).toThrow(
    "multiHeadAttention: expected (batch, length, 4), got (batch, 4)",
  );
});
