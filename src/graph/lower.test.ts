import { beforeAll, expect, test } from "vitest";
import { readOnnx } from "../../test/onnx-reader.ts";
import type { Backend } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { compile } from "../runtime/program.ts";
import { grad } from "./grad.ts";
import { lower, nodesWithShapes } from "./lower.ts";
import { add, mul, neg, sub } from "./ops/arithmetic.ts";
import { exp, tanh } from "./ops/functions.ts";
import { concat } from "./ops/join.ts";
import { linear } from "./ops/linear.ts";
import { expand, reshape, stopGradient, sum, transpose } from "./ops/structure.ts";
import { constant, input, labelled, parameter, type Tensor } from "./tensor.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await cpuBackend(1);
});

const x = input("x", ["batch", 3]);
const y = input("y", ["batch", 3]);
const types = (outputs: Readonly<Record<string, Tensor>>) =>
  readOnnx(lower(outputs).bytes).nodes.map(({ type }) => type);

test("equal expressions are emitted once, however they were built", () => {
  expect(types({ z: mul(exp(add(x, y)), exp(add(x, y))) })).toEqual(["Add", "Exp", "Mul"]);
  expect(types({ z: add(mul(x, 2), mul(x, constant(2))) })).toEqual(["Mul", "Add"]);
  expect(types({ z: add(mul(x, 2), mul(x, 3)) })).toEqual(["Mul", "Mul", "Add"]);
  const cube = input("cube", [2, 2, 2]);
  expect(types({ z: add(transpose(cube, [1, 0, 2]), transpose(cube, [0, 2, 1])) })).toEqual([
    "Transpose",
    "Transpose",
    "Add",
  ]);
  expect(types({ z: add(labelled(exp(x), "a"), stopGradient(exp(x))) })).toEqual(["Exp", "Add"]);
});

test("only what an output needs is lowered", () => {
  const model = readOnnx(lower({ z: exp(x) }).bytes);
  add(y, x);
  expect(model.nodes).toHaveLength(1);
  expect(Object.keys(model.inputs)).toEqual(["x"]);
  expect(types({ z: neg(neg(neg(exp(x)))) })).toEqual(["Exp", "Neg"]);
  expect(types({ z: reshape(reshape(reshape(exp(x), ["3*batch"]), [3, "batch"]), ["batch", 3, 1]) })).toEqual([
    "Exp",
    "Reshape",
  ]);
  expect(types({ z: reshape(reshape(exp(x), ["3*batch"]), ["batch", 3]) })).toEqual(["Exp"]);
  // The gradient of a product by one factor needs neither the other's producer nor the bias.
  const [dx] = grad(sum(mul(linear(x, parameter("w", [3, 3]), parameter("b", [3])), y)), [x]);
  expect(Object.keys(readOnnx(lower({ dx: dx! }).bytes).inputs).sort()).toEqual(["w", "y"]);
});

test("what is free to fold is folded", () => {
  expect(types({ z: add(mul(exp(x), 1), 0) })).toEqual(["Exp"]);
  expect(types({ z: sub(exp(x), constant([0], [1, 1])) })).toEqual(["Exp"]);
  expect(types({ z: mul(exp(x), expand(constant(1), x)) })).toEqual(["Exp"]);
  expect(types({ z: mul(exp(x), expand(parameter("s", [1]), x)) })).toEqual(["Exp", "Mul"]);
  expect(types({ z: mul(exp(x), -1) })).toEqual(["Exp", "Neg"]);
  expect(types({ dx: grad(sum(mul(x, y)), [x])[0]! })).toEqual(["Identity"]); // y itself
});

