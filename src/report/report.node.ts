import { basename, join, resolve } from "node:path";
import * as z from "zod/mini";
import { encoderCondition, examplesOf } from "../apps/examples.ts";
import { generate } from "../apps/generate.ts";
import { interpolate } from "../apps/interpolate.ts";
import { reconstruct } from "../apps/reconstruct.ts";
import { traverse } from "../apps/traverse.ts";
import { conditionName } from "../config.condition.ts";
import { checkOptions, expected, options as fields, section, text } from "../config.fields.ts";
import type { ObjectiveConfig } from "../config.objective.ts";
import { splitOptions } from "../config.ts";
import { checkSplits } from "../data/check.ts";
import { type Dataset, rows as rowsOf, type Splits } from "../data/dataset.ts";
import { loadSplits } from "../data/load.node.ts";
import { DataError, UsageError } from "../errors.ts";
import { evaluateModel } from "../evaluate/evaluate.ts";
import { activeNats } from "../evaluate/figures.ts";
import { staticSize } from "../graph/shape.ts";
import { checkEvent } from "../models/inference.ts";
import { completeModel, networkText } from "../models/networks.ts";
import { isImportanceWeighted } from "../models/objective-table.ts";
import { type OpenRun, openRun } from "../models/open.node.ts";
import { isRecord } from "../show.ts";
import { readMetrics } from "../train/metrics.ts";
import { drawCharts } from "./charts.ts";
import { plural } from "./format.ts";
import { givenEnds, valuesOf } from "./given.ts";
import { endsApart, imageGrid, type Picture, sideBySide } from "./grid.ts";
import { renderReport } from "./html.ts";
import type { ReportInput, ReportPicture, ReportTraversal } from "./input.ts";
import { labelNamesOf } from "./label-names.ts";
import { type LatentUse, latentUse } from "./latent-rates.node.ts";
import { principalPlane } from "./pca.ts";
import { encodePng, toDataUri } from "./png.node.ts";

/** Examples of the validation split on which −log p(x) is estimated, and with how many samples: some seconds' work. */
const likelihood = { examples: 500, samples: 100 };
const scatterExamples = 5000;
const shown = { samples: 64, reconstructions: 16, traversals: 10, interpolations: 4, steps: 11 };

export interface ReportOptions {
  /** What the run was trained on, where that was in memory or has moved since: as `train` takes it. */
  readonly data?: string | Splits | undefined;
  readonly threads?: number | undefined;
}

const schema = section({
  run: text("the run directory"),
  data: z.optional(
    z.custom(
      (data) => (typeof data === "string" && data !== "") || isRecord(data),
      expected('a file, a folder, "sprites", or data in memory, { train, validation, test }'),
    ),
  ),
  threads: fields.threads,
} satisfies Record<"run" | keyof ReportOptions, z.ZodMiniType>);

/**
 * Writes report.html into a run: curves, figures of the validation split, samples, reconstructions, traversals, a map
 * of the latent space, the config. The test split is left alone. Returns the file.
 * @throws UsageError for a wrong option, or where the data are known neither from the run nor from the options;
 * RunError for a run that cannot be opened; DataError for data that cannot be read or are not those of the run
 */
export async function writeReport(run: string, options: ReportOptions = {}): Promise<string> {
  checkOptions("writeReport", schema, { ...options, run });
  const model = await openRun(run, { threads: options.threads });
  try {
    const input = await gather(run, model, await validationData(run, model, options.data));
    await model.storage.write("report.html", renderReport(input, await drawCharts(input)));
    return join(run, "report.html");
  } finally {
    await model.close();
  }
}

