import { describe, expect, test } from "vitest";
import { draws, generic, initial, mean, momentsOf, plane } from "../../test/latent.ts";
import { differences, evaluate, furthest, runner } from "../../test/numeric.ts";
import { ShapeError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { mul } from "../graph/ops/arithmetic.ts";
import { sum } from "../graph/ops/structure.ts";
import { constant, input, type Tensor } from "../graph/tensor.ts";
import { maskedAutoregressiveFlow } from "../nn/autoregressive.ts";
import { couplingFlow } from "../nn/coupling.ts";
import { type ParameterSpec, parameterTree, type Scope } from "../nn/parameters.ts";
import { mixtureParameters } from "../nn/prior.ts";
import { flowPrior } from "./flow.ts";
import { type Prior, standardPrior } from "./latent.ts";
import { mixturePrior } from "./mixture.ts";

/* The laws of priors, from one table: a new prior is a new row. */

const flowOptions = { steps: 3, hidden: [6], activation: "tanh", initialization: "lecun" } as const;
const families: readonly { readonly name: string; readonly make: (scope: Scope, latent: number) => Prior }[] = [
  { name: "standard", make: (_scope, latent) => standardPrior(latent) },
  { name: "mixture", make: (scope, latent) => mixturePrior(mixtureParameters(scope, 5, latent)) },
  {
    name: "mixture of equal weights",
    make: (scope, latent) => {
      const { mean, logvar } = mixtureParameters(scope, 3, latent);
      return mixturePrior({ mean, logvar });
    },
  },
  { name: "mixture of one", make: (scope, latent) => mixturePrior(mixtureParameters(scope, 1, latent)) },
  {
    name: "coupling flow",
    make: (scope, latent) => flowPrior(couplingFlow(scope, latent, flowOptions), standardPrior(latent)),
  },
  {
    name: "masked autoregressive flow",
    make: (scope, latent) => flowPrior(maskedAutoregressiveFlow(scope, latent, flowOptions), standardPrior(latent)),
  },
];

function built(make: (scope: Scope, latent: number) => Prior, latent: number) {
  const { root, specs } = parameterTree();
  const prior = make(root, latent);
  return { prior, specs, parameters: generic(specs, 0.8) };
}

/** Samples (rows, d) of a prior. */
async function samplesOf(prior: Prior, parameters: Record<string, ArrayLike<number>>, rows: number) {
  const { normal, uniform } = prior.noise;
  const noise = {
    normal: input("normal", ["batch", normal]),
    ...(uniform > 0 ? { uniform: input("uniform", ["batch", uniform]) } : {}),
  };
  const { z } = await evaluate(
    { z: prior.sample(noise) },
    {
      ...parameters,
      normal: draws("normals", rows * normal),
      ...(uniform > 0 ? { uniform: draws("uniforms", rows * uniform) } : {}),
    },
  );
  return z!;
}

describe.each(families)("$name", ({ make }) => {
  test("the density integrates to 1 over the plane, and samples have its moments", async () => {
    const { prior, parameters } = built(make, 2);
    const { z, area } = plane(20, 0.1);
    const { logProb } = await evaluate({ logProb: prior.logProb(input("z", ["batch", 2])) }, { ...parameters, z });
    const mass = logProb!.map((value) => area * Math.exp(value));
    expect(furthest([mass.reduce((a, b) => a + b, 0)], [1])).toBeLessThan(1e-6);
    const expected = (f: (x: number, y: number) => number) =>
      mass.reduce((total, m, i) => total + m * f(z[2 * i]!, z[2 * i + 1]!), 0);
    const count = 40_000;
    const samples = await samplesOf(prior, parameters, count);
    const found = momentsOf(samples, 2);
    const [mx, my] = [expected((x) => x), expected((_, y) => y)];
    const pairs = [
      [found.mean[0]!, mx, expected((x) => (x - mx) ** 2)],
      [found.mean[1]!, my, expected((_, y) => (y - my) ** 2)],
      [found.covariance[0]!, expected((x) => (x - mx) ** 2), expected((x) => (x - mx) ** 4)],
      [
        found.covariance[1]!,
        expected((x, y) => (x - mx) * (y - my)),
        expected((x, y) => (x - mx) ** 2 * (y - my) ** 2),
      ],
      [found.covariance[3]!, expected((_, y) => (y - my) ** 2), expected((_, y) => (y - my) ** 4)],
    ] as const;
    for (const [value, exact, second] of pairs)
      expect(Math.abs(value - exact)).toBeLessThan(5 * Math.sqrt(second / count));
    // Quadrants, which moments do not tell
    for (const inside of [(x: number, y: number) => x > 0.5 && y > 0, (x: number, y: number) => x < 0 && y < -0.5]) {
      const share = expected((x, y) => (inside(x, y) ? 1 : 0));
      const hits = mean(
        Array.from({ length: count }, (_, i) => (inside(samples[2 * i]!, samples[2 * i + 1]!) ? 1 : 0)),
      );
      expect(Math.abs(hits - share)).toBeLessThan(5 * Math.sqrt(share / count) + 0.02); // the grid's edges
    }
  });

  test("(k, rows, d) has the densities of its rows", async () => {
    const { prior, parameters } = built(make, 3);
    const z = draws("normals", 2 * 4 * 3);
    const many = prior.logProb(input("z", [2, "batch", 3]));
    expect(many.shape).toEqual([2, "batch"]);
    const [together, alone] = [
      await evaluate({ logProb: many }, { ...parameters, z }),
      await evaluate({ logProb: prior.logProb(input("z", ["batch", 3])) }, { ...parameters, z }),
    ];
    expect(furthest(together.logProb!, alone.logProb!)).toBeLessThan(1e-13);
  });

  test("gradients by z and every parameter are exact", async () => {
    const { prior, specs, parameters } = built(make, 3);
    const z = input("z", [2, 3]);
    const value = sum(mul(prior.logProb(z), constant([1, -0.4])));
    const wrt = [z, ...specs.map(({ tensor }: ParameterSpec) => tensor)];
    const gradients = grad(value, wrt);
    const run = await runner({
      value,
      ...Object.fromEntries(wrt.map(({ label }, i) => [`d ${label}`, gradients[i]!])),
    });
    const given = { ...parameters, z: [0.4, -1, 0.2, 1.3, 0.1, -0.6] };
    const exact = await run(given);
    for (const { label } of wrt)
      expect(furthest(exact[`d ${label}`]!, await differences(run, "value", given, label!)), label).toBeLessThan(2e-8);
  });

  test("starts near the standard Normal: within 3 nats over its samples", async () => {
    const { prior, specs } = built(make, 8);
    const z = draws("normals", 8 * 2000);
    const run = await evaluate(
      {
        logProb: prior.logProb(input("z", ["batch", 8])),
        standard: standardPrior(8).logProb(input("z", ["batch", 8])),
      },
      { ...initial(specs), z },
    );
    expect(mean(run.standard!) - mean(run.logProb!)).toBeLessThan(3);
  });

  test.each(["float32", "float64"] as const)("far out the density is finite, in %s", async (precision) => {
    const { prior, parameters } = built(make, 4);
    const z = [0, 1e4, -1e4, 1e6].flatMap((size) => [size, -size, 0, 1]);
    const { logProb } = await evaluate({ logProb: prior.logProb(input("z", [4, 4])) }, { ...parameters, z }, precision);
    expect(logProb!.every(Number.isFinite)).toBe(true);
  });
});

test("kinds and noise", () => {
  expect(families.map(({ make }) => make(parameterTree().root, 4)).map(({ kind, noise }) => [kind, noise])).toEqual([
    ["standard", { normal: 4, uniform: 0 }],
    ["mixture", { normal: 4, uniform: 1 }],
    ["mixture", { normal: 4, uniform: 1 }],
    ["mixture", { normal: 4, uniform: 1 }],
    ["flow", { normal: 4, uniform: 0 }],
    ["flow", { normal: 4, uniform: 0 }],
  ]);
});

// ---- mixtures

const components = 4;
const d = 3;
const mixed = (k: Tensor | undefined): Prior => {
  const [mean, logvar] = [input("mean", [components, d]), input("logvar", [components, d])];
  return mixturePrior({ mean, logvar, ...(k ? { logits: k } : {}) });
};
const given = {
  mean: Array.from({ length: components * d }, (_, i) => 2 * Math.sin(2 * i + 1)),
  logvar: Array.from({ length: components * d }, (_, i) => Math.cos(3 * i)),
};
const logits = [0.3, -1, 2, 0.1];

/** log Σ w·N(z; μ, e^logvar) by loops; log-variances below −12 count as −12. */
function explicit(z: readonly number[], weights: readonly number[], from: typeof given = given): number {
  const each = weights.map((weight, k) => {
    const terms = z.map((x, i) => {
      const [mean, logvar] = [from.mean[k * d + i]!, Math.max(from.logvar[k * d + i]!, -12)];
      return -0.5 * ((x - mean) ** 2 / Math.exp(logvar) + logvar + Math.log(2 * Math.PI));
    });
    return Math.log(weight) + terms.reduce((a, b) => a + b, 0);
  });
  const largest = Math.max(...each);
  return largest + Math.log(each.reduce((total, x) => total + Math.exp(x - largest), 0));
}

const total = logits.reduce((sum, x) => sum + Math.exp(x), 0);
const weightings = [
  {
    name: "weights",
    tensor: input("logits", [components]),
    feed: { logits },
    weights: logits.map((x) => Math.exp(x) / total),
  },
  { name: "equal weights", tensor: undefined, feed: {}, weights: Array<number>(components).fill(1 / components) },
];

test.each(weightings)("the density of a mixture of $name is the explicit sum", async ({ tensor, feed, weights }) => {
  const z = Array.from(draws("normals", 10 * d));
  const { logProb } = await evaluate(
    { logProb: mixed(tensor).logProb(input("z", ["batch", d])) },
    { ...given, ...feed, z },
  );
  const rows = Array.from({ length: 10 }, (_, i) => z.slice(i * d, (i + 1) * d));
  expect(
    furthest(
      logProb!,
      rows.map((row) => explicit(row, weights)),
    ),
  ).toBeLessThan(1e-12);
});

test.each(weightings)("a mixture of $name draws each component by its weight", async ({ tensor, feed, weights }) => {
  // Components a thousand apart, so that a sample tells its own.
  const apart = { mean: given.mean.map((_, i) => 1000 * Math.floor(i / d)), logvar: given.logvar };
  const count = 20_000;
  const z = await samplesOf(mixed(tensor), { ...apart, ...feed }, count);
  for (const [k, weight] of weights.entries()) {
    const share = z.filter((x, i) => i % d === 0 && Math.round(x / 1000) === k).length / count;
    expect(Math.abs(share - weight)).toBeLessThan(5 * Math.sqrt((weight * (1 - weight)) / count));
  }
});

test("the shares of a mixture hold the ends of [0, 1)", async () => {
  const many = 500;
  const prior = mixturePrior({
    mean: constant(
      Array.from({ length: many }, (_, i) => i),
      [many, 1],
    ),
    logvar: constant(Array(many).fill(0), [many, 1]),
  });
  const uniform = [0, 0.5 / many, 0.5, 1 - 2 ** -24];
  const { z } = await evaluate(
    { z: prior.sample({ normal: constant([0, 0, 0, 0], [4, 1]), uniform: input("u", [4, 1]) }) },
    { u: uniform },
    "float32",
  );
  expect([z![0], z![1], z![3]]).toEqual([0, 0, many - 1]);
  expect(Math.abs(z![2]! - many / 2)).toBeLessThanOrEqual(1);
});

test("in float32 a mixture rounds as it says, down to its least log-variance", async () => {
  for (const [logvar, tolerance] of [
    [0, 1e-5],
    [-6, 2e-3],
    [-12, 0.3],
    [-40, 0.3],
  ] as const) {
    const narrow = { mean: given.mean.map(Math.fround), logvar: given.logvar.map(() => logvar) };
    const weights = weightings[1]!.weights;
    const deviation = Math.exp(Math.max(logvar, -12) / 2);
    // points of the components, one deviation off
    const rows = weights.map((_, k) => narrow.mean.slice(k * d, (k + 1) * d).map((x) => Math.fround(x + deviation)));
    const { logProb } = await evaluate(
      { logProb: mixed(undefined).logProb(input("z", [components, d])) },
      { ...narrow, z: rows.flat() },
      "float32",
    );
    for (const [i, row] of rows.entries())
      expect(Math.abs(logProb![i]! - explicit(row, weights, narrow)), `${logvar}`).toBeLessThan(tolerance);
  }
});

test("rounding makes no density higher than it can be", async () => {
  const [many, size] = [100, 8];
  const mean = draws("normals", many * size).map((x) => 3 * x);
  const logvar = Array<number>(many * size).fill(-12);
  const prior = mixturePrior({ mean: input("mean", [many, size]), logvar: input("logvar", [many, size]) });
  const logProb = prior.logProb(input("z", [many, size]));
  const { at } = await evaluate({ at: logProb }, { mean, logvar, z: mean }, "float32");
  const most = -Math.log(many) + (size / 2) * (12 - Math.log(2 * Math.PI));
  expect(Math.max(...at!)).toBeLessThan(most + 1e-4);
  expect(Math.min(...at!)).toBeGreaterThan(most - 20);
});

test("extreme parameters of a mixture give finite densities and gradients", async () => {
  for (const precision of ["float32", "float64"] as const)
    for (const logvar of [-1e4, -100, 100, 1e4])
      for (const far of [0, 1e3]) {
        const leaves = [input("mean", [2, 1]), input("logvar", [2, 1]), input("logits", [2])] as const;
        const prior = mixturePrior({ mean: leaves[0], logvar: leaves[1], logits: leaves[2] });
        const z = input("z", [2, 1]);
        const logProb = prior.logProb(z);
        const gradients = grad(sum(logProb), [...leaves, z]);
        const run = await evaluate(
          { logProb, ...Object.fromEntries(gradients.map((x, i) => [`d${i}`, x])) },
          { mean: [far, -far], logvar: [logvar, 0], logits: [1e4, -1e4], z: [far, 0] },
          precision,
        );
        for (const [name, values] of Object.entries(run))
          expect(values.every(Number.isFinite), `${name} at ${logvar}, ${far}: ${values}`).toBe(true);
      }
});

test("what does not fit a mixture is refused", () => {
  const of = (...shape: (number | "batch")[]) => input("parameter", shape);
  expect(() => mixturePrior({ mean: of("batch", 2), logvar: of("batch", 2) })).toThrow(ShapeError);
  expect(() => mixturePrior({ mean: of(3, 2), logvar: of(3, 1) })).toThrow(ShapeError);
  expect(() => mixturePrior({ mean: of(3, 2), logvar: of(3, 2), logits: of(2) })).toThrow(/logits \(3,\)/);
  const prior = mixturePrior({ mean: of(3, 2), logvar: of(3, 2) });
  expect(() => prior.logProb(of("batch", 3))).toThrow(/expected z \(..., 2\)/);
  expect(() => prior.sample({ normal: of("batch", 2) })).toThrow(/needs uniform noise/);
});