test("outputs are named without Identity, but for an input, a constant or a second name", async () => {
  const z = exp(x);
  const { nodes } = readOnnx(lower({ z, half: mul(z, 0.5) }).bytes);
  expect(nodes.map(({ type, inputs, outputs }) => [type, inputs[0], outputs])).toEqual([
    ["Exp", "x", ["z"]],
    ["Mul", "z", ["half"]],
  ]);
  const program = await compile(backend, { z, again: z, copy: x, seven: constant([7, 8]), passed: stopGradient(z) });
  expect(readOnnx(program.lowered.bytes).nodes.filter(({ type }) => type === "Identity")).toHaveLength(4);
  const fed = Float32Array.of(0, 1, 2);
  const results = await program.run({ x: fed });
  await program.release();
  expect(results.copy!.data).toEqual(fed);
  expect(results.copy!.data).not.toBe(fed);
  expect(results.seven).toEqual({ data: Float32Array.of(7, 8), shape: [2] });
  for (const name of ["again", "passed"]) expect(results[name], name).toEqual(results.z);
});

test("names that the lowering makes give way to the user's", async () => {
  const program = await compile(backend, {
    exp_0: add(exp(input("constant_0", [2])), constant([1, 2])),
    add_1: exp(input("mul_1", [2])),
  });
  const results = await program.run({ constant_0: Float32Array.of(0, 0), mul_1: Float32Array.of(0, 0) });
  await program.release();
  expect([...(results.exp_0!.data as Float32Array)]).toEqual([2, 3]);
  expect([...(results.add_1!.data as Float32Array)]).toEqual([1, 1]);
});

test("a name with punctuation is one name", async () => {
  const [a, b, both] = [input("a", [1]), input("b", [1]), input("a,b", [1])];
  const program = await compile(backend, { three: concat([a, b, a], 0), two: concat([both, a], 0) });
  const results = await program.run({ a: 1, b: 2, "a,b": 0 });
  await program.release();
  expect([results.three, results.two].map((result) => [...(result!.data as Float32Array)])).toEqual([
    [1, 2, 1],
    [0, 1],
  ]);
});

test("a name is given once", () => {
  expect(() => lower({ z: add(sum(x), sum(input("x", ["batch", 4]))) })).toThrow(
    'two inputs are named "x": a input (batch, 3) of float and a input (batch, 4) of float; rename one',
  );
  expect(() => lower({ z: add(sum(input("n", [2])), sum(parameter("n", [2]))) })).toThrow('two inputs are named "n"');
  expect(() => lower({ x: exp(x) })).toThrow('an output and an input are both named "x"; rename one');
  expect(() => lower({ x })).toThrow('an output and an input are both named "x"; rename one');
  expect(lower({ z: add(sum(x), sum(input("x", ["batch", 3]))) }).inputs).toHaveLength(1);
});

test("parameters can be stored in the model", async () => {
  const z = linear(x, parameter("w", [3, 2]), parameter("b", [2]));
  const embed = new Map([["w", Float32Array.of(1, 2, 3, 4, 5, 6)]]);
  const program = await compile(backend, { z }, { embed });
  expect(program.inputs.map(({ name }) => name)).toEqual(["x", "b"]);
  expect(readOnnx(program.lowered.bytes).initializers.map(({ name, shape }) => [name, shape])).toEqual([["w", [3, 2]]]);
  const results = await program.run({ x: Float32Array.of(1, 0, 1), b: Float32Array.of(10, 20) });
  await program.release();
  expect([...(results.z!.data as Float32Array)]).toEqual([16, 28]);
  expect(() => lower({ z }, { embed: new Map([["w", new Float32Array(5)]]) })).toThrow(
    '"w": 5 values do not fill the shape (3, 2)',
  );
});