/** The validation split of the data that the run was trained on. */
async function validationData(run: string, model: OpenRun, given: ReportOptions["data"]): Promise<Dataset> {
  const data = given ?? model.source;
  if (data === undefined)
    throw new UsageError(
      `${run}: the run does not say what data it was trained on, which the report shows; name them with --data, or, where they were in memory, write the report in a program: await writeReport(${JSON.stringify(run)}, { data })`,
    );
  const splits = typeof data === "string" ? await loadSplits(data, splitOptions(model.config)) : data;
  checkSplits(splits, "data");
  checkEvent(model, splits.validation);
  const { data: trainedOn } = model.description.trained;
  if (given !== undefined && splits.train.fingerprint !== trainedOn)
    throw new DataError(
      `data: expected what ${run} was trained on (fingerprint ${trainedOn}), got other data (${splits.train.fingerprint})`,
    );
  return splits.validation;
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
  const use = await latentUse(model, data);
  const mapped = Math.min(scatterExamples, data.count);
  const { code } = await model.encode(examplesOf(data, 0, mapped), mapped, encoderCondition(model, data, 0, mapped));
  const { negIwaeNats, negElboNats, distortionNats, rateNats } = elbo;
  const { bitsPerDim } = estimated ?? elbo;
  const plane = model.latent >= 2 ? principalPlane(code, model.latent) : undefined;

  const { conditions } = model;
  // Of a conditional model, those that go with the first examples.
  const samples = conditions ? Math.min(shown.samples, data.count) : shown.samples;
  const given = conditions?.given(data, 0, samples);
  const drawn = await generate(model, { count: samples, seed: config.train.seed, given });
  const both = await reconstruct(model, examplesOf(data, 0, few), few, conditions?.given(data, 0, few));
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
      given: elbo.given,
      values: {
        ...(nllNats ? { nllNats } : {}),
        ...(negIwaeNats ? { negIwaeNats } : {}),
        ...{ negElboNats, distortionNats, rateNats, bitsPerDim },
      },
    },
    ...(use.klNats ? { klByDimension: use.klNats } : {}),
    samples: [
      await picture(
        conditions ? "Samples, each given what goes with a validation example" : "Samples",
        `a grid of images generated from draws of the prior${conditions ? ", each given what goes with a validation example" : ""}`,
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
    traversals: await traversals(model, data, use),
    interpolations: data.count >= 2 ? [await interpolations(model, data)] : undefined,
    scatter: plane && { ...plane, labels: data.labels?.subarray(0, mapped), labelNames: labelNamesOf(data) },
    config,
    objective: config.objective,
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
  const { encoder, latent, likelihood: p } = completeModel(config.model, event);
  const { posterior, condition } = config.model;
  const { covariance, flow } = posterior;
  const parts = [
    ...[familyOf(config.objective), networkText(encoder), `${latent} latent dimensions`],
    ...(covariance === "diagonal" ? [] : [`${covariance} covariance`]),
    ...(flow ? [`posterior flow ${flow.kind}`] : []),
    ...(config.model.prior.kind === "standard-normal" ? [] : [`prior ${config.model.prior.kind}`]),
    `${p.kind} likelihood`,
    ...(condition ? [`conditional on ${condition.on.map(conditionName).join(", ")}`] : []),
  ];
  return parts.join(", ");
}

const families = {
  "beta-tcvae": "β-TCVAE",
  "dip-vae": "DIP-VAE",
  "info-vae": "InfoVAE",
  "wae-mmd": "WAE-MMD",
  factor: "FactorVAE",
} as const;

function familyOf(objective: ObjectiveConfig): string {
  if (objective.kind === "capacity") return `β-VAE with capacity (C = ${objective.to} nats, γ = ${objective.gamma})`;
  if (isImportanceWeighted(objective)) {
    const more = objective.kind === "miwae" ? `, ${objective.bounds} bounds` : "";
    const dreg = objective.gradient === "dreg" ? ", DReG" : "";
    return `${objective.kind.toUpperCase()} (k = ${objective.samples}${more}${dreg})`;
  }
  if (objective.kind === "elbo") {
    const free = objective.freeBits > 0 ? `, ${objective.freeBits} free nats` : "";
    return objective.beta === 1 ? `VAE${free}` : `β-VAE (β = ${objective.beta})${free}`;
  }
  return families[objective.kind];
}

async function picture(title: string, alt: string, drawn: Picture): Promise<ReportPicture> {
  return { title, alt, png: toDataUri(await encodePng(drawn)), width: drawn.width, height: drawn.height };
}

/** The dimensions that are used most, each varied around the code of the first example. */
async function traversals(model: OpenRun, data: Dataset, { klNats, order }: LatentUse): Promise<ReportTraversal[]> {
  const { code: start } = await model.encode(examplesOf(data, 0, 1), 1, encoderCondition(model, data, 0, 1));
  const given = model.conditions && valuesOf(model.conditions.given(data, 0, 1));
  const dimensions = order.slice(0, shown.traversals).filter((j, i) => i === 0 || !klNats || klNats[j]! > activeNats);
  const { images } = await traverse(model, { dimensions, steps: shown.steps, range: 3, start, given });
  const row = images.length / dimensions.length;
  return Promise.all(
    dimensions.map(async (dimension, i) => ({
      dimension,
      ...(klNats ? { klNats: klNats[dimension]! } : {}),
      picture: await picture(
        `Dimension ${dimension}`,
        `latent dimension ${dimension} varied from −3 to 3`,
        imageGrid(images.subarray(i * row, (i + 1) * row), model.event, { columns: shown.steps }),
      ),
    })),
  );
}

/** From inputs to others, which have another label where there are labels: each in a row, between its two inputs. */
async function interpolations(model: OpenRun, data: Dataset): Promise<ReportPicture> {
  const { event } = model;
  const rows: Float32Array[] = [];
  for (const [from, to] of unlikePairs(data, shown.interpolations)) {
    const [first, last] = [examplesOf(data, from, 1), examplesOf(data, to, 1)];
    const given = model.conditions && givenEnds(model.conditions, data, from, to);
    const { images } = await interpolate(model, new Float32Array([...first, ...last]), { steps: shown.steps, given });
    rows.push(first, images, last);
  }
  const images = new Float32Array(rows.flatMap((row) => [...row]));
  return picture(
    "Interpolations",
    `${plural(rows.length / 3, "row")}, each the way from one validation example, at its left end, to another, at its right`,
    endsApart(images, event, { columns: shown.steps + 2 }),
  );
}

/** Rows of a data set two by two, with unlike labels where there are any; never none where there are two rows. */
function unlikePairs({ labels, count }: Dataset, most: number): readonly (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  for (let from = 0; pairs.length < most; ) {
    const to = labels ? labels.findIndex((label, row) => row > from && label !== labels[from]) : from + 1;
    if (to < 0 || to >= count) break;
    pairs.push([from, to]);
    from = to + 1;
  }
  return pairs.length > 0 ? pairs : [[0, 1]];
}
