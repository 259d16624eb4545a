import { describe, expect, test } from "vitest";
import { learn } from "../../test/models/learn.ts";
import { eventOf, longer, type PartialNetwork, type Row } from "../../test/models/row.ts";
import { table } from "../../test/models/table.ts";
import { type Config, type PartialConfig, parseConfig } from "../config.ts";
import { staticSize } from "../graph/shape.ts";
import { findLikelihood } from "../models/likelihood.ts";
import { loadModel } from "../models/portable.ts";

/* What the training of every model must keep, from the table in test/models. */

const models = table.filter(({ optionOnly }) => !optionOnly);

/** The training of six steps that the others are compared with, each row's once. */
const references = new Map<Row, ReturnType<typeof learn>>();
function referenceOf(row: Row): ReturnType<typeof learn> {
  const reference = references.get(row) ?? learn(row);
  references.set(row, reference);
  return reference;
}

describe.each(models)("$name", (row) => {
  test("the same seed gives the same numbers to the bit, stopped and resumed or not; another seed others", async () => {
    const { steps, storage } = await referenceOf(row);
    expect(steps.length).toBe(6);
    const begun = await learn(row, { until: ({ step }) => step === 3 });
    expect(begun.steps).toEqual(steps.slice(0, 3));
    const resumed = await learn(row, { resume: begun.storage });
    expect(resumed.steps).toEqual(steps);
    const { weights } = await loadModel(resumed.storage);
    expect(weights).toEqual((await loadModel(storage)).weights);
    const [other] = (await learn(row, { until: () => true, seed: 1 })).steps;
    expect(other!.train.negElboNats).not.toBe(steps[0]!.train.negElboNats);
  });
});

test("every option changes the numbers, by the sixth step at the latest", async () => {
  const seen = new Map<string, string>();
  for (const row of table) {
    const { train, capacityNats } = (await referenceOf(row)).steps.at(-1)!;
    const numbers = JSON.stringify([train, capacityNats]); // of C the weights know nothing but its side of the rate
    expect(seen.get(numbers), `${row.name} changes nothing`).toBe(undefined);
    seen.set(numbers, row.name);
  }
});

/** The least distortion there is, in nats, for a decoder that puts its mean on x: 0 for bits, −log density for numbers. */
function leastDistortion({ likelihood }: Config["model"], event: readonly number[]): number {
  if (likelihood.kind !== "normal") return 0;
  const { variance, standardDeviation } = likelihood as { variance: string; standardDeviation?: number };
  const deviation = variance === "fixed" ? standardDeviation! : 0.5; // one that is learned falls lower yet, with time
  return staticSize(event) * (Math.log(2 * Math.PI) / 2 + Math.log(deviation));
}

const wide = (network: PartialNetwork = {}): PartialNetwork => ({
  ...network,
  hidden: [32],
  ...(network.channels ? { channels: network.channels.map(() => 16) } : {}),
  ...(network.layers ? { layers: network.layers.map((layer) => ({ ...layer, channels: 16 })) } : {}),
});

const steps = 400;

/** Wide, and with a rate that costs nothing where the objective can be told so and the prior is none that learns. */
function widened({ config }: Row): PartialConfig {
  const { kind = "elbo", beta: _, ...further } = config.objective ?? {};
  const free = kind === "elbo" && Object.keys(further).length === 0 && !config.model?.prior;
  return {
    ...config,
    model: { ...config.model, encoder: wide(config.model?.encoder), decoder: wide(config.model?.decoder) },
    ...(free ? { objective: { beta: 0 } } : {}),
    ...(config.model?.encoder?.layers ? { optimizer: { learningRate: 0.005 } } : {}), // as deeper networks need it
  };
}

describe(`learns sixteen examples by heart in ${steps} steps, when it is wide`, () => {
  /** Some rows differ in what is widened alone. */
  const different = new Map(models.map((row) => [JSON.stringify([widened(row), [...row.data]]), row]));

  test.each([...different.values()])("$name", async (row) => {
    const config = widened(row);
    const { model } = parseConfig(config, "test");
    const exactly = config.objective?.beta === 0 && ["bernoulli", "normal"].includes(model.likelihood.kind);
    let [start, inARow] = [Number.NaN, 0];
    const isThere = (distortion: number) => {
      const least = leastDistortion(model, eventOf(row));
      return exactly ? (distortion - least) / (start - least) < 0.05 : distortion < start - 1;
    };
    const { steps: taken } = await learn(longer({ ...row, config }, steps), {
      until({ step, train: { distortionNats } }) {
        if (step === 1) start = distortionNats;
        inARow = isThere(distortionNats) ? inARow + 1 : 0;
        return inARow === 20;
      },
    });
    const reached = taken.at(-1)!.train.distortionNats;
    expect(inARow, `from ${start} it came to ${reached} nats`).toBe(20);
    if (findLikelihood(model.likelihood.kind).measure === "probability") expect(reached).toBeGreaterThan(0);
  });
});
