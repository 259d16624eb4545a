import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventOf, type Row, rows, splitsOf } from "../../test/models/row.ts";
import { table } from "../../test/models/table.ts";
import { differences, furthest, type Run, runner } from "../../test/numeric.ts";
import { exportOnnx } from "../apps/export.node.ts";
import { densities, likelihoods } from "../config.parts.ts";
import { type Config, parseConfig } from "../config.ts";
import type { Distribution } from "../distributions/distribution.ts";
import { grad } from "../graph/grad.ts";
import { mean as meanOver } from "../graph/ops/reduce.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { directoryStorage } from "../storage/directory.node.ts";
import { initializeParameters } from "../train/initialize.ts";
import { layoutOf, viewOf } from "../train/layout.ts";
import { scalarsAt } from "../train/schedule.ts";
import { conditionsOf } from "./conditions.ts";
import { drawnWidth } from "./drawn-inputs.ts";
import { findLikelihood } from "./likelihood.ts";
import { negElbo } from "./objective.ts";
import { examplesName, loadObjective } from "./objective-table.ts";
import { loadParts } from "./parts.ts";
import { loadModel } from "./portable.ts";
import { saveModel } from "./save-model.ts";
import { statisticsOf } from "./statistics.ts";
import { batchLoss, drawnInputsOf, drawsOf } from "./step.ts";
import { adversaryOf } from "./training.ts";
import { buildVae, type Vae } from "./vae.ts";

/*
 * What every model must keep, from the table in test/models: a new model, or a new option of one, is a new row. The laws
 * of its training are in src/train/conformance.test.ts, and those of a browser in test/browser-models.test.ts.
 */

let folder: string;

