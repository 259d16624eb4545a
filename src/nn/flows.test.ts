import { describe, expect, test } from "vitest";
import { draws, generic, initial, logDeterminant } from "../../test/latent.ts";
import { differences, evaluate, furthest, type Run, runner } from "../../test/numeric.ts";
import { ShapeError, UsageError } from "../errors.ts";
import type { Flow } from "../graph/flow.ts";
import { grad } from "../graph/grad.ts";
import { add, mul } from "../graph/ops/arithmetic.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { constant, input, type Tensor } from "../graph/tensor.ts";
import { inverseAutoregressiveFlow, maskedAutoregressiveFlow } from "./autoregressive.ts";
import { couplingFlow } from "./coupling.ts";
import type { FlowOptions } from "./flows.ts";
import { parameterTree, type Scope } from "./parameters.ts";
import { planarFlow } from "./planar.ts";

/* The laws of flows, from one table: a new flow is a new row. */

interface Kind {
  readonly name: string;
  make(scope: Scope, latent: number, options: FlowOptions): Flow;
  readonly invertible: boolean;
  /** Least number of latents. */
  readonly least: number;
  /** What a new flow of so many steps multiplies z by. */
  start(steps: number): number;
  /** Each of these in the place of the default changes what comes out. */
  readonly options: readonly Partial<FlowOptions>[];
}

const networkOptions: readonly Partial<FlowOptions>[] = [
  { steps: 3 },
  { hidden: [5] },
  { hidden: [7, 7] },
  { activation: "silu" },
];
const kinds: readonly Kind[] = [
  {
    name: "planar",
    make: (scope, latent, { steps, context }) => planarFlow(scope, latent, { steps, context: context ?? 0 }),
    invertible: false,
    least: 1,
    start: () => 1,
    options: [{ steps: 3 }],
  },
  {
    name: "coupling",
    make: couplingFlow,
    invertible: true,
    least: 2,
    start: () => 1,
    options: networkOptions,
  },
  {
    name: "inverse autoregressive",
    make: inverseAutoregressiveFlow,
    invertible: false,
    least: 1,
    start: (steps) => (1 / (1 + Math.exp(-2))) ** steps,
    options: networkOptions,
  },
  {
    name: "masked autoregressive",
    make: maskedAutoregressiveFlow,
    invertible: true,
    least: 1,
    start: () => 1,
    options: networkOptions,
  },
];

const defaults: FlowOptions = { steps: 2, hidden: [7], activation: "tanh", initialization: "lecun" };

