import { describe, expect, test } from "vitest";
import { generator } from "../../test/gradient-check.ts";
import { evaluate, furthest } from "../../test/numeric.ts";
import { at, compiled, settings } from "../../test/training.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { mul, square, sub } from "../graph/ops/arithmetic.ts";
import { sum } from "../graph/ops/structure.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { type BatchNormOptions, batchNorm, groupNorm, layerNorm } from "./normalization.ts";
import { type ParameterSpec, parameterTree } from "./parameters.ts";

/** Standard normals, by Box and Muller, times a deviation plus a mean; numbers that float32 holds exactly. */
function normals(length: number, mean = 0, deviation = 1, seed = 3): Float32Array {
  const random = generator(seed);
  return Float32Array.from(
    { length },
    () => mean + deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
}

/** What the parameters start at. */
const started = (specs: readonly ParameterSpec[]): Record<string, Float32Array> =>
  Object.fromEntries(
    specs.map(({ path, shape, initializer }) => {
      if (initializer.kind !== "constant") throw new Error(`${path} starts at no constant`);
      return [path, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(initializer.value)];
    }),
  );

const average = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0) / x.length;

/** Elements less their mean, over their deviation. */
function standardized(x: readonly number[], epsilon = 1e-5): number[] {
  const mean = average(x);
  const variance = average(x.map((value) => (value - mean) ** 2));
  return x.map((value) => (value - mean) / Math.sqrt(variance + epsilon));
}

/** Each layer over (6, 28, 28, 4): the set that an element is normalized in, by its place in the batch. */
const [rows, pixels, channels] = [6, 28 * 28, 4];
const layers = {
  batchNorm: {
    declare: () => {
      const { root, specs } = parameterTree();
      const layer = batchNorm(root.at("norm"), channels);
      const weight = input("weight", ["batch"]);
      return { specs, layer: (x: Tensor) => layer(x, { weight }).output, feeds: { weight: Array(rows).fill(1) } };
    },
    setOf: (i: number) => i % channels,
  },
  layerNorm: {
    declare: () => {
      const { root, specs } = parameterTree();
      return { specs, layer: layerNorm(root.at("norm"), [28, 28, channels]), feeds: {} };
    },
    setOf: (i: number) => Math.floor(i / (pixels * channels)),
  },
  groupNorm: {
    declare: () => {
      const { root, specs } = parameterTree();
      return { specs, layer: groupNorm(root.at("norm"), channels, { groups: 2 }), feeds: {} };
    },
    setOf: (i: number) => Math.floor(i / (pixels * channels)) * 2 + Math.floor((i % channels) / 2),
  },
};
const images = input("x", ["batch", 28, 28, channels]);

describe.each(Object.keys(layers) as (keyof typeof layers)[])("%s", (name) => {
  const { declare, setOf } = layers[name];

  test.each([
    { mean: 0, deviation: 1 },
    { mean: 1e4, deviation: 1 },
    { mean: -1e4, deviation: 0.1 },
    { mean: 3, deviation: 1e4 },
  ])("gives mean 0 and variance 1 to values of $mean ± $deviation, in float32", async ({ mean, deviation }) => {
    const { specs, layer, feeds } = declare();
    const x = normals(rows * pixels * channels, mean, deviation);
    const { y } = await evaluate({ y: layer(images) }, { x, ...feeds, ...started(specs) }, "float32");
    const places = Array.from(x.keys());
    for (const set of new Set(places.map(setOf))) {
      const own = places.filter((i) => setOf(i) === set);
      const values = own.map((i) => y![i]!);
      expect(Math.abs(average(values))).toBeLessThan(1e-5);
      expect(Math.abs(average(values.map((value) => value ** 2)) - 1)).toBeLessThan(2e-3); // ε of 1e-5 to 0.01
      const expected = standardized(own.map((i) => x[i]!));
      expect(furthest(values, expected)).toBeLessThan(2e-6);
    }
  });

  test("has gradients as exact in float32, of values far from 0", async () => {
    const { specs, layer, feeds } = declare();
    const loss = sum(mul(layer(images), input("w", images.shape)));
    const [dx, dscale] = grad(loss, [images, specs[0]!.tensor]) as [Tensor, Tensor];
    const size = rows * pixels * channels;
    const given = { x: normals(size, 1e4), w: normals(size, 0, 1, 5), ...feeds, ...started(specs) };
    const single = await evaluate({ dx, dscale }, given, "float32");
    const exact = await evaluate({ dx, dscale }, given);
    expect(furthest(single.dx!, exact.dx!)).toBeLessThan(1e-5);
    expect(furthest(single.dscale!, exact.dscale!)).toBeLessThan(1e-4);
  });

  test("values that are all the same become the bias", async () => {
    const { specs, layer, feeds } = declare();
    const x = new Float32Array(rows * pixels * channels).fill(1e4 + 0.1);
    const parameters = {
      ...started(specs),
      "norm.bias": new Float32Array(specs[1]!.tensor.shape.length === 1 ? channels : pixels * channels).fill(3),
    };
    const { y } = await evaluate({ y: layer(images) }, { x, ...feeds, ...parameters }, "float32");
    expect(
      furthest(
        y!,
        y!.map(() => 3),
      ),
    ).toBeLessThan(1e-4);
  });

  test("declares a scale of 1 and a bias of 0", () => {
    const { specs } = declare();
    const shape = name === "layerNorm" ? [28, 28, channels] : [channels];
    expect(specs.slice(0, 2).map(({ path, shape, role, initializer }) => [path, shape, role, initializer])).toEqual([
      ["norm.scale", shape, "trained", { kind: "constant", value: 1 }],
      ["norm.bias", shape, "trained", { kind: "constant", value: 0 }],
    ]);
  });
});

