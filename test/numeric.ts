import * as ort from "onnxruntime-node";
import type { Precision } from "../src/graph/lower.ts";
import type { Tensor } from "../src/graph/tensor.ts";
import type { Data } from "../src/runtime/backend.ts";
import { cpuBackend } from "../src/runtime/ort.node.ts";
import { ortBackend } from "../src/runtime/ort.ts";
import { compile } from "../src/runtime/program.ts";

/* For tests: graphs as plain functions of plain numbers. */

/** As cpuBackend, but fusing no operators: some of ONNX Runtime's fused kernels (x·σ(x)) do not exist in float64. */
const float64Backend = ortBackend(ort, {
  device: "cpu",
  engine: "onnxruntime-node",
  threads: 1,
  sessionOptions: { executionProviders: ["cpu"], graphOptimizationLevel: "basic", interOpNumThreads: 1 },
});

export type Numbers = number | ArrayLike<number>;
export type Run = (feeds?: Readonly<Record<string, Numbers>>) => Promise<Record<string, number[]>>;

/** Compiles outputs and gives them as a function; whole numbers for an int input. */
export async function runner(
  outputs: Readonly<Record<string, Tensor>>,
  precision: Precision = "float64",
): Promise<Run> {
  const backend = precision === "float32" ? await cpuBackend(1) : float64Backend;
  const program = await compile(backend, outputs, { precision });
  const dtypes = new Map(program.inputs.map(({ name, dtype }) => [name, dtype]));
  const data = (name: string, values: ArrayLike<number>): Data => {
    if (dtypes.get(name) === "int") return BigInt64Array.from(Array.from(values), BigInt);
    return precision === "float32" ? Float32Array.from(values) : Float64Array.from(values);
  };
  return async (feeds = {}) => {
    const arrays = Object.entries(feeds).map(([name, x]) => [name, typeof x === "number" ? x : data(name, x)]);
    const results = await program.run(Object.fromEntries(arrays));
    return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, Array.from(data, Number)]));
  };
}

/** Computes outputs once. */
export async function evaluate(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: Readonly<Record<string, Numbers>> = {},
  precision: Precision = "float64",
): Promise<Record<string, number[]>> {
  return (await runner(outputs, precision))(feeds);
}

/** Central differences of a scalar output with respect to one of the inputs; error of order h². */
export async function differences(
  run: Run,
  output: string,
  feeds: Readonly<Record<string, Numbers>>,
  name: string,
  h = 1e-5,
): Promise<number[]> {
  const x = feeds[name]!;
  const at = Float64Array.from(typeof x === "number" ? [x] : x);
  const loss = async (i: number, value: number) => {
    const moved = at.with(i, value);
    return (await run({ ...feeds, [name]: typeof x === "number" ? value : moved }))[output]![0]!;
  };
  const slopes: number[] = [];
  for (const [i, value] of at.entries())
    slopes.push(((await loss(i, value + h)) - (await loss(i, value - h))) / (2 * h));
  return slopes;
}

/** The largest of |a − b| / (1 + |b|). */
export function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers against ${b.length}`);
  return Array.from(a).reduce((most, x, i) => {
    const apart = Object.is(x, b[i]) ? 0 : Math.abs(x - b[i]!) / (1 + Math.abs(b[i]!));
    return apart <= most ? most : apart; // NaN comes through
  }, 0);
}
