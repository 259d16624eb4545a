import { basename, join, resolve } from "node:path";
import { examplesOf } from "../apps/examples.ts";
import { generate } from "../apps/generate.ts";
import { interpolate } from "../apps/interpolate.ts";
import { reconstruct } from "../apps/reconstruct.ts";
import { orderByKl, traverse } from "../apps/traverse.ts";
import { type Dataset, rows as rowsOf } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { evaluateModel } from "../evaluate/evaluate.ts";
import { activeNats } from "../evaluate/figures.ts";
import { staticSize } from "../graph/shape.ts";
import { type OpenRun, openRun } from "../models/open.node.ts";
import { loadRunSplit } from "../models/run-data.node.ts";
import { readMetrics } from "../train/metrics.ts";
import { drawCharts } from "./charts.ts";
import { imageGrid, type Picture, sideBySide } from "./grid.ts";
import { renderReport } from "./html.ts";
import type { ReportInput, ReportPicture, ReportTraversal } from "./input.ts";
import { latentRates } from "./latent-rates.node.ts";
import { principalPlane } from "./pca.ts";
import { encodePng, toDataUri } from "./png.node.ts";

/** Examples of the validation split on which −log p(x) is estimated, and with how many samples: some seconds' work. */
const likelihood = { examples: 500, samples: 100 };
const scatterExamples = 5000;
const shown = { samples: 64, reconstructions: 16, traversals: 10, steps: 11 };

export interface ReportOptions {
  readonly threads?: number | undefined;
}

/**
 * Writes report.html into a run: curves, figures of the validation split, samples, reconstructions, traversals, a map
 * of the latent space, the config. The test split is left alone. Returns the file.
 */
export async function writeReport(run: string, options: ReportOptions = {}): Promise<string> {
  const model = await openRun(run, options);
  try {
    if (model.source === undefined)
      throw new UsageError(`${run}: the run does not say what data it was trained on, which the report shows`);
    const input = await gather(run, model, await loadRunSplit(model, { split: "validation" }));
    await model.storage.write("report.html", renderReport(input, await drawCharts(input)));
    return join(run, "report.html");
  } finally {
    await model.close();
  }
}

/** All that the report of a run shows. */
async function gather(run: string, model: OpenRun, data: Dataset): Promise<ReportInput> {
  const { config, event, record, description, vae } = model;
  const metrics = await readMetrics(model.storage);
  const few = Math.min(shown.reconstructions, data.count);
  const elbo = await evaluateModel(model, model.backend, data);
  const some = rowsOf(data, 0, Math.min(likelihood.examples, data.count));
  const estimated =
    elbo.negElboNats.measure === "cross-entropy" // which no importance sample estimates
      ? undefined
      : await evaluateModel(model, model.backend, some, { samples: likelihood.samples });
  const nllNats = estimated?.nllNats;
  const klByDimension = await latentRates(model, data);
  const mapped = Math.min(scatterExamples, data.count);
  const { mean } = await model.encode(examplesOf(data, 0, mapped), mapped);
  const { negElboNats, distortionNats, rateNats } = elbo;
  const { bitsPerDim } = estimated ?? elbo;
  const plane = model.latent >= 2 ? principalPlane(mean, model.latent) : undefined;

  const drawn = await generate(model, { count: shown.samples, seed: config.train.seed });
  const both = await reconstruct(model, examplesOf(data, 0, few), few);
  const parameters = vae.parameters.reduce((total, { shape }) => total + staticSize(shape), 0);
  return {
    run: {
      name: basename(resolve(run)),
      summary: summaryOf(model),
      date: record?.started.slice(0, 16).replace("T", " "),
      trainingSeconds: metrics.at(-1)?.seconds,
      parameters,
    },
    data: {
      name: data.name,
      event,
      binarization: config.data.binarization,
      train: record?.data.train,
      validation: record?.data.validation,
      test: record?.data.test,
      fingerprint: description.trained.data,
    },
    metrics: metrics.map(({ validation, ...row }) => ({ ...row, validation: validation ?? undefined })),
    figures: {
      split: "validation",
      values: { ...(nllNats ? { nllNats } : {}), negElboNats, distortionNats, rateNats, bitsPerDim },
    },
    klByDimension,
    samples: [
      await picture(
        "Samples",
        "a grid of images generated from draws of the prior",
        imageGrid(drawn.images, event, { columns: 16 }),
      ),
    ],
    reconstructions: [
      await picture(
        "Reconstructions",
        "validation examples, each above its reconstruction",
        sideBySide(both.inputs, both.reconstructions, event, { columns: few }),
      ),
    ],
    traversals: await traversals(model, data, klByDimension),
    interpolations: data.count >= 2 ? [await interpolation(model, data)] : undefined,
    scatter: plane && { ...plane, labels: data.labels?.subarray(0, mapped) },
    config,
    environment: record && {
      vaekit: record.vaekit,
      engine: record.engine,
      device: record.device,
      threads: record.threads,
      platform: record.platform,
      seed: record.seed,
      started: record.started,
    },
  };
}

/** "VAE 784-200-200 tanh, 50 latent dimensions, bernoulli likelihood" */
function summaryOf({ config, event }: OpenRun): string {
  const { encoder, latent, likelihood: p } = config.model;
  const widths = [staticSize(event), ...encoder.hidden].join("-");
  const beta = config.objective.beta === 1 ? "VAE" : `β-VAE (β = ${config.objective.beta})`;
  return `${beta} ${widths} ${encoder.activation}, ${latent} latent dimensions, ${p.kind} likelihood`;
}

async function picture(title: string, alt: string, drawn: Picture): Promise<ReportPicture> {
  return { title, alt, png: toDataUri(await encodePng(drawn)), width: drawn.width, height: drawn.height };
}

/** The dimensions with the largest KL, each varied around the posterior mean of the first example. */
async function traversals(model: OpenRun, data: Dataset, klByDimension: readonly number[]): Promise<ReportTraversal[]> {
  const { mean: start } = await model.encode(examplesOf(data, 0, 1), 1);
  const dimensions = orderByKl(klByDimension)
    .slice(0, shown.traversals)
    .filter((j, i) => i === 0 || klByDimension[j]! > activeNats);
  const { images } = await traverse(model, { dimensions, steps: shown.steps, range: 3, start });
  const row = images.length / dimensions.length;
  return Promise.all(
    dimensions.map(async (dimension, i) => ({
      dimension,
      klNats: klByDimension[dimension]!,
      picture: await picture(
        `Dimension ${dimension}`,
        `latent dimension ${dimension} varied from −3 to 3`,
        imageGrid(images.subarray(i * row, (i + 1) * row), model.event, { columns: shown.steps }),
      ),
    })),
  );
}

/** From the first example to the next one that has another label, where there are labels. */
async function interpolation(model: OpenRun, data: Dataset): Promise<ReportPicture> {
  const { labels } = data;
  const other = labels ? labels.findIndex((label) => label !== labels[0]) : 1;
  const to = other > 0 ? other : 1;
  const ends = new Float32Array([...examplesOf(data, 0, 1), ...examplesOf(data, to, 1)]);
  const { images } = await interpolate(model, ends, { steps: shown.steps });
  return picture(
    "Interpolation",
    "the way from one validation example to another",
    imageGrid(images, model.event, { columns: shown.steps }),
  );
}
