import { beforeAll, expect, test } from "vitest";
import type { Backend } from "../../runtime/backend.ts";
import { cpuBackend } from "../../runtime/ort.node.ts";
import { compile } from "../../runtime/program.ts";
import { grad } from "../grad.ts";
import type { Precision } from "../lower.ts";
import { input, type Tensor } from "../tensor.ts";
import { leakyRelu } from "./activation.ts";
import { pow } from "./arithmetic.ts";
import { cos, expm1, log1p, sin } from "./functions.ts";
import { digamma, erf, gelu, lgamma, polygamma } from "./special.ts";
import { sum } from "./structure.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await cpuBackend(1);
});

async function at(f: (x: Tensor) => Tensor, points: readonly number[], precision: Precision): Promise<number[]> {
  const program = await compile(backend, { y: f(input("x", ["batch"])) }, { precision });
  const { y } = await program.run({
    x: precision === "float32" ? Float32Array.from(points) : Float64Array.from(points),
  });
  await program.release();
  return Array.from(y!.data as Float64Array);
}

/** [x, f(x)] in each interval of an approximation, at its joints and at extremes; computed to 40 digits by mpmath. */
const table: readonly (readonly [string, (x: Tensor) => Tensor, readonly (readonly [number, number])[]])[] = [
  [
    "erf",
    erf,
    [
      [1e-30, 1.1283791670955127e-30],
      [-1e-10, -1.1283791670955126e-10],
      [0.46, 0.4846553900016797],
      [-0.47, -0.4937450508860821],
      [0.5, 0.5204998778130465],
      [1.0, 0.8427007929497149],
      [-2.5, -0.999593047982555],
      [3.9, 0.9999999652077514],
      [5.9, 0.9999999999999999],
      [-6.5, -1.0],
      [10000.0, 1.0],
    ],
  ],
  [
    "log1p",
    log1p,
    [
      [1e-30, 1e-30],
      [-1e-10, -1.00000000005e-10],
      [1e-5, 9.999950000333332e-6],
      [-0.4999, -0.6929472005572791],
      [-0.5001, -0.6933472005626123],
      [-0.999, -6.907755278982136],
      [0.9999, 0.6930971793099037],
      [1.0001, 0.6931971793099869],
      [10000.0, 9.210440366976517],
      [1e30, 69.07755278982137],
    ],
  ],
  [
    "expm1",
    expm1,
    [
      [1e-30, 1e-30],
      [-1e-10, -9.999999999500001e-11],
      [1e-5, 1.0000050000166668e-5],
      [-0.9999, -0.632083769044982],
      [-1.0001, -0.632157344933339],
      [0.9999, 1.7180100138671555],
      [1.0001, 1.7185536702337534],
      [-40.0, -1.0],
      [80.0, 5.54062238439351e34],
      [-10000.0, -1.0],
    ],
  ],
  [
    "lgamma",
    lgamma,
    [
      [1e-30, 69.07755278982137],
      [1e-10, 23.025850929882736],
      [0.3, 1.0957979948180756],
      [0.4999, 0.5725613186041184],
      [0.5001, 0.5721686165933045],
      [0.999999, 5.772164873855652e-7],
      [1.000001, -5.772148423874147e-7],
      [1.46163, -0.12148629053362353],
      [1.999999, -4.227840125965854e-7],
      [2.000001, 4.2278465762452923e-7],
      [2.6, 0.35741186354897986],
      [3.4999, 1.2008632883348163],
      [3.5001, 1.2010839196629097],
      [9.999, 12.799575780077413],
      [10.001, 12.804079285251861],
      [10000.0, 82099.71749644238],
      [1e30, 6.807755278982137e31],
    ],
  ],
  [
    "digamma",
    digamma,
    [
      [1e-30, -9.999999999999999e29],
      [1e-10, -10000000000.577215],
      [0.3, -3.502524222200133],
      [0.4999, -1.9640035904016993],
      [0.5001, -1.9630166299291207],
      [1.4, -0.06138454458511624],
      [1.52, 0.05502211457955164],
      [2.4999, 0.7031076036885755],
      [2.5001, 0.7032056752398703],
      [3.4999, 1.103123604328601],
      [3.5001, 1.1031896758798447],
      [9.999, 2.2516474172057355],
      [10.001, 2.251857749877872],
      [10000.0, 9.210290371142849],
      [1e30, 69.07755278982137],
    ],
  ],
  [
    "trigamma",
    (x) => polygamma(x, 1),
    [
      [1e-10, 1e20],
      [0.3, 12.245364546107732],
      [0.4999, 4.936485567383169],
      [1.4, 1.0253565905295976],
      [2.4999, 0.49038137762498063],
      [3.4999, 0.33036857685693966],
      [3.5001, 0.3303469360465886],
      [9.999, 0.10517738667672887],
      [10.001, 0.10515528700654396],
      [10000.0, 0.00010000500016666666],
      [1e30, 9.999999999999999e-31],
    ],
  ],
];

