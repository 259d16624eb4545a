import { negElboConfig, type ObjectiveConfig } from "../config.objective.ts";
import type { Measure } from "../evaluate/figures.ts";
import type { FurtherTerms } from "../models/objective-table.ts";
import { finalObjectiveNats } from "../train/schedule.ts";

/** One figure of an evaluation: a mean over examples with its standard error. The shape of evaluate's Figure. */
export interface ReportFigure {
  readonly mean: number;
  readonly standardError: number | null;
  readonly unit: "nats" | "bits/dim" | "samples";
  readonly examples: number;
  /** Draws of the latents for each example: k of a bound of several, else how many the figure is the mean over. */
  readonly samples: number;
  readonly binarization: string;
  /** Default: probability. */
  readonly measure?: Measure | undefined;
}

/**
 * The parts of the objective, in nats per example: negElboNats = distortionNats + rateNats, and what further terms it has.
 * Where it has negIwaeNats, minus the bound of several draws, negElboNats is of a single one.
 */
export interface ReportTerms extends FurtherTerms<number | undefined> {
  readonly negElboNats: number;
  readonly distortionNats: number;
  readonly rateNats: number;
}

/** One line of metrics.jsonl. Training terms are means over the epoch, validation terms those at its end. */
export interface ReportEpoch {
  readonly epoch: number;
  readonly step: number;
  readonly seconds: number;
  readonly train: ReportTerms;
  readonly validation?: ReportTerms | undefined;
  readonly examplesPerSecond?: number | undefined;
}

export interface ReportPicture {
  readonly title: string;
  readonly caption?: string | undefined;
  readonly alt: string;
  /** A PNG as a data URI. */
  readonly png: string;
  /** Its size in pixels, so that the page does not move while it loads. */
  readonly width: number;
  readonly height: number;
}

/** One latent dimension varied over its range, all others held: one row of images. */
export interface ReportTraversal {
  readonly dimension: number;
  readonly klNats?: number | undefined;
  readonly picture: ReportPicture;
}

export interface ReportScatter {
  /** (examples, 2) */
  readonly points: Float32Array;
  /** Share of the latent means' variance along each axis, 0..1. */
  readonly explained?: readonly [number, number] | undefined;
  /** (examples) */
  readonly labels?: ArrayLike<number> | undefined;
  /** Names of the labels 0, 1, 2...; the number itself where there is none. */
  readonly labelNames?: readonly string[] | undefined;
}

export interface ReportFigures {
  readonly split: string;
  readonly values: Readonly<Record<string, ReportFigure>>;
  /** Of a conditional model, what its figures are conditional on: "label". */
  readonly given?: string | undefined;
}

/** What importance sampling estimates: "−log p(x)", or "−log p(x|label)". */
export const likelihoodName = (given: string | undefined): string =>
  `−log p(x${given === undefined ? "" : `|${given}`})`;

/** All that a report shows, as plain data. What is missing is left out of the page. */
export interface ReportInput {
  readonly run: {
    readonly name: string;
    /** What the model is, in words: "VAE 784-200-200 tanh, 50 latent dimensions, Bernoulli". */
    readonly summary?: string | undefined;
    /** When the run ended, as it shall be read: "2026-01-31 14:02". */
    readonly date?: string | undefined;
    readonly trainingSeconds?: number | undefined;
    readonly stopped?: "finished" | "early" | "interrupted" | undefined;
    readonly parameters?: number | undefined;
  };
  readonly data: {
    readonly name: string;
    readonly event: readonly number[];
    readonly binarization?: string | undefined;
    readonly train?: number | undefined;
    readonly validation?: number | undefined;
    readonly test?: number | undefined;
    readonly fingerprint?: string | undefined;
  };
  readonly metrics: readonly ReportEpoch[];
  /** Figures by evaluate's names: nllNats, negIwaeNats, negElboNats, distortionNats, rateNats, bitsPerDim, and others. */
  readonly figures?: ReportFigures | undefined;
  /** (latent): mean over at most 1,000 examples of each dimension's KL from the prior, in nats; where it is a sum of them. */
  readonly klByDimension?: ArrayLike<number> | undefined;
  readonly samples?: readonly ReportPicture[] | undefined;
  readonly reconstructions?: readonly ReportPicture[] | undefined;
  readonly traversals?: readonly ReportTraversal[] | undefined;
  readonly interpolations?: readonly ReportPicture[] | undefined;
  readonly scatter?: ReportScatter | undefined;
  /** What is minimized: the best epoch goes by it, and some advice depends on it. Default: −ELBO. */
  readonly objective?: ObjectiveConfig | undefined;
  /** The config with all defaults filled in; shown as JSON. */
  readonly config?: unknown;
  /** Versions, threads, device, seed: shown as given, in this order. */
  readonly environment?: Readonly<Record<string, string | number | boolean | null>> | undefined;
}

/** What was minimized. */
export const objectiveOf = ({ objective = negElboConfig }: Pick<ReportInput, "objective">): ObjectiveConfig =>
  objective;

/** Whether the objective is the bound itself. */
export function minimizesBound(input: Pick<ReportInput, "objective">): boolean {
  const objective = objectiveOf(input);
  if (objective.kind === "elbo") return objective.beta === 1 && objective.freeBits === 0;
  return objective.kind === "iwae" || objective.kind === "miwae";
}

/** The bound on −log p(x) that an objective goes with: of several draws, or −ELBO. */
export const boundOf = ({ negElboNats, negIwaeNats }: ReportTerms): number => negIwaeNats ?? negElboNats;

/** An epoch by what it is judged by: its validation, or its training where no epoch was validated. */
export interface JudgedEpoch extends ReportEpoch {
  readonly judged: ReportTerms;
  /** The objective as it is in the end, by which training chose the weights. */
  readonly objectiveNats: number;
}

/** The epochs that can be held against each other: those that were validated, if any was. */
export function judgedEpochs(input: Pick<ReportInput, "metrics" | "objective">): JudgedEpoch[] {
  const { metrics } = input;
  const validated = metrics.some(({ validation }) => validation !== undefined);
  return metrics.flatMap((row) => {
    const judged = validated ? row.validation : row.train;
    return judged ? [{ ...row, judged, objectiveNats: finalObjectiveNats(objectiveOf(input), judged) }] : [];
  });
}

/** The epoch whose weights were kept: that of the lowest objective. */
export function bestEpoch(input: Pick<ReportInput, "metrics" | "objective">): JudgedEpoch | undefined {
  const finite = judgedEpochs(input).filter(({ objectiveNats }) => Number.isFinite(objectiveNats));
  return finite.reduce<JudgedEpoch | undefined>(
    (best, row) => (best && best.objectiveNats <= row.objectiveNats ? best : row),
    undefined,
  );
}
