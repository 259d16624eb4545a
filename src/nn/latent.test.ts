import { describe, expect, test } from "vitest";
import { draws, generic, initial } from "../../test/latent.ts";
import { evaluate, furthest } from "../../test/numeric.ts";
import { mixturePrior } from "../distributions/mixture.ts";
import { normal } from "../distributions/normal.ts";
import { posteriorOf } from "../distributions/posterior.ts";
import { UsageError } from "../errors.ts";
import { grad } from "../graph/grad.ts";
import { add, square, sub } from "../graph/ops/arithmetic.ts";
import { splitEvenly } from "../graph/ops/join.ts";
import { logsumexp } from "../graph/ops/reduce.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { dense } from "./dense.ts";
import { type PosteriorHeadOptions, posteriorHead } from "./latent.ts";
import { made, maskedDense } from "./masked.ts";
import { parameterTree } from "./parameters.ts";
import { mixtureParameters, pseudoInputs } from "./prior.ts";

const shapesOf = (options: PosteriorHeadOptions) => {
  const { root, specs } = parameterTree();
  posteriorHead(root.at("posterior"), 5, 3, options);
  return Object.fromEntries(specs.map(({ path, shape }) => [path, shape]));
};

describe("posteriorHead", () => {
  const moments = { "posterior.weight": [5, 6], "posterior.bias": [6] };

  test("declares the layers that its options ask for", () => {
    expect(shapesOf({})).toEqual(moments);
    expect(shapesOf({ covariance: "full" })).toEqual({
      ...moments,
      "posterior.below.weight": [5, 3],
      "posterior.below.bias": [3],
    });
    expect(shapesOf({ covariance: "rank-one", context: 4 })).toEqual({
      ...moments,
      "posterior.direction.weight": [5, 3],
      "posterior.direction.bias": [3],
      "posterior.context.weight": [5, 4],
      "posterior.context.bias": [4],
    });
  });

  test.each(["diagonal", "full", "rank-one"] as const)("%s: affine parameters of a posterior", async (covariance) => {
    const { root, specs } = parameterTree();
    const head = posteriorHead(root, 2, 3, { covariance, context: 2 });
    const features = input("features", ["batch", 2]);
    const { context, ...parameters } = head(features);
    const q = posteriorOf(parameters);
    const { z, logProb } = q.draw(input("noise", ["batch", q.noiseWidth]));
    const run = await evaluate(
      { ...parameters, context: context!, z, logProb },
      { ...generic(specs), features: [1, -2, 0.5, 3], noise: draws("normals", 6) },
    );
    const weights = generic(specs);
    const affine = (at: string, width: number) =>
      [
        [1, -2],
        [0.5, 3],
      ].flatMap((row) =>
        Array.from(
          { length: width },
          (_, j) =>
            row[0]! * weights[`${at}weight`]![j]! +
            row[1]! * weights[`${at}weight`]![width + j]! +
            weights[`${at}bias`]![j]!,
        ),
      );
    const own = affine("", 6);
    const half = (offset: number) => [0, 6].flatMap((row) => own.slice(row + offset, row + offset + 3));
    expect(furthest(run.mean!, half(0))).toBeLessThan(1e-13);
    expect(furthest(run.logvar!, half(3))).toBeLessThan(1e-13);
    expect(furthest(run.context!, affine("context.", 2))).toBeLessThan(1e-13);
    const name = { diagonal: undefined, full: "below", "rank-one": "direction" }[covariance];
    if (name) expect(furthest(run[name]!, affine(`${name}.`, 3))).toBeLessThan(1e-13);
    expect(Object.keys(parameters)).toEqual(["mean", "logvar", ...(name ? [name] : [])]);
    expect([z.shape, logProb.shape]).toEqual([["batch", 3], ["batch"]]);
  });

  test("a full covariance starts diagonal, and can leave it; so can a covariance of rank one", async () => {
    for (const covariance of ["full", "rank-one"] as const) {
      const { root, specs } = parameterTree();
      const head = posteriorHead(root, 4, 3, { covariance });
      const { mean, logvar, below, direction } = head(input("features", [2, 4]));
      const more = (below ?? direction)!;
      const q = posteriorOf({ mean, logvar, ...(below ? { below } : {}), ...(direction ? { direction } : {}) });
      const { z } = q.draw(input("noise", [2, 3]));
      const layer = specs.filter(({ path }) => /below|direction/.test(path)).map(({ tensor }) => tensor);
      const gradients = grad(sum(square(sub(z, 1))), layer);
      const run = await evaluate(
        { more, ...Object.fromEntries(gradients.map((x, i) => [`d${i}`, x])) },
        { ...initial(specs), features: draws("normals", 8, "features"), noise: draws("normals", 6) },
      );
      expect(run.more!.every((x) => x === 0)).toBe(covariance === "full");
      for (const values of [run.d0!, run.d1!]) expect(values.every((x) => x !== 0)).toBe(true);
    }
  });

  test("refuses options that do not fit", () => {
    const make = (latent: number, options: object) => () => posteriorHead(parameterTree().root, 5, latent, options);
    expect(make(3, { covariance: "fill" })).toThrow(/covariance: expected one of diagonal, full, rank-one, got "fill"/);
    expect(make(3, { covarience: "full" })).toThrow(/covarience: unknown option/);
    expect(make(1, { covariance: "full" })).toThrow(/needs 2 latents or more, got 1/);
    expect(make(3, { context: 1.5 })).toThrow(UsageError);
  });
});