test("layerNorm does not see its input scaled or shifted", async () => {
  const { root, specs } = parameterTree();
  const layer = layerNorm(root, [50], { epsilon: 1e-12 });
  const x = input("x", ["batch", 50]);
  const outputs = { y: layer(x), scaled: layer(mul(x, 7)), shifted: layer(sub(x, 30)), negated: layer(mul(x, -1)) };
  const { y, scaled, shifted, negated } = await evaluate(outputs, { x: normals(150), ...started(specs) });
  expect(furthest(scaled!, y!)).toBeLessThan(1e-10);
  expect(furthest(shifted!, y!)).toBeLessThan(1e-10);
  expect(
    furthest(
      negated!.map((v) => -v),
      y!,
    ),
  ).toBeLessThan(1e-10);
  expect(
    furthest(
      y!,
      [0, 1, 2].flatMap((row) => standardized([...normals(150).subarray(50 * row, 50 * row + 50)], 0)),
    ),
  ).toBeLessThan(1e-10);
});

test("one group of groupNorm is layerNorm, and as many as channels take the pixels of each", async () => {
  const x = input("x", ["batch", 2, 3, 4]);
  const { root, specs } = parameterTree();
  const outputs = {
    one: groupNorm(root.at("one"), 4, { groups: 1 })(x),
    layer: layerNorm(root.at("layer"), [2, 3, 4])(x),
    each: groupNorm(root.at("each"), 4, { groups: 4 })(x),
  };
  const values = normals(48);
  const { one, layer, each } = await evaluate(outputs, { x: values, ...started(specs) });
  expect(furthest(one!, layer!)).toBeLessThan(1e-12);
  const channel = [...values.subarray(0, 24)].filter((_, i) => i % 4 === 2);
  expect(
    furthest(
      each!.slice(0, 24).filter((_, i) => i % 4 === 2),
      standardized(channel),
    ),
  ).toBeLessThan(1e-12);
});

// ---- batch normalization

/** Outputs, updates and gradients of a batch normalization of rows of two channels, as plain numbers. */
async function onRows(x: readonly number[], weight: readonly number[], options: BatchNormOptions = {}) {
  const { root, specs } = parameterTree();
  const rows = input("x", ["batch", 2]);
  const w = input("weight", ["batch"]);
  const { output, updates } = batchNorm(root, 2, options)(rows, { weight: w });
  const loss = sum(mul(sum(square(sub(output, rows)), [1]), w));
  const [dx, dscale] = grad(loss, [rows, specs[0]!.tensor]) as [Tensor, Tensor];
  const outputs = {
    output,
    dx,
    dscale,
    mean: updates[0]!.total,
    elements: updates[0]!.count!,
    variance: updates[1]!.total,
    unbiased: updates[1]!.count!,
  };
  return evaluate(outputs, { x, weight, ...started(specs) });
}

