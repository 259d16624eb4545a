import { expect, test } from "vitest";
import { likelihoods } from "../src/config.parts.ts";
import { parseConfig } from "../src/config.ts";
import type { Distribution } from "../src/distributions/distribution.ts";
import { UsageError } from "../src/errors.ts";
import { abs, add, mul, neg, sign, sub } from "../src/graph/ops/arithmetic.ts";
import { log } from "../src/graph/ops/functions.ts";
import { matmul } from "../src/graph/ops/linear.ts";
import { expand, reshape } from "../src/graph/ops/structure.ts";
import { constant, input } from "../src/graph/tensor.ts";
import { loadModel } from "../src/models/portable.ts";
import { type LikelihoodPart, registerLikelihood } from "../src/models/registry.ts";
import { saveModel } from "../src/models/save-model.ts";
import { buildVae } from "../src/models/vae.ts";
import { cpuBackend } from "../src/runtime/ort.node.ts";
import { memoryStorage } from "../src/storage/memory.ts";
import { compileTraining } from "../src/train/compile.ts";
import { initializeParameters } from "../src/train/initialize.ts";
import { viewOf } from "../src/train/layout.ts";
import { evaluate } from "./numeric.ts";

/* The thin slice of DESIGN.md, section 3, ended: a part of the user's own, known by its name. */

/** A Laplace likelihood with a fixed scale, as a user would write it. */
const laplace: LikelihoodPart = {
  support: "real",
  measure: "density",
  build({ scope, features, event }, options) {
    const size = event.reduce((a, b) => a * b, 1);
    const weight = scope
      .at("location")
      .parameter("weight", [features, size], { kind: "normal", standardDeviation: 0.1 });
    const scale = options.scale as number;
    return (h, shape): Distribution => {
      const location = reshape(matmul(h, weight), shape);
      return {
        kind: "laplace",
        shape,
        parameters: { location },
        mean: location,
        variance: expand(constant(2 * scale ** 2), location),
        noise: "uniform",
        logProb: (x) => neg(add(mul(abs(sub(x, location)), 1 / scale), Math.log(2 * scale))),
        sample: (u) => sub(location, mul(mul(sign(sub(u, 0.5)), log(sub(1, mul(abs(sub(u, 0.5)), 2)))), scale)),
        entropy: () => expand(constant(1 + Math.log(2 * scale)), location),
      };
    };
  },
};

const ownConfig = (kind: string) =>
  parseConfig(
    {
      model: { latent: 2, encoder: { hidden: [8] }, likelihood: { kind, scale: 0.5 } },
      train: { batchSize: 4, steps: 50 },
      optimizer: { learningRate: 0.02 },
    },
    "test",
  );

test("a likelihood of one's own is registered by name, trained, saved and loaded", async () => {
  registerLikelihood("laplace-of-mine", laplace);
  const config = ownConfig("laplace-of-mine");
  const vae = buildVae(config.model, [3]);
  const program = await compileTraining(await cpuBackend(1), vae, config);
  initializeParameters(program.parameters, program.layout, vae.parameters, 0);
  program.inputs.x!.set([1, 2, 3, -1, -2, -3, 2, 0, -2, 0, 1, 0]);
  program.inputs.weight!.fill(1);
  program.inputs.beta!.fill(1);
  const losses: number[] = [];
  for (let step = 1; step <= 50; step++) losses.push((await program.step(step, config.optimizer)).get("elbo")!.loss);
  expect(losses.at(-1)!).toBeLessThan(losses[0]! - 2);

  const storage = memoryStorage();
  const weights = Object.fromEntries(program.layout.slots.map((slot) => [slot.path, viewOf(program.parameters, slot)]));
  const trained = { epoch: 1, step: 50, data: "0123456789abcdef", dataName: "mine" };
  await saveModel(storage, { format: "vaekit-model", version: 2, event: [3], config, trained }, vae, weights);
  const loaded = await loadModel(storage);
  const decode = (model: typeof vae, given: typeof weights) =>
    evaluate(model.decode(input("z", ["batch", 2])).parameters, { ...given, z: [1, -1] }, "float32");
  expect(await decode(loaded.vae, { ...loaded.weights })).toEqual(await decode(vae, weights));

  // the same file where nobody registered the part
  const text = new TextDecoder().decode(await storage.read("model/model.json"));
  expect(text).toContain('"scale": 0.5');
  await storage.write("model/model.json", text.replaceAll("laplace-of-mine", "laplace-of-yours"));
  await expect(loadModel(storage)).rejects.toThrow(UsageError);
  await expect(loadModel(storage)).rejects.toThrow(
    `no likelihood is named "laplace-of-yours" (there are: ${likelihoods.join(", ")}, laplace-of-mine); a likelihood of your own must be registered with registerLikelihood("laplace-of-yours", …)`,
  );
});

test("a name is registered once, and built-in ones are taken", () => {
  registerLikelihood("once", laplace);
  expect(() => registerLikelihood("once", laplace)).toThrow(
    new UsageError('likelihood "once" is registered already; choose another name'),
  );
  expect(() => registerLikelihood("normal", laplace)).toThrow(
    new UsageError('likelihood "normal" is built in; choose another name'),
  );
});