beforeAll(async () => {
  for (const { config } of table) {
    const { model, objective } = parseConfig(config, "test");
    await Promise.all([loadParts(model), loadObjective(objective)]);
  }
  folder = await mkdtemp(join(tmpdir(), "vaekit-conformance-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const prepare = (row: Row): { config: Config; vae: Vae } => {
  const config = parseConfig(row.config, "test");
  const { train } = splitsOf(row);
  const conditions = conditionsOf(config.model.condition, train);
  return { config, vae: buildVae(config.model, eventOf(row), statisticsOf(train), conditions) };
};

/** What a conditional model is given with the examples. */
const conditionOf = ({ conditions }: Vae, row: Row): { readonly condition?: Float32Array } =>
  conditions ? { condition: conditions.encode(conditions.given(splitsOf(row).train, 0, rows), rows, "test") } : {};

/** Standard normals, so many for each row. */
function normalsFor(width: number): Float32Array {
  const kernels = createKernels(4 * rows * width + 128);
  const out = kernels.float32(rows * width);
  kernels.normals(out, siteKey(0, "noise"), 0, kernels.uint32(1), out.length);
  return out;
}

function initialParameters({ parameters }: Pick<Vae, "parameters">): Record<string, Float32Array> {
  const layout = layoutOf(parameters);
  const buffer = new Float32Array(layout.total);
  initializeParameters(buffer, layout, parameters, 0);
  return Object.fromEntries(layout.slots.map((slot) => [slot.path, viewOf(buffer, slot).slice()]));
}

/** Parameters none of which are where they start: biases are not 0, flows not the identity. */
const someParameters = (of: Pick<Vae, "parameters">): Record<string, Float32Array> =>
  Object.fromEntries(
    Object.entries(initialParameters(of)).map(([path, values]) => [
      path,
      values.map((value, i) => value + Math.sin(i + path.length) / 20),
    ]),
  );

describe.each(table.filter(({ optionOnly }) => !optionOnly))("$name", (row) => {
  const event = eventOf(row);

  test("shapes", () => {
    const { vae } = prepare(row);
    const x = input("x", ["batch", ...event]);
    const { z, logProb } = vae.posterior(x).draw(input("noise", [5, "batch", vae.noiseWidth]));
    for (const { shape } of Object.values(vae.encode(x).parameters)) expect(shape).toEqual(["batch", vae.latent]);
    expect(logProb.shape).toEqual([5, "batch"]);
    expect(z.shape).toEqual([5, "batch", vae.latent]);
    expect(vae.prior().logProb(z).shape).toEqual(z.shape.slice(0, -1));
    const likelihood = vae.decode(z);
    const groups = event.slice(0, event.length - (likelihood.joint ?? 0));
    expect(likelihood.logProb(x).shape).toEqual([5, "batch", ...groups]);
    for (const moment of [likelihood.mean, likelihood.variance]) expect(moment.shape).toEqual([5, "batch", ...event]);
    for (const parameter of Object.values(vae.decode(input("z", ["batch", vae.latent])).parameters))
      expect(parameter.shape.slice(0, 1 + groups.length)).toEqual(["batch", ...groups]);
    const { posterior: _, ...terms } = negElbo(vae, x, input("noise", ["batch", vae.noiseWidth]));
    for (const term of Object.values(terms)) expect(term.shape).toEqual(["batch"]);
  });

  test("the gradient of the objective is that of central differences", async () => {
    const { config, vae } = prepare(row);
    const { minimize: loss } = batchLoss(vae, config.objective);
    const adversary = adversaryOf(vae, config.objective);
    const gradients = grad(
      loss,
      vae.parameters.map(({ tensor }) => tensor),
    );
    const run = await runner({
      loss,
      ...Object.fromEntries(vae.parameters.map(({ path }, i) => [`d ${path}`, gradients[i]!])),
    });
    const given: Record<string, Float32Array | number[] | number> = {
      ...(scalarsAt(config.objective, 3) as Record<string, number>),
      ...initialParameters(vae),
      ...(adversary ? someParameters(adversary) : {}),
      ...conditionOf(vae, row),
      x: row.data,
      noise: normalsFor(drawsOf(config.objective) * vae.noiseWidth),
      [examplesName]: 5 * rows,
      ...Object.fromEntries(
        drawnInputsOf(vae, config.objective).map((drawn) => [drawn.name, normalsFor(drawnWidth(drawn))]),
      ),
      weight: Array.from({ length: rows }, (_, i) => [1, 2, 0.5, 0, 3][i % 5]!),
    };
    // Biases of 0 behind a dead ReLU would lie on its kink, where there is no derivative.
    for (const path of Object.keys(given))
      if (path.endsWith("bias")) given[path] = (given[path] as Float32Array).map((value, i) => value + 0.05 * (i + 1));
    const exact = await run(given);
    // The doubly reparameterized estimate is no derivative of the bound by what makes z.
    const estimated = "gradient" in config.objective && config.objective.gradient === "dreg";
    for (const { path } of vae.parameters.filter(({ path }) => !(estimated && path.startsWith("encoder")))) {
      const at = given[path] as Float32Array;
      for (const direction of directionsOf(at.length)) {
        const moved = (step: number) => Float64Array.from(direction, (d, i) => at[i]! + step * d);
        const along: Run = (feeds) => run({ ...given, [path]: moved(feeds!.step as number) });
        const slope = direction.reduce((sum, d, i) => sum + d * exact[`d ${path}`]![i]!, 0);
        expect(furthest([slope], await differences(along, "loss", { step: 0 }, "step")), path).toBeLessThan(1e-7);
      }
    }
  });

  test("the decoder starts at the data's mean, and at their variance", async () => {
    const { config, vae } = prepare(row);
    const parameters = initialParameters(vae);
    // with its last weights at 0, all that is left of the decoder is where it starts
    for (const path of Object.keys(parameters)) if (/^decoder\.[^.]+\.weight$/.test(path)) parameters[path]!.fill(0);
    const { condition } = conditionOf(vae, row);
    const given = condition ? vae.given(input("condition", [1, vae.conditionWidth])) : vae;
    const decoded = given.decode(input("z", [1, vae.latent]));
    const run = await (await runner({ mean: centreOf(decoded), variance: decoded.variance }))({
      ...parameters,
      ...(condition ? { condition: condition.subarray(0, vae.conditionWidth) } : {}),
      z: Array.from({ length: vae.latent }, () => 0.7),
    });
    const statistics = momentsOf(row);
    const { kind } = config.model.likelihood;
    // probabilities are held away from 0 and 1, where no gradient would be left
    const start = statistics.mean.map((value) =>
      kind === "bernoulli" ? Math.min(Math.max(value, 0.001), 0.999) : value,
    );
    expect(furthest(run.mean!, start)).toBeLessThan(kind === "beta-binomial" ? 1e-4 : 1e-6); // 1e-6 is added to α, β
    if (densities.includes(kind) && /global|learned/.test(JSON.stringify(config.model.likelihood)))
      for (const value of run.variance!) expect(value).toBeCloseTo(statistics.variance, 4);
  });

  test("saved and loaded it gives the same numbers, and exported to ONNX too", async () => {
    const { config, vae } = prepare(row);
    const parameters = someParameters(vae);
    const place = join(folder, row.name.replaceAll(/\W+/g, "-"));
    const storage = directoryStorage(place);
    const trained = { epoch: 1, step: 5, data: "0123456789abcdef", dataName: "sixteen" };
    await saveModel(storage, { format: "vaekit-model", version: 2, event, config, trained }, vae, parameters);
    const loaded = await loadModel(storage);
    expect(loaded.description).toMatchObject({ format: "vaekit-model", version: 2, event, config, trained });
    expect(loaded.weights).toEqual(parameters);

    const given: Record<string, Float32Array> = {
      x: row.data,
      z: normalsFor(vae.latent),
      noise: normalsFor(vae.noiseWidth),
      normal: normalsFor(vae.prior().noise.normal),
      ...conditionOf(vae, row),
      uniform: Float32Array.from({ length: rows * vae.prior().noise.uniform }, (_, i) => ((7 * i + 3) % 17) / 17),
    };
    const outputs = async (model: Vae, weights: Readonly<Record<string, Float32Array>>) =>
      (await runner(outputsOf(model), "float32"))({ ...weights, ...given });
    const expected = await outputs(vae, parameters);
    expect(await outputs(loaded.vae, loaded.weights)).toEqual(expected);

    const { files } = await exportOnnx({ run: place, out: place });
    const found: string[] = [];
    for (const file of files) {
      const part = /(\w+)\.onnx$/.exec(file)![1]!;
      for (const [name, values] of Object.entries(await runFile(file, given))) {
        expect(furthest(values, expected[`${part} ${name}`]!), `${part} ${name}`).toBeLessThan(1e-5);
        found.push(`${part} ${name}`);
      }
    }
    const plain = [vae.prior().kind === "standard" && "prior z", isNormal(vae) && "encoder z"];
    expect(found.sort()).toEqual(
      Object.keys(expected)
        .filter((name) => !/logProb/.test(name) && !plain.includes(name))
        .sort(),
    );
  });
});

/**
 * Directions of length 1 in which a parameter of so many elements is moved: along each element of the few, else along some
 * that move all elements, no gradient's error being at a right angle to each of them but by intent.
 */
function directionsOf(length: number): number[][] {
  const few = 6;
  if (length <= few) return Array.from({ length }, (_, i) => Array.from({ length }, (_, j) => Number(i === j)));
  return Array.from({ length: 3 }, (_, k) => {
    const direction = Array.from({ length }, (_, i) => Math.sin((k + 1) * (i + 1) ** 2) + 0.1);
    return direction.map((d) => d / Math.hypot(...direction));
  });
}

/** All that a model computes, by the file that it is exported to. */
function outputsOf(vae: Vae): Record<string, Tensor> {
  const z = input("z", ["batch", vae.latent]);
  const posterior = vae.posterior(input("x", ["batch", ...vae.event]));
  const drawn = posterior.draw(input("noise", ["batch", vae.noiseWidth]));
  const { mean, logvar } = posterior.base;
  const decoded = vae.decode(z);
  const prior = vae.prior();
  const normal = input("normal", ["batch", prior.noise.normal]);
  const uniform = prior.noise.uniform > 0 ? { uniform: input("uniform", ["batch", prior.noise.uniform]) } : {};
  return {
    ...{ "encoder mean": mean, "encoder logvar": logvar, "encoder z": drawn.z, "encoder logProb": drawn.logProb },
    ...Object.fromEntries(Object.entries(decoded.parameters).map(([name, values]) => [`decoder ${name}`, values])),
    ...{ "decoder mean": decoded.mean },
    ...{ "prior z": prior.sample({ normal, ...uniform }), "prior logProb": prior.logProb(z) },
  };
}

const isNormal = (vae: Vae): boolean =>
  vae.posterior(input("x", ["batch", ...vae.event])).klStandardByLatent !== undefined;

/** Runs an ONNX file as another program would, with those of the given rows that it asks for. */
async function runFile(
  file: string,
  given: Readonly<Record<string, Float32Array>>,
): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(file);
  const feeds = session.inputMetadata.map((asked) => {
    if (!asked.isTensor) throw new Error(`${file}: ${asked.name} is no tensor`);
    const [, ...shape] = asked.shape as [unknown, ...number[]];
    return [asked.name, new OrtTensor("float32", given[asked.name]!, [rows, ...shape])];
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
}

/** Mean of each element, and the variance about those means. */
function momentsOf(row: Row): { readonly mean: number[]; readonly variance: number } {
  const { data } = row;
  const size = data.length / rows;
  const mean = Array.from({ length: size }, (_, j) =>
    data.reduce((sum, x, i) => (i % size === j ? sum + x / rows : sum), 0),
  );
  return { mean, variance: data.reduce((sum, x, i) => sum + (x - mean[i % size]!) ** 2 / data.length, 0) };
}

/** Where a decoder starts: the mean, or, of values that are cut off at 0 and 1, that of those that are not. */
function centreOf({ kind, mean, parameters }: Distribution): Tensor {
  if (kind === "discretized-logistic") return parameters.location!;
  return kind === "discretized-logistic-mixture" ? meanOver(parameters.locations!, [-1]) : mean;
}

test("what the config knows of densities is what the parts say", () => {
  for (const kind of likelihoods)
    expect(findLikelihood(kind).measure, kind).toBe(densities.includes(kind) ? "density" : "probability");
});