test("the model says what it is, and is read by ONNX Runtime", async () => {
  const loss = sum(mul(x, input("beta", [])));
  const options = {
    name: "test",
    documentation: "a test",
    producerVersion: "1.2.3",
    metadata: { purpose: "Prüfung", k: "5" },
  };
  const lowered = lower({ loss, rows: reshape(x, ["3*batch"]), truth: exp(y) }, options);
  const model = readOnnx(lowered.bytes);
  expect(model).toMatchObject({
    irVersion: 8,
    opset: 18,
    producer: "vaekit",
    name: "test",
    documentation: "a test",
    metadata: options.metadata,
  });
  expect(model.inputs).toEqual({
    x: { type: 1, shape: ["batch", 3] },
    beta: { type: 1, shape: [] },
    y: { type: 1, shape: ["batch", 3] },
  });
  expect(model.outputs).toEqual({
    loss: { type: 1, shape: [] },
    rows: { type: 1, shape: ["3*batch"] },
    truth: { type: 1, shape: ["batch", 3] },
  });
  const { InferenceSession } = await import("onnxruntime-node");
  const session = await InferenceSession.create(lowered.bytes);
  expect([session.inputNames, session.outputNames]).toEqual([
    ["x", "beta", "y"],
    ["loss", "rows", "truth"],
  ]);
  expect(session.inputMetadata.map((value) => value.isTensor && [value.type, value.shape])).toEqual([
    ["float32", ["batch", 3]],
    ["float32", []],
    ["float32", ["batch", 3]],
  ]);
  await session.release();
});

test("float64 where it is asked for, in constants too", () => {
  const { inputs, initializers } = readOnnx(lower({ z: mul(x, 0.1) }, { precision: "float64" }).bytes);
  expect(inputs.x!.type).toBe(11);
  expect(initializers.map(({ type, shape }) => [type, shape])).toEqual([[11, []]]);
  expect(new Float64Array(initializers[0]!.bytes.slice().buffer)[0]).toBe(0.1);
});

test("small constants are shared, and large ones kept apart", () => {
  const large = (value: number) => constant(new Float64Array(300).fill(value), [300]);
  const wide = input("wide", [300]);
  const { initializers } = readOnnx(
    lower({ z: add(add(wide, large(1)), add(large(2), add(add(wide, 5), mul(wide, 5)))) }).bytes,
  );
  expect(initializers.map(({ shape }) => shape)).toEqual([[300], [300], []]);
});

test("each value's tensor is known, for messages", () => {
  const h = labelled(exp(x), "h");
  const { values, inputs, outputs } = lower({ z: add(h, 1) });
  expect([...values.values()]).toContain(h);
  expect([...inputs, ...outputs].map(({ name }) => name)).toEqual(["x", "z"]);
});

test("a large graph tells the shapes of its values, and computes what it should", async () => {
  const turns = (i: number) => i % 100 === 0;
  const chain = (length: number) => {
    let z = add(expand(parameter("w", [1, 3]), x), x); // w is not repeated: Add sees through that
    for (let i = 0; i < length; i++) z = turns(i) ? reshape(exp(reshape(neg(z), [3, "batch"])), ["batch", 3]) : tanh(z);
    return { z, rows: sum(z, [1]) };
  };
  expect(readOnnx(lower(chain(nodesWithShapes / 2)).bytes).between).toEqual({});
  const { between, nodes } = readOnnx(lower(chain(nodesWithShapes)).bytes);
  const shapes = Object.values(between).map(({ shape }) => shape.join());
  expect(shapes.length).toBe(nodes.length - 2); // all but the outputs
  expect(new Set(shapes)).toEqual(new Set(["batch,3", "3,batch"]));

  const program = await compile(backend, chain(nodesWithShapes));
  const given = [1, 2, 3, 4, 5, 6];
  const w = [0.1, 0.2, 0.3];
  const results = await program.run({ x: Float32Array.from(given), w: Float32Array.from(w) });
  await program.release();
  for (const [i, value] of given.entries()) {
    let wanted = value + w[i % 3]!;
    for (let k = 0; k < nodesWithShapes; k++) wanted = turns(k) ? Math.exp(-wanted) : Math.tanh(wanted);
    expect(Number(results.z!.data[i])).toBeCloseTo(wanted, 5);
  }
});
