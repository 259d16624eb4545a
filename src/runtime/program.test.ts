import { beforeAll, expect, test, vi } from "vitest";
import { RunError, UsageError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { add, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { asFloat, less } from "../graph/ops/comparison.ts";
import { exp, tanh } from "../graph/ops/functions.ts";
import { linear } from "../graph/ops/linear.ts";
import { gather } from "../graph/ops/select.ts";
import { sum } from "../graph/ops/structure.ts";
import { input, parameter } from "../graph/tensor.ts";
import type { Backend } from "./backend.ts";
import { createKernels } from "./kernels.ts";
import { cpuBackend } from "./ort.node.ts";
import { compile } from "./program.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await cpuBackend(1);
});

const x = input("x", ["batch", 2]);
const beta = input("beta", []);
const scaled = { y: mul(x, beta), total: mul(beta, sum(x)) };

test("runs at any batch size, which it reads off the inputs", async () => {
  const program = await compile(backend, scaled);
  expect(await program.run({ x: Float32Array.of(1, 2), beta: 3 })).toEqual({
    y: { data: Float32Array.of(3, 6), shape: [1, 2] },
    total: { data: Float32Array.of(9), shape: [] },
  });
  const { y } = await program.run({ x: Float32Array.of(1, 2, 3, 4, 5, 6), beta: Float32Array.of(0.5) });
  expect(y).toEqual({ data: Float32Array.of(0.5, 1, 1.5, 2, 2.5, 3), shape: [3, 2] });
  await program.release();
});

test("samples folded into the batch", async () => {
  const program = await compile(backend, { y: exp(input("z", ["5*batch", 2])) });
  expect((await program.run({ z: new Float32Array(20) })).y!.shape).toEqual([10, 2]);
  await expect(program.run({ z: new Float32Array(14) })).rejects.toThrow(
    '"z" (5*batch, 2): 14 values are no whole number of examples',
  );
  await program.release();
});

test("the batch size is read off an input that has it twice", async () => {
  const program = await compile(backend, { y: sum(input("pairs", ["batch", "batch", 2]), [2]) });
  expect((await program.run({ pairs: new Float32Array(18) })).y!.shape).toEqual([3, 3]);
  await expect(program.run({ pairs: new Float32Array(16) })).rejects.toThrow("no whole number of examples");
  await program.release();
});

test("an input that is missing or misshapen is named, with what was expected", async () => {
  const program = await compile(backend, scaled);
  const refused = async (feeds: Parameters<typeof program.run>[0], message: string) => {
    await expect(program.run(feeds)).rejects.toThrow(UsageError);
    await expect(program.run(feeds)).rejects.toThrow(message);
  };
  await refused({ beta: 1 }, 'the program needs "x" (batch, 2), which was not given');
  await refused({ x: new Float32Array(2) }, 'the program needs "beta" (), which was not given');
  await refused({ x: new Float32Array(3), beta: 1 }, '"x" (batch, 2): 3 values are no whole number of examples');
  await refused(
    { x: new Float32Array(2), beta: new Float32Array(2) },
    '"beta" (): expected 1 values at batch size 1, got 2',
  );
  await program.release();
  const two = await compile(backend, { y: add(x, input("noise", ["batch", 2])) });
  await expect(two.run({ x: new Float32Array(6), noise: new Float32Array(4) })).rejects.toThrow(
    '"noise" (batch, 2): expected 6 values at batch size 3, got 4',
  );
  const [y, noise] = [new Float32Array(6), new Float32Array(6)];
  expect(() => two.bind(3, { x: new Float32Array(4), noise }, { y })).toThrow(
    '"x" (batch, 2): expected 6 values at batch size 3, got 4',
  );
  expect(() => two.bind(3, { x: new Float32Array(6), noise }, {})).toThrow(
    'the program needs "y" (batch, 2), which was not given',
  );
  expect(() => two.bind(3, { x: new Float32Array(6), noise }, { y: new Float32Array(5) })).toThrow(UsageError);
  await two.release();
});

test("numbers stand for scalars of each type", async () => {
  const program = await compile(backend, {
    row: gather(parameter("table", [3, 2]), input("i", [], "int")),
    truth: asFloat(input("b", [], "bool")),
    half: mul(beta, 0.5),
  });
  const table = Float32Array.of(0, 1, 10, 11, 20, 21);
  const results = await program.run({ table, i: 2, b: 1, beta: 3 });
  expect(Object.values(results).map(({ data }) => [...(data as Float32Array)])).toEqual([[20, 21], [1], [1.5]]);
  const indexed = await compile(backend, { rows: gather(parameter("table", [3, 2]), input("i", ["batch"], "int")) });
  expect((await indexed.run({ table, i: BigInt64Array.of(1n, 0n, 1n) })).rows!.data).toEqual(
    Float32Array.of(10, 11, 0, 1, 10, 11),
  );
  await Promise.all([program.release(), indexed.release()]);
});

