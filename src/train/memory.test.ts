import { beforeAll, expect, test } from "vitest";
import { type PartialConfig, parseConfig } from "../config.ts";
import { loadNetworks } from "../models/networks.ts";
import { loadObjective } from "../models/objective-table.ts";
import { loadParts } from "../models/parts.ts";
import { checkMemory } from "./memory.ts";

beforeAll(() => loadNetworks(["conv"]));

const keyOf = (config: PartialConfig, event: readonly number[], machineBytes: number): string => {
  try {
    checkMemory(parseConfig(config, "test"), event, { bytes: machineBytes });
  } catch (error) {
    return /^\S+ = \d+/.exec((error as Error).message)![0];
  }
  return "enough";
};
const conv = (channels: readonly number[], kernel = 4, stride = 2) => ({
  kind: "conv" as const,
  layers: channels.map((c) => ({ channels: c, kernel, stride })),
});

test("the key that matters most is named, in convolutional networks as in dense ones", () => {
  const small = { latent: 2, encoder: { ...conv([4, 4]), hidden: [8] } };
  const train = { batchSize: 4 };
  expect(keyOf({ model: small, train }, [16, 16], 1e6)).toBe("enough");
  const wide = { ...small, encoder: { ...conv([4, 4000]), hidden: [8] } };
  expect(keyOf({ model: wide, train }, [16, 16], 1e6)).toBe("model.encoder.layers.1.channels = 4000");
  const above = { ...small, decoder: { layers: [{ channels: 3000 }, { channels: 4 }] } };
  expect(keyOf({ model: above, train }, [16, 16], 1e6)).toBe("model.decoder.layers.0.channels = 3000");
  const dense = { ...small, encoder: { ...small.encoder, hidden: [8, 50_000] } };
  expect(keyOf({ model: dense, train }, [16, 16], 1e6)).toBe("model.encoder.hidden.1 = 50000");
  expect(keyOf({ model: { ...small, latent: 90_000 }, train }, [16, 16], 1e6)).toBe("model.latent = 90000");
  expect(keyOf({ model: small, train: { batchSize: 900 } }, [16, 16], 1e6)).toBe("train.batchSize = 900");
  const parts = { batchSize: 900, microBatch: 450 };
  expect(keyOf({ model: small, train: parts }, [16, 16], 1e6)).toBe("train.microBatch = 450");
  // what a decoder has of the encoder is no key of its own, and layers that the event decides have keys as well
  expect(keyOf({ model: { encoder: { kind: "conv" } }, train: { batchSize: 1 } }, [28, 28], 3e6)).toMatch(
    /^model\.encoder\.layers\.1\.channels = 64$/,
  );
});

test("what a step keeps counts: the maps, and the patches of a 3×3 window, nine times their input", () => {
  const model = { latent: 2, encoder: { ...conv([8, 8], 3, 1), hidden: [] }, decoder: { kind: "mlp", hidden: [4] } };
  // Of an objective of the whole batch, which is not divided.
  const objective = { kind: "capacity" } as const;
  const config = (batchSize: number) => ({ model: model as PartialConfig["model"], objective, train: { batchSize } });
  const map = 4 * 12 * 12 * 8; // bytes for one example
  const rows = 1000;
  // 2 maps, the patches of the image and of the first map
  expect(keyOf(config(rows), [12, 12], rows * (2 + 9 / 8 + 9) * map)).toBe(`train.batchSize = ${rows}`);
  expect(keyOf(config(rows), [12, 12], rows * 4 * (2 + 9 / 8 + 9) * map)).toBe("enough");
});

test("each thread has gradients of its own, where it has rows enough to be worth it", () => {
  const model = { latent: 2, encoder: { hidden: [400] } };
  const refusal = (threads: number): string => {
    const config = parseConfig({ model, train: { batchSize: 128 } }, "test");
    try {
      checkMemory(config, [28, 28], { bytes: 0, threads });
    } catch (error) {
      return (error as Error).message;
    }
    return "none";
  };
  // 633,000 numbers: the parameters, two moments, and as many gradients as there are threads with 31 rows or more.
  expect(refusal(1)).toContain("parameters, gradients and moments take 10 MB and a batch");
  expect(refusal(2)).toContain("parameters, gradients and moments take 13 MB and a batch");
  expect(refusal(4)).toContain("parameters, gradients and moments take 18 MB and a batch");
  expect(refusal(8)).toContain("parameters, gradients and moments take 18 MB and a batch");
});