/** A flow with parameters far from its start. */
function built(kind: Kind, latent: number, options: Partial<FlowOptions> = {}, scale = 1) {
  const { root, specs } = parameterTree();
  const flow = kind.make(root.at("flow"), latent, { ...defaults, ...options });
  return { flow, specs, parameters: generic(specs, scale) };
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** The Jacobian (d, d) of what `name` gives at z, by central differences. */
async function jacobian(run: Run, name: string, given: Readonly<Record<string, ArrayLike<number>>>): Promise<number[]> {
  const [h, z] = [1e-5, Array.from(given["from"]!)];
  const columns: number[][] = [];
  for (const [i, value] of z.entries()) {
    const above = (await run({ ...given, from: z.with(i, value + h) }))[name]!;
    const below = (await run({ ...given, from: z.with(i, value - h) }))[name]!;
    columns.push(above.map((x, j) => (x - below[j]!) / (2 * h)));
  }
  return range(z.length).flatMap((i) => columns.map((column) => column[i]!));
}

describe.each(kinds)("$name", (kind) => {
  const contexts = [0, 2];
  const seen = (context: number, rows = 1) => (context > 0 ? input("context", [rows, context]) : undefined);
  const seenValues = (context: number, rows = 1) =>
    context > 0 ? { context: range(rows * context).map((i) => Math.cos(5 * i)) } : {};

  test.each(contexts)("the log-determinant is that of the numeric Jacobian (context of %i)", async (context) => {
    for (const latent of [kind.least, 3, 5]) {
      const { flow, parameters } = built(kind, latent, { context });
      const z = input("from", [1, latent]);
      const ways = Object.entries(flow) as [string, NonNullable<Flow["inverse"]>][];
      expect(ways.map(([name]) => name)).toEqual(kind.invertible ? ["forward", "inverse"] : ["forward"]);
      for (const [name, way] of ways) {
        const run = await runner({ ...way(z, seen(context)) });
        const given = {
          ...parameters,
          ...seenValues(context),
          from: range(latent).map((i) => 0.7 * Math.sin(3 * i + 1)),
        };
        const { logDet } = await run(given);
        const expected = logDeterminant(await jacobian(run, "z", given), latent);
        expect(Math.abs(expected)).toBeGreaterThan(0.01);
        expect(furthest(logDet!, [expected]), name).toBeLessThan(1e-8);
      }
    }
  });

  if (kind.invertible)
    test.each(contexts)("inverse ∘ forward and forward ∘ inverse are the identity (context of %i)", async (context) => {
      for (const latent of [kind.least, 3, 6]) {
        const { flow, parameters } = built(kind, latent, { steps: 3, context });
        const z = input("from", [4, latent]);
        const [there, here] = [flow.forward(z, seen(context, 4)), flow.inverse!(z, seen(context, 4))];
        const back = flow.inverse!(there.z, seen(context, 4));
        const again = flow.forward(here.z, seen(context, 4));
        const values = draws("normals", 4 * latent);
        const run = await evaluate(
          { back: back.z, again: again.z, one: add(there.logDet, back.logDet), two: add(here.logDet, again.logDet) },
          { ...parameters, ...seenValues(context, 4), from: values },
        );
        expect(furthest(run.back!, values)).toBeLessThan(1e-9);
        expect(furthest(run.again!, values)).toBeLessThan(1e-9);
        expect(furthest([...run.one!, ...run.two!], Array(8).fill(0))).toBeLessThan(1e-9);
      }
    });

  test.each(contexts)("starts as a multiple of the identity (context of %i)", async (context) => {
    const { root, specs } = parameterTree();
    const flow = kind.make(root, 4, { ...defaults, steps: 3, context });
    const values = draws("normals", 8);
    const run = await evaluate(
      { ...flow.forward(input("from", [2, 4]), seen(context, 2)) },
      { ...initial(specs), ...seenValues(context, 2), from: values },
    );
    const factor = kind.start(3);
    expect(
      furthest(
        run.z!,
        values.map((x) => x * factor),
      ),
    ).toBeLessThan(1e-6);
    expect(furthest(run.logDet!, Array(2).fill(4 * Math.log(factor)))).toBeLessThan(1e-6);
  });

  test("k draws of each row, and a batch of any size, go through as each row by itself", async () => {
    const [k, rows, d, context] = [3, 2, 3, 2];
    const { flow, parameters } = built(kind, d, { context });
    const values = draws("normals", k * rows * d);
    const many = flow.forward(input("from", [k, "batch", d]), input("context", ["batch", context]));
    expect([many.z.shape, many.logDet.shape]).toEqual([
      [k, "batch", d],
      [k, "batch"],
    ]);
    const contexts = range(rows * context).map((i) => Math.cos(5 * i));
    const together = await evaluate({ ...many }, { ...parameters, from: values, context: contexts });
    const alone = await runner({ ...flow.forward(input("from", [1, d]), input("context", [1, context])) });
    for (const i of range(k * rows)) {
      const row = i % rows;
      const one = await alone({
        ...parameters,
        from: values.slice(i * d, (i + 1) * d),
        context: contexts.slice(row * context, (row + 1) * context),
      });
      expect(furthest(together.z!.slice(i * d, (i + 1) * d), one.z!)).toBeLessThan(1e-13);
      expect(furthest([together.logDet![i]!], one.logDet!)).toBeLessThan(1e-13);
    }
  });

  test("gradients by every parameter, z and the context are exact", async () => {
    const { flow, specs, parameters } = built(kind, 3, { hidden: [3], context: 2 }, 0.7);
    const [z, context] = [input("from", [2, 3]), input("context", [2, 2])];
    const total = ({ z, logDet }: { readonly z: Tensor; readonly logDet: Tensor }) =>
      add(sum(mul(z, constant([1, -0.6, 0.3, 2, 0.1, -1], [2, 3]))), sum(mul(logDet, constant([0.7, -1.3]))));
    const ways = [flow.forward(z, context), ...(flow.inverse ? [flow.inverse(z, context)] : [])];
    const value = ways.map(total).reduce((a, b) => add(a, b));
    const wrt = [...specs.map(({ tensor }) => tensor), z, context];
    const gradients = grad(value, wrt);
    const run = await runner({
      value,
      ...Object.fromEntries(wrt.map(({ label }, i) => [`d ${label}`, gradients[i]!])),
    });
    const given = { ...parameters, from: [0.3, -0.5, 1, 0.8, -1.2, 0.1], context: [0.4, -0.3, -1, 0.6] };
    const exact = await run(given);
    for (const { label } of wrt) {
      const slopes = await differences(run, "value", given, label!);
      expect(furthest(exact[`d ${label}`]!, slopes), label).toBeLessThan(2e-8);
    }
  });

  test("every option changes what comes out", async () => {
    const z = input("from", [1, 4]);
    const result = async (options: Partial<FlowOptions>) => {
      const { flow, parameters } = built(kind, 4, options);
      const context = (options.context ?? 0) > 0 ? { context: [0.5] } : {};
      const { z: y } = await evaluate(
        { z: flow.forward(z, options.context ? input("context", [1, 1]) : undefined).z },
        { ...parameters, ...context, from: [1, -1, 0.5, 2] },
      );
      return y!;
    };
    const usual = await result({});
    for (const options of [...kind.options, { context: 1 }])
      expect(furthest(await result(options), usual), JSON.stringify(options)).toBeGreaterThan(1e-3);
  });

  test("the context has an effect on every latent", async () => {
    const { flow, parameters } = built(kind, 4, { context: 1 });
    const run = await runner({ z: flow.forward(input("from", [1, 4]), input("context", [1, 1])).z });
    const z = [1, -1, 0.5, 2];
    const [one, two] = [
      await run({ ...parameters, from: z, context: [0] }),
      await run({ ...parameters, from: z, context: [1] }),
    ];
    for (const i of range(4)) expect(one.z![i]).not.toBe(two.z![i]);
  });

  test.each(["float32", "float64"] as const)(
    "far out everything is finite, gradients too, in %s",
    async (precision) => {
      const { flow, specs, parameters } = built(kind, 4, { context: 2, activation: "relu" });
      const [z, context] = [input("from", [1, 4]), input("context", [1, 2])];
      const outputs = [flow.forward(z, context), ...(flow.inverse ? [flow.inverse(z, context)] : [])];
      const value = outputs.flatMap(({ z, logDet }) => [sum(z), sum(logDet)]).reduce((a, b) => add(a, b));
      const gradients = grad(value, [...specs.map(({ tensor }) => tensor), z, context]);
      const all = outputs.flatMap(({ z, logDet }) => [z, logDet]);
      const run = await runner(Object.fromEntries([...all, ...gradients].map((x, i) => [`${i}`, x])), precision);
      for (const weights of [0, 1, 30])
        for (const size of [0, 1, 1e4, -1e4]) {
          // A bound on log-scales is a parameter, which nothing but training moves: as it starts.
          const fed = Object.fromEntries(
            Object.entries(parameters).map(([path, values]) => [
              path,
              values.map((x) => (path.endsWith("scale") ? 1 : weights * x)),
            ]),
          );
          const results = await run({ ...fed, from: [size, -size, 1, size], context: [size, 1] });
          for (const values of Object.values(results))
            expect(values.every(Number.isFinite), JSON.stringify({ weights, size, values })).toBe(true);
        }
    },
  );

  test("options and tensors that do not fit are refused", () => {
    const make = (latent: number, options: object) =>
      kind.make(parameterTree().root, latent, { ...defaults, ...options } as FlowOptions);
    expect(() => make(3, { steps: 0 })).toThrow(/steps: expected a whole number of 1 or more, got 0/);
    expect(() => make(3, { context: -1 })).toThrow(UsageError);
    expect(() => make(kind.least - 1, {})).toThrow(/latent: expected a whole number/);
    const [plain, seeing] = [make(3, {}), make(3, { context: 2 })];
    const z = input("from", ["batch", 3]);
    expect(() => plain.forward(input("from", ["batch", 4]))).toThrow(/expected z \(rows, 3\)/);
    expect(() => plain.forward(input("from", [3]))).toThrow(ShapeError);
    expect(() => plain.forward(z, input("context", ["batch", 2]))).toThrow(/no context/);
    expect(() => seeing.forward(z)).toThrow(/a context \(rows, 2\)/);
    expect(() => seeing.forward(z, input("context", ["batch", 3]))).toThrow(ShapeError);
    expect(() => seeing.forward(z, input("context", [5, 2]))).toThrow(ShapeError);
    expect(() => seeing.forward(input("from", ["batch", 2, 3]), input("context", [2, 2]))).toThrow(/must be static/);
  });
});

test.each([planarFlow, couplingFlow, inverseAutoregressiveFlow, maskedAutoregressiveFlow])(
  "an option that is not known is refused by %o",
  (make) => {
    const options = { ...(make === planarFlow ? { steps: 2 } : defaults), step: 2 };
    expect(() => make(parameterTree().root, 3, options as never)).toThrow(/step: unknown option; did you mean/);
  },
);

test("an autoregressive step sees what is before it alone: its Jacobian is a triangle, the next one's the other", async () => {
  for (const kind of kinds.slice(2)) {
    const { flow, parameters } = built(kind, 4, { steps: 1 });
    for (const way of Object.values(flow) as NonNullable<Flow["inverse"]>[]) {
      const z = input("from", [1, 4]);
      const y = way(z).z;
      const pick = (i: number) => sum(mul(reshape(y, [4]), constant(range(4).map((j) => (i === j ? 1 : 0)))));
      const rows = range(4).map((i) => [`${i}`, grad(pick(i), [z])[0]!] as const);
      const run = await evaluate(Object.fromEntries(rows), { ...parameters, from: [0.3, 1, -0.4, 2] });
      for (const i of range(4)) expect(run[i]!.map((x) => x !== 0)).toEqual(range(4).map((j) => j <= i));
    }
    const two = built(kind, 4, { steps: 2 });
    const turned = { ...two.parameters };
    // only the second step, which goes the other way
    for (const path of Object.keys(turned)) if (path.startsWith("flow.0.")) turned[path] = turned[path]!.map(() => 0);
    const run = await runner({ z: two.flow.forward(input("from", [1, 4])).z });
    const table = await jacobian(run, "z", { ...turned, from: [0.3, 1, -0.4, 2] });
    for (const i of range(16)) expect(Math.abs(table[i]!) > 1e-7).toBe(i % 4 >= Math.floor(i / 4));
  }
});

test("a coupling step leaves one half as it is, and the next the other", async () => {
  const z = [0.3, 1, -0.4, 2, 0.7];
  const forward = async (steps: number, zeroed: string) => {
    const { flow, parameters } = built(kinds[1]!, 5, { steps });
    const still = Object.entries(parameters).map(([path, x]) => [path, path.startsWith(zeroed) ? x.map(() => 0) : x]);
    return (await evaluate({ z: flow.forward(input("from", [1, 5])).z }, { ...Object.fromEntries(still), from: z })).z!;
  };
  const same = (values: readonly number[]) => values.map((x, i) => x === z[i]);
  expect(same(await forward(1, "none"))).toEqual([true, true, true, false, false]);
  expect(same(await forward(2, "flow.0."))).toEqual([false, false, false, true, true]);
});

test("a planar flow is the paper's formula, and invertible for any u", async () => {
  const { flow, parameters } = built(kinds[0]!, 2, { steps: 1 });
  const [u, w, b] = ["u", "w", "b"].map((name) => parameters[`flow.0.${name}`]!) as [number[], number[], number[]];
  const dot = (a: readonly number[], c: readonly number[]) => a.reduce((total, x, i) => total + x * c[i]!, 0);
  const z = [0.4, -0.9];
  const run = await runner({ ...flow.forward(input("from", [1, 2])) });
  for (const factor of [1, -40, 40]) {
    const given = u.map((x) => factor * x);
    const stretch = Math.log(1 + (Math.E - 1) * Math.exp(dot(w, given))) - 1;
    const held = given.map((x, i) => x + ((stretch - dot(w, given)) * w[i]!) / dot(w, w));
    const h = Math.tanh(dot(w, z) + b[0]!);
    const result = await run({ ...parameters, "flow.0.u": given, from: z });
    expect(
      furthest(
        result.z!,
        z.map((x, i) => x + held[i]! * h),
      ),
    ).toBeLessThan(factor === 1 ? 1e-12 : 1e-6); // far below, wᵀû is held a little above −1
    expect(dot(w, held)).toBeGreaterThanOrEqual(-1);
    if (factor === 1) expect(furthest(result.logDet!, [Math.log(1 + (1 - h * h) * dot(w, held))])).toBeLessThan(1e-12);
  }
});

test("a plane that would fold z over still stretches it by a millionth", async () => {
  const { flow } = built(kinds[0]!, 2, { steps: 1 });
  const [z, w] = [input("from", [1, 2]), [1, 2]];
  for (const precision of ["float32", "float64"] as const) {
    const { logDet } = await evaluate(
      { logDet: flow.forward(z).logDet },
      { from: [0, 0], "flow.0.u": w.map((x) => -20 * x), "flow.0.w": w, "flow.0.b": [0] },
      precision,
    );
    expect(furthest(logDet!, [Math.log(1e-6)])).toBeLessThan(1e-6);
  }
});