test("examples of weight 0 change nothing, whatever they hold", async () => {
  const x = [1, 5, 2, -1, 4, 0.5];
  const alone = await onRows(x, [1, 1, 1]);
  for (const padding of [0, 3, -1e6]) {
    const padded = await onRows([...x.slice(0, 2), padding, padding, ...x.slice(2), -padding, 7], [1, 0, 1, 1, 0]);
    const seen = (values: number[]) => [0, 1, 4, 5, 6, 7].map((i) => values[i]!);
    expect({ ...padded, output: seen(padded.output!), dx: seen(padded.dx!) }).toEqual(alone);
    expect([2, 3, 8, 9].map((i) => padded.dx![i]! + 0)).toEqual([0, 0, 0, 0]);
  }
});

test("a weight of 2 normalizes as an example given twice, and weights' common factor is nothing", async () => {
  const weighted = await onRows([1, 5, 2, -1, 4, 0.5], [1, 2, 1]);
  const twice = await onRows([1, 5, 2, -1, 2, -1, 4, 0.5], [1, 1, 1, 1]);
  expect(
    furthest(
      weighted.output!,
      [0, 1, 2, 3, 6, 7].map((i) => twice.output![i]!),
    ),
  ).toBeLessThan(1e-12);
  for (const name of ["mean", "elements", "variance"])
    expect(furthest(weighted[name]!, twice[name]!)).toBeLessThan(1e-12);
  const scaled = await onRows([1, 5, 2, -1, 4, 0.5], [0.01, 0.02, 0.01]);
  expect(furthest(scaled.output!, weighted.output!)).toBeLessThan(1e-12);
  const ratio = (values: typeof weighted) => values.variance!.map((total) => total / values.unbiased![0]!);
  expect(furthest(ratio(scaled), ratio(weighted))).toBeLessThan(1e-12);
});

test("the running statistics move to the batch's mean and unbiased variance, and evaluation uses them", async () => {
  const { root, specs } = parameterTree();
  const x = input("x", ["batch", 2, 2]); // two pixels of two channels
  const weight = input("weight", ["batch"]);
  const layer = batchNorm(root.at("norm"), 2, { decay: 0.75 });
  const { output, updates } = layer(x, { weight });
  const program = await compiled({
    specs,
    batchSize: 3,
    objectives: [{ name: "fit", minimize: sum(square(sub(output, 1))), trains: ["norm.scale", "norm.bias"], updates }],
  });
  const values = [1, 10, 3, 20, 5, 30, 7, 40, 100, 200, 300, 400];
  program.inputs.x!.set(values);
  program.inputs.weight!.set([1, 1, 0]);
  await program.step(1, { ...settings, learningRate: 0.1 });
  // means of 1, 3, 5, 7 and of 10, 20, 30, 40, with variances 20/3 and 500/3
  const [mean, variance] = [
    [4 / 4, 25 / 4],
    [0.75 + 20 / 3 / 4, 0.75 + 500 / 3 / 4],
  ];
  expect(furthest(at(program, "norm.mean"), mean!)).toBeLessThan(1e-6);
  expect(furthest(at(program, "norm.variance"), variance!)).toBeLessThan(1e-6);
  const state = Object.fromEntries(specs.map(({ path }) => [path, at(program, path)]));
  const evaluation = layer(x, "evaluation");
  expect(evaluation.updates).toEqual([]);
  const { y } = await evaluate({ y: evaluation.output }, { x: values, ...state });
  const expected = values.map((value, i) => {
    const of = (path: string) => state[`norm.${path}`]![i % 2]!;
    return ((value - of("mean")) / Math.sqrt(of("variance") + 1e-5)) * of("scale") + of("bias");
  });
  expect(furthest(y!, expected)).toBeLessThan(1e-12);
});

test("a step keeps nine tenths of the running statistics by default", () => {
  const { root } = parameterTree();
  const { updates } = batchNorm(root, 2)(input("x", ["batch", 2]), { weight: input("weight", ["batch"]) });
  expect(updates.map(({ path, decay }) => [path, decay])).toEqual([
    ["mean", 0.9],
    ["variance", 0.9],
  ]);
});