test("a mixture's parameters: means around 0, variances 1, equal weights", async () => {
  const { root, specs } = parameterTree();
  mixtureParameters(root.at("prior"), 40, 25);
  const start = initial(specs);
  expect(specs.map(({ path, shape }) => [path, shape])).toEqual([
    ["prior.mean", [40, 25]],
    ["prior.logvar", [40, 25]],
    ["prior.logits", [40]],
  ]);
  const squares = start["prior.mean"]!.reduce((total, x) => total + x * x, 0) / 40;
  expect(Math.abs(squares - 4)).toBeLessThan(1);
  for (const name of ["logvar", "logits"]) expect(start[`prior.${name}`]!.every((x) => x === 0)).toBe(true);
});

describe("the VampPrior", () => {
  const event = [2, 2];
  /** q(z|x) of images (rows, 2, 2), an affine Normal. */
  function encoder() {
    const { root, specs } = parameterTree();
    const layer = dense(root.at("encoder"), 4, 4, { initialization: "lecun" });
    const encode = (x: Tensor) => {
      const [mean, logvar] = splitEvenly(layer(reshape(x, [x.shape[0]!, 4])), 1, 2) as [Tensor, Tensor];
      return normal(mean, logvar);
    };
    return { root, specs, encode };
  }

  test("is the explicit mixture of the posteriors of its pseudo-inputs", async () => {
    const { root, specs, encode } = encoder();
    const pseudo = pseudoInputs(root.at("prior"), 3, event);
    expect(pseudo.shape).toEqual([3, 2, 2]);
    const prior = mixturePrior(encode(pseudo));
    const z = input("z", ["batch", 2]);
    const q = encode(pseudo);
    const each = sum(
      normal(reshape(q.mean, [3, 1, 2]), reshape(q.logvar, [3, 1, 2])).logProb(reshape(z, [1, "batch", 2])),
      [-1],
    ); // (3, batch)
    const expected = add(logsumexp(each, [0]), -Math.log(3));
    const parameters = generic(specs, 0.6);
    const run = await evaluate({ logProb: prior.logProb(z), expected }, { ...parameters, z: draws("normals", 20) });
    expect(furthest(run.logProb!, run.expected!)).toBeLessThan(1e-12);
    // it learns by encoder and pseudo-inputs both
    const gradients = grad(
      sum(prior.logProb(z)),
      specs.map(({ tensor }) => tensor),
    );
    const slopes = await evaluate(Object.fromEntries(gradients.map((x, i) => [`d${i}`, x])), {
      ...parameters,
      z: draws("normals", 20),
    });
    for (const values of Object.values(slopes)) expect(values.some((x) => x !== 0)).toBe(true);
  });

  test("pseudo-inputs start as the examples handed in, or grey, and stay in [0, 1]", async () => {
    const examples = Float32Array.of(0, 1, 0.25, 1, 0.5, 0, 0, 0.75);
    const { root, specs } = parameterTree();
    const given = pseudoInputs(root.at("given"), 2, event, examples);
    const grey = pseudoInputs(root.at("grey"), 50, event);
    const run = await evaluate({ given, grey }, initial(specs), "float32");
    expect(run.given).toEqual([...examples]);
    expect(Math.abs(run.grey!.reduce((a, b) => a + b, 0) / 200 - 0.5)).toBeLessThan(0.03);
    expect(new Set(run.grey).size).toBeGreaterThan(190);
    const far = await evaluate({ given }, { "given.pseudoInputs": [-9, 9, 0, 0.25, -0.5, 0.5, -0.75, 0.75] });
    expect(far.given).toEqual([0, 1, 0.5, 0.75, 0, 1, 0, 1]);
    // at the ends the gradient still passes: examples are black and white
    const [slope] = grad(sum(given), [specs[0]!.tensor]);
    expect((await evaluate({ slope: slope! }, initial(specs))).slope).toEqual(Array(8).fill(1));
    expect(() => pseudoInputs(parameterTree().root, 3, event, examples)).toThrow(
      new UsageError("pseudoInputs: expected 12 values for (3,2,2), got 8"),
    );
  });
});

test("dense and masked layers take a given start, and the output of made one of its own", () => {
  const start = { kind: "constant", value: 0.5 } as const;
  const { root, specs } = parameterTree();
  dense(root.at("dense"), 2, 3, { initialization: start });
  maskedDense(root.at("masked"), [1, 2], [2], { initialization: start });
  made(root.at("made"), 2, { hidden: [2], activation: "tanh", initialization: "lecun", output: start });
  const weights = specs.filter(({ path }) => path.endsWith("weight"));
  expect(weights.map(({ initializer }) => initializer)).toEqual([
    start,
    start,
    { kind: "normal", standardDeviation: 1 },
    start,
  ]);
});