test("truth values come out as bytes", async () => {
  const program = await compile(backend, { below: less(x, 0) });
  expect((await program.run({ x: Float32Array.of(-1, 1) })).below).toEqual({
    data: Uint8Array.of(1, 0),
    shape: [1, 2],
  });
  await program.release();
});

test("bound arrays are read and written in place, also in the kernels' memory", async () => {
  const kernels = createKernels(4096);
  const [fed, scale, y, total] = [kernels.float32(4), kernels.float32(1), kernels.float32(4), kernels.float32(1)];
  fed.set([1, 2, 3, 4]);
  scale[0] = 2;
  const program = await compile(backend, scaled);
  const run = program.bind(2, { x: fed, beta: scale }, { y, total });
  await run();
  expect([...y, ...total]).toEqual([2, 4, 6, 8, 20]);
  fed[0] = -1;
  await run();
  expect([...y, ...total]).toEqual([-2, 4, 6, 8, 16]);
  await program.release();
});

test("a scalar changes between steps without a new session", async () => {
  const compiled = vi.fn(backend.compile);
  const program = await compile({ ...backend, compile: compiled }, scaled);
  const [scale, y, total] = [Float32Array.of(1), new Float32Array(2), new Float32Array(1)];
  const run = program.bind(1, { x: Float32Array.of(1, 2), beta: scale }, { y, total });
  for (const value of [1, 0, -2.5]) {
    scale[0] = value;
    await run();
    expect([...y]).toEqual([value * 1 + 0, value * 2 + 0]);
    expect((await program.run({ x: Float32Array.of(1, 2), beta: value })).y!.data).toEqual(y);
  }
  await program.release();
  expect(compiled).toHaveBeenCalledTimes(1);
});

test("one program is bound at several batch sizes", async () => {
  const program = await compile(backend, scaled);
  const bound = [1, 3].map((rows) => {
    const y = new Float32Array(2 * rows);
    return {
      y,
      run: program.bind(
        rows,
        { x: new Float32Array(2 * rows).fill(rows), beta: Float32Array.of(2) },
        { y, total: new Float32Array(1) },
      ),
    };
  });
  for (const { run } of [...bound, ...bound]) await run();
  expect(bound.map(({ y }) => [...y])).toEqual([
    [2, 2],
    [6, 6, 6, 6, 6, 6],
  ]);
  await program.release();
});

test("memory stays flat over bound training steps", async () => {
  const [w, b] = [parameter("w", [64, 64]), parameter("b", [64])];
  const rows = input("rows", ["batch", 64]);
  const loss = sum(square(sub(tanh(linear(rows, w, b)), rows)));
  const [dw, db] = grad(loss, [w, b]);
  const program = await compile(backend, { loss, dw: dw!, db: db! });
  const kernels = createKernels(1 << 20);
  const feeds = { rows: kernels.float32(32 * 64), w: kernels.float32(64 * 64), b: kernels.float32(64) };
  feeds.rows.forEach((_, i) => {
    feeds.rows[i] = Math.sin(i);
  });
  const fetches = { loss: kernels.float32(1), dw: kernels.float32(64 * 64), db: kernels.float32(64) };
  const run = program.bind(32, feeds, fetches);
  const steps = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await run();
      for (let j = 0; j < feeds.w.length; j++) feeds.w[j]! -= 1e-4 * fetches.dw[j]!;
    }
  };
  await steps(1);
  const started = fetches.loss[0]!;
  await steps(5000); // JavaScript's heap finds its size
  const before = process.memoryUsage.rss();
  await steps(5000);
  // A step's outputs are 16 KB: allocated anew and kept, they would be 80 MB.
  expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(8);
  expect(fetches.loss[0]).toBeLessThan(started);
  await program.release();
});

test("a graph that ONNX Runtime refuses says so", async () => {
  const { lowered, release } = await compile(backend, { y: exp(x) });
  await release();
  await expect(backend.compile({ ...lowered, bytes: lowered.bytes.subarray(0, 20) })).rejects.toThrow(RunError);
});

test("outputs that were given arrays are written there, and copied nowhere", async () => {
  const count = 500_000;
  const program = await compile(backend, { y: add(input("x", ["batch"]), 1) });
  const [from, to] = [new Float32Array(count), new Float32Array(count)];
  const run = program.bind(count, { x: from }, { y: to });
  await run();
  const before = process.memoryUsage().external;
  for (let i = 0; i < 10; i++) {
    from.fill(i);
    await run();
    expect(to[count - 1]).toBe(i + 1);
  }
  expect(process.memoryUsage().external - before).toBeLessThan(count * 4);
  await program.release();
});

test("a run that fails in the middle still fails", async () => {
  const table = input("table", [3]);
  const index = input("index", ["batch"], "int");
  const program = await compile(backend, { y: gather(table, index) });
  const [y, place] = [new Float32Array(1), BigInt64Array.of(7n)];
  const run = program.bind(1, { table: Float32Array.of(1, 2, 3), index: place }, { y });
  await expect(run()).rejects.toThrow("indices element out of data bounds");
  place[0] = 2n;
  await run();
  expect(y[0]).toBe(3);
  await program.release();
});