test("totals and counts of parts of a batch add up", async () => {
  const { root, specs } = parameterTree();
  const x = input("x", ["batch", 1]);
  const weight = input("weight", ["batch"]);
  const { output, updates } = batchNorm(root, 1, { decay: 0 })(x, { weight });
  const objective = { name: "fit", minimize: sum(square(output)), trains: ["scale"], updates };
  const program = await compiled({ specs, batchSize: 3, objectives: [objective], accumulates: true });
  const parts = [
    { x: [1, 3, 99], weight: [1, 1, 0] },
    { x: [4, 6, 11], weight: [1, 1, 1] },
  ];
  const fill = (part: number) => {
    program.inputs.x!.set(parts[part]!.x);
    program.inputs.weight!.set(parts[part]!.weight);
    return parts[part]!.weight.reduce((a, b) => a + b, 0);
  };
  await program.step(1, settings, { batches: { count: 2, fill } });
  expect(at(program, "mean")[0]).toBeCloseTo(5, 6);
  expect(at(program, "variance")[0]).toBeCloseTo((2 + 26) / (1 + 2), 5);
});

test("a batch of one example leaves the running variance as it is", async () => {
  const { unbiased, output } = await onRows([3, 4], [1]);
  expect([unbiased, output]).toEqual([[0], [0, 0]]);
});

test("what does not fit is refused", () => {
  const { root } = parameterTree();
  const scope = root.at("norm");
  const weight = input("weight", ["batch"]);
  const usage: readonly (readonly [() => unknown, string])[] = [
    [
      () => batchNorm(scope, 3, { momentum: 0.1 } as never),
      'batchNorm of norm.scale: momentum: unknown option; allowed: "epsilon", "decay"',
    ],
    [
      () => batchNorm(scope, 3, { epsilom: 1 } as never),
      'batchNorm of norm.scale: epsilom: unknown option; did you mean "epsilon"?',
    ],
    [() => batchNorm(scope, 3, { decay: 1 }), "batchNorm of norm.scale: decay: expected a number in [0, 1), got 1"],
    [() => batchNorm(scope, 3, { epsilon: 0 }), "batchNorm of norm.scale: epsilon: expected a positive number, got 0"],
    [
      () => layerNorm(scope, [3], { eps: 1 } as never),
      'layerNorm of norm.scale: eps: unknown option; allowed: "epsilon"',
    ],
    [
      () => layerNorm(scope, [3], { epsilon: -1 }),
      "layerNorm of norm.scale: epsilon: expected a positive number, got -1",
    ],
    [
      () => groupNorm(scope, 6, { group: 3 } as never),
      'groupNorm of norm.scale: group: unknown option; did you mean "groups"?',
    ],
    [
      () => groupNorm(scope, 6, { groups: 4 }),
      "groupNorm of norm.scale: groups: expected a divisor of the 6 channels, got 4",
    ],
    [
      () => groupNorm(scope, 6, { groups: 0 }),
      "groupNorm of norm.scale: groups: expected a divisor of the 6 channels, got 0",
    ],
  ];
  for (const [build, message] of usage) {
    expect(build).toThrow(UsageError);
    expect(build).toThrow(message);
  }
  const batch = batchNorm(scope, 3);
  const layer = layerNorm(root.at("layer"), [2, 3]);
  const group = groupNorm(root.at("group"), 6, { groups: 3 });
  const shapes: readonly (readonly [() => unknown, string])[] = [
    [
      () => batch(input("x", ["batch", 4]), "evaluation"),
      "batchNorm: expected floats (batch, …, 3), got (batch, 4) float",
    ],
    [() => batch(input("x", [3]), "evaluation"), "batchNorm: expected floats (batch, …, 3), got (3,) float"],
    [
      () => batch(input("x", [2, "batch", 3]), "evaluation"),
      "batchNorm: expected floats (batch, …, 3), got (2, batch, 3) float",
    ],
    [
      () => batch(input("x", [5, 3]), { weight }),
      "batchNorm: expected a weight (5,), or of more of the leading axes of x",
    ],
    [
      () => batch(input("x", ["batch", 3]), { weight: input("w", ["batch", 3]) }),
      "batchNorm: expected a weight (batch,)",
    ],
    [() => batch(input("x", ["batch", 3]), { weight: input("w", []) }), "batchNorm: expected a weight (batch,)"],
    [() => layer(input("x", ["batch", 6])), "layerNorm: expected floats (…, 2, 3), got (batch, 6) float"],
    [() => layer(input("x", [3])), "layerNorm: expected floats (…, 2, 3), got (3,) float"],
    [() => group(input("x", ["batch", 3])), "groupNorm: expected floats (batch, …, 6), got (batch, 3) float"],
  ];
  for (const [build, message] of shapes) {
    expect(build).toThrow(ShapeError);
    expect(build).toThrow(message);
  }
});
