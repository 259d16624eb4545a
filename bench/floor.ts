import type { Lowered } from "../src/graph/lower.ts";
import { matmulOperator } from "../src/graph/ops/linear.ts";
import { sizeAt } from "../src/graph/shape.ts";
import { apply, input, type Operator, type Tensor } from "../src/graph/tensor.ts";
import { summedAxis } from "../src/models/cost.ts";
import type { Backend } from "../src/runtime/backend.ts";
import { compile } from "../src/runtime/program.ts";
import { median } from "./statistics.ts";

/*
 * The floor of a step: the time of its matrix products alone, at the rate that ONNX Runtime reaches for each of them in
 * its best orientation on one thread, with operands that lie in the cache, and as if threads shared the work without any
 * loss. (Two threads within one product take longer than that, and longer than half a batch each.)
 */

/** Matrix products of one shape: (short, inner)·(inner, long), or the transpose of that. */
export interface Products {
  readonly short: number;
  readonly inner: number;
  readonly long: number;
  /** How many a step takes. */
  readonly count: number;
}

/** Floating-point operations of so many products; a multiplication and an addition are two. */
export const flopsOfProducts = ({ short, inner, long, count }: Products): number => 2 * short * inner * long * count;

/** The matrix products of a lowered graph, by shape: each that is emitted counts once. */
export function productsOfGraph({ values }: Pick<Lowered, "values">, batchSize: number): Products[] {
  const found = new Map<string, Products>();
  for (const tensor of values.values()) {
    const summed = summedAxis(tensor);
    if (summed === undefined) continue;
    const columns = sizeAt(tensor.shape.slice(-1), batchSize);
    // Batched products are so many; a convolution is one product for all rows of its patches.
    const batched = tensor.operator === matmulOperator ? sizeAt(tensor.shape.slice(0, -2), batchSize) : 1;
    const rows = sizeAt(tensor.shape, batchSize) / columns / batched;
    const [short, long] = [Math.min(rows, columns), Math.max(rows, columns)];
    const inner = sizeAt([summed], batchSize);
    const key = `${short}×${inner}×${long}`;
    found.set(key, { short, inner, long, count: batched + (found.get(key)?.count ?? 0) });
  }
  return [...found.values()].sort((a, b) => flopsOfProducts(b) - flopsOfProducts(a));
}

/** How a product is computed: which matrix is the first operand, and which of the two is given transposed. */
interface Orientation {
  readonly longFirst: boolean;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

const orientations: readonly Orientation[] = [false, true].flatMap((longFirst) =>
  [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB): Orientation => ({ longFirst, transposeA, transposeB })),
  ),
);

/** A product times a factor that tells it from others of the same operands, which ONNX Runtime would merge with it. */
const scaledProduct: Operator = {
  name: "scaledProduct",
  infer: (_inputs, { rows, columns }) => ({ shape: [rows as number, columns as number], dtype: "float" }),
  gradient: { none: "measured only" },
  lower(node, emit) {
    const { transposeA, transposeB, factor } = node.attributes;
    return emit.node(
      "Gemm",
      node.inputs.map((operand) => emit.value(operand)),
      { transA: { int: transposeA ? 1 : 0 }, transB: { int: transposeB ? 1 : 0 }, alpha: { float: factor as number } },
    );
  },
};

/** A call of a session takes some 0.02 ms: it computes so many products that this is little. */
const flopsOfCall = 3e8;
const mostCopies = 32;

/** Seconds of one product, over calls that take about so long. */
type Timer = (seconds: number) => Promise<number>;

interface Measured {
  readonly time: Timer;
  release(): Promise<void>;
}

async function measured(backend: Backend, product: Products, orientation: Orientation): Promise<Measured> {
  const { longFirst, transposeA, transposeB } = orientation;
  const { inner } = product;
  const [rows, columns] = longFirst ? [product.long, product.short] : [product.short, product.long];
  const flops = flopsOfProducts({ ...product, count: 1 });
  const copies = Math.min(mostCopies, Math.ceil(flopsOfCall / flops));
  const a = input("a", transposeA ? [inner, rows] : [rows, inner]);
  const b = input("b", transposeB ? [columns, inner] : [inner, columns]);
  const outputs: Record<string, Tensor> = {};
  for (let i = 0; i < copies; i++) {
    const factor = 1 + i / 1024;
    outputs[`y${i}`] = apply(scaledProduct, [a, b], { rows, columns, transposeA, transposeB, factor });
  }
  const program = await compile(backend, outputs);
  const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 256) / 256 - 0.5);
  const y = new Float32Array(rows * columns);
  const results = Object.fromEntries(Object.keys(outputs).map((name) => [name, y]));
  const run = program.bind(1, { a: numbers(rows * inner), b: numbers(inner * columns) }, results);
  await run();
  return {
    release: () => program.release(),
    async time(seconds) {
      const started = performance.now();
      let calls = 0;
      do {
        await run();
        calls++;
      } while (performance.now() - started < 1000 * seconds);
      return (performance.now() - started) / 1000 / calls / copies;
    },
  };
}

/** In its best orientation: three rounds by turns. */
async function fastest(backend: Backend, product: Products): Promise<Measured> {
  const candidates: { readonly one: Measured; readonly times: number[] }[] = [];
  for (const orientation of orientations)
    candidates.push({ one: await measured(backend, product, orientation), times: [] });
  for (let round = 0; round < 3; round++) for (const { one, times } of candidates) times.push(await one.time(0.01));
  candidates.sort((a, b) => median(a.times) - median(b.times));
  const [best, ...others] = candidates;
  for (const { one } of others) await one.release();
  return best!.one;
}

/** The floor of a graph. */
export interface Floor {
  readonly flops: number;
  /** Seconds that the graph's products take at this moment. */
  seconds(): Promise<number>;
  release(): Promise<void>;
}

/**
 * Finds the best orientation for each product of a graph.
 * @param backend of one thread
 * @param threads that a step has
 */
export async function openFloor(
  backend: Backend,
  lowered: Pick<Lowered, "values">,
  batchSize: number,
  threads: number,
): Promise<Floor> {
  const products = productsOfGraph(lowered, batchSize);
  const timers: { readonly count: number; readonly one: Measured }[] = [];
  for (const product of products) timers.push({ count: product.count, one: await fastest(backend, product) });
  return {
    flops: products.reduce((sum, product) => sum + flopsOfProducts(product), 0),
    async seconds() {
      let sum = 0;
      for (const { count, one } of timers) sum += count * (await one.time(0.02));
      return sum / threads;
    },
    async release() {
      for (const { one } of timers) await one.release();
    },
  };
}