test.each(table)("%s in float64: relative error ≤ 1e-12", async (_name, f, points) => {
  const values = await at(
    f,
    points.map(([x]) => x),
    "float64",
  );
  for (const [i, [x, y]] of points.entries())
    expect(Math.abs(values[i]! - y) <= 1e-12 * Math.abs(y), `at ${x}: expected ${y}, got ${values[i]}`).toBe(true);
});

test.each(table)("%s in float32: relative error ≤ 1e-6", async (_name, f, points) => {
  const rounded = points.map(([x]) => Math.fround(x));
  const [single, double] = [await at(f, rounded, "float32"), await at(f, rounded, "float64")];
  for (const [i, x] of rounded.entries()) {
    const y = Math.fround(double[i]!);
    const close = single[i] === y || Math.abs(single[i]! - y) <= 1e-6 * Math.abs(y);
    expect(close, `at ${x}: expected ${y}, got ${single[i]}`).toBe(true);
  }
});

test("at 0, far from it, at infinity and at NaN", async () => {
  const points = [0, 1e-30, 1e4, -1e4, Infinity, -Infinity, NaN];
  const slope = (f: (x: Tensor) => Tensor) => (x: Tensor) => grad(sum(f(x)), [x])[0]!;
  const expected: readonly (readonly [string, (x: Tensor) => Tensor, readonly number[]])[] = [
    ["erf", erf, [0, 0, 1, -1, 1, -1, NaN]],
    ["erf'", slope(erf), [1.128379, 1.128379, 0, 0, 0, 0, NaN]],
    ["gelu", gelu, [0, 0, 1e4, 0, Infinity, NaN, NaN]], // −∞·0
    ["gelu'", slope(gelu), [0.5, 0.5, 1, 0, NaN, NaN, NaN]],
    ["leakyRelu", (x) => leakyRelu(x, 0.1), [0, 0, 1e4, -1e3, Infinity, -Infinity, NaN]],
    ["leakyRelu'", slope((x) => leakyRelu(x, 0.1)), [0.1, 1, 1, 0.1, 1, 0.1, NaN]],
    ["log1p", log1p, [0, 0, 9.21044, NaN, Infinity, NaN, NaN]],
    ["log1p'", slope(log1p), [1, 1, 0.0001, -0.0001, 0, 0, NaN]],
    ["expm1", expm1, [0, 0, Infinity, -1, Infinity, -1, NaN]],
    ["expm1'", slope(expm1), [1, 1, Infinity, 0, Infinity, 0, NaN]],
    ["sin", sin, [0, 0, -0.305614, 0.305614, NaN, NaN, NaN]],
    ["cos", cos, [1, 1, -0.952155, -0.952155, NaN, NaN, NaN]],
    ["pow", (x) => pow(x, 1.5), [0, 0, 1e6, NaN, Infinity, Infinity, NaN]],
    ["lgamma", lgamma, [Infinity, 69.077553, 82099.717496, NaN, Infinity, NaN, NaN]],
    ["digamma", digamma, [-Infinity, -1e30, 9.21029, NaN, Infinity, NaN, NaN]],
    ["digamma'", slope(digamma), [Infinity, 1e60, 0.0001, NaN, 0, NaN, NaN]],
  ];
  for (const precision of ["float64", "float32"] as const)
    for (const [name, f, values] of expected)
      for (const [i, got] of (await at(f, points, precision)).entries()) {
        const y = precision === "float32" ? Math.fround(values[i]!) : values[i]!;
        const close = Math.abs(got - y) <= 1e-6 * Math.max(1, Math.abs(y)) || Object.is(got, y);
        expect(close, `${name} of ${points[i]} in ${precision}: expected ${y}, got ${got}`).toBe(true);
      }
});

test("what is no exponent, slope or order is refused", () => {
  const x = input("x", ["batch"]);
  expect(() => pow(x, NaN)).toThrow("pow: expected a finite exponent, got NaN; inputs: x (batch,)");
  expect(() => leakyRelu(x, Infinity)).toThrow("leakyRelu: expected a finite slope, got Infinity");
  expect(() => polygamma(x, 0)).toThrow("polygamma: expected a whole order of 1 or more, got 0; order 0 is digamma");
  expect(() => lgamma(input("n", [2], "int"))).toThrow("lgamma: expected floats, got int");
});