test("levels of a residual network and layers of a series have keys of their own", () => {
  const residual = { kind: "residual" as const, channels: [2, 900], hidden: [4] };
  const train = { batchSize: 2 };
  expect(keyOf({ model: { encoder: residual }, train }, [8, 8], 1e6)).toBe("model.encoder.channels.1 = 900");
  const series = { kind: "conv1d" as const, layers: [{ channels: 3000 }], hidden: [4] };
  expect(keyOf({ model: { encoder: series }, train }, [40], 1e6)).toBe("model.encoder.layers.0.channels = 3000");
});

test("blocks are a key as well, one number or one of each level, however many layers there are beside them", () => {
  const train = { batchSize: 4 };
  const keyWith = (encoder: object) =>
    keyOf({ model: { encoder: { kind: "residual", channels: [4, 4], hidden: [8], ...encoder } }, train }, [8, 8], 8e5);
  expect(keyWith({ blocks: 1 })).toBe("enough");
  expect(keyWith({ blocks: 12 })).toBe("model.encoder.blocks = 12");
  expect(keyWith({ blocks: [1, 14] })).toBe("model.encoder.blocks.1 = 14");
  expect(keyWith({ blocks: 12, channels: [4], hidden: Array.from({ length: 13 }, () => 13) })).toBe(
    "model.encoder.blocks = 12",
  );
});

test.each<[string, PartialConfig]>([
  ["objective.samples = 500", { objective: { kind: "iwae", samples: 500 } }],
  ["model.prior.components = 40000", { model: { prior: { kind: "mixture", components: 40_000 } } }],
  ["model.prior.components = 900", { model: { prior: { kind: "vampprior", components: 900 } } }],
  ["model.prior.hidden.0 = 30000", { model: { prior: { kind: "maf", steps: 1, hidden: [30_000] } } }],
  ["model.prior.steps = 60", { model: { prior: { kind: "realnvp", steps: 60, hidden: [8] } } }],
  ["model.posterior.flow.hidden.1 = 9000", { model: { posterior: { flow: { kind: "iaf", hidden: [8, 9000] } } } }],
  ["model.posterior.flow.steps = 150", { model: { posterior: { flow: { kind: "planar", steps: 150 } } } }],
  ["model.likelihood.classes = 2000", { model: { likelihood: { kind: "categorical", classes: 2000 } } }],
  [
    "model.likelihood.components = 500",
    { model: { likelihood: { kind: "discretized-logistic-mixture", components: 500 } } },
  ],
  ["model.latent = 2000", { model: { latent: 2000, posterior: { covariance: "full" } } }],
])("sizes of the other parts are keys as well: %s", async (key, { model, ...config }) => {
  const small: PartialConfig["model"] = { latent: 2, encoder: { hidden: [8] } };
  const whole = { ...config, model: { ...small, ...model }, train: { batchSize: 4 } } as PartialConfig;
  const parsed = parseConfig(whole, "test");
  await Promise.all([loadParts(parsed.model), loadObjective(parsed.objective)]);
  expect(keyOf({ model: small, train: { batchSize: 4 } }, [16, 16], 2e5)).toBe("enough");
  expect(keyOf(whole, [16, 16], 2e5)).toBe(key);
});

test("a discriminator counts, with gradients and moments of its own", async () => {
  const objective = (hidden: readonly number[]) => ({
    kind: "factor" as const,
    discriminator: { hidden: [...hidden] },
  });
  await loadObjective(parseConfig({ objective: objective([4]) }, "test").objective);
  const config = (hidden: readonly number[]): PartialConfig => ({
    model: { latent: 2, encoder: { hidden: [8] } },
    objective: objective(hidden),
    train: { batchSize: 4 },
  });
  expect(keyOf(config([4, 4]), [4, 4], 1e6)).toBe("enough");
  expect(keyOf(config([4, 9000, 4]), [4, 4], 1e6)).toBe("objective.discriminator.hidden.1 = 9000");
  // 1 million parameters, a gradient and two moments of each of two losses, the best so far
  expect(keyOf(config([1000, 1000]), [4, 4], 4e6 * 8)).toBe("objective.discriminator.hidden.0 = 1000");
  expect(keyOf(config([1000, 1000]), [4, 4], 4e6 * 9)).toBe("enough");
});
