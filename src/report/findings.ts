import type { ObjectiveKind } from "../config.objective.ts";
import { activeNats, countActive } from "../evaluate/figures.ts";
import { decimalsFor, formatNumber, formatPercent, plural } from "./format.ts";
import {
  bestEpoch,
  boundOf,
  judgedEpochs,
  likelihoodName,
  minimizesBound,
  objectiveOf,
  type ReportFigure,
  type ReportInput,
} from "./input.ts";

/** One sentence that the numbers support, and whether it is welcome, neutral or calls for action. */
export interface Finding {
  readonly kind: "good" | "note" | "warning";
  readonly text: string;
}

/** Fewer epochs than these say nothing about a trend. */
const TREND_EPOCHS = 8;
/** Shares of the training bound by which the validation bound is worse: a little overfitting, and much. */
const SLIGHT_OVERFITTING = 0.02;
const OVERFITTING = 0.05;
/** Share of the validation objective lost since its best epoch that is called worsening. */
const WORSENING = 0.01;
/** Share of the validation objective gained over the last fifth of the epochs that is called still improving. */
const IMPROVING = 0.005;

/** What the run's numbers say, in plain words. Nothing is compared that differs in unit, examples or binarization. */
export function findings(input: ReportInput): Finding[] {
  return [
    ...likelihoodFindings(input),
    ...latentFindings(input),
    ...generalizationFindings(input),
    ...trendFindings(input),
  ];
}

function likelihoodFindings({ figures }: ReportInput): Finding[] {
  if (figures === undefined) return [];
  const { nllNats, negIwaeNats, negElboNats, distortionNats, rateNats, bitsPerDim } = figures.values;
  const found: Finding[] = [];
  const main = nllNats ?? negIwaeNats ?? negElboNats;
  if (main !== undefined) {
    const how =
      main === nllNats
        ? `estimated by importance sampling with k = ${formatNumber(main.samples)}`
        : main.measure === "cross-entropy"
          ? `${main === negIwaeNats ? "−IWAE bound" : "−ELBO"} with a cross-entropy of values that are not binarized: no likelihood`
          : `by the bound${main === negIwaeNats ? ` of k = ${formatNumber(main.samples)} draws` : ", −ELBO"}; the true cost is lower`;
    const bits =
      bitsPerDim !== undefined &&
      main !== negIwaeNats && // they are of −ELBO
      comparable(main, bitsPerDim) &&
      main.samples === bitsPerDim.samples
        ? `, or ${formatNumber(bitsPerDim.mean, decimalsFor(bitsPerDim.standardError))} bits per dimension`
        : "";
    found.push({
      kind: "note",
      text: `${main.measure === "density" ? `${likelihoodName(figures.given)} of a ${figures.split} example is` : `A ${figures.split} example costs${figures.given === undefined ? "" : `, given ${figures.given},`}`} ${withError(main)}${bits} (${how}; ${plural(main.examples, "example")}).`,
    });
  }
  if (nllNats !== undefined && negElboNats !== undefined && comparable(nllNats, negElboNats)) {
    const gap = negElboNats.mean - nllNats.mean;
    const error = Math.hypot(nllNats.standardError ?? 0, negElboNats.standardError ?? 0);
    if (gap > 0) {
      found.push({
        kind: "note",
        text: `−ELBO lies ${formatNumber(gap, decimalsFor(error))} nats above that estimate: the price of the approximate posterior.`,
      });
    }
  }
  if (distortionNats !== undefined && rateNats !== undefined && comparable(distortionNats, rateNats)) {
    const total = distortionNats.mean + rateNats.mean;
    const share = distortionNats.mean > 0 && rateNats.mean >= 0 ? ` (${formatPercent(rateNats.mean / total)})` : "";
    found.push({
      kind: "note",
      text: `The latent code takes ${formatNumber(rateNats.mean, 1)} nats${share} of ${negIwaeNats ? "−ELBO" : "the bound"}, the data given the code ${formatNumber(distortionNats.mean, 1)} nats.`,
    });
  }
  return found;
}

/** The same examples and the same binarization; units are checked by the names they come under. */
function comparable(a: ReportFigure, b: ReportFigure): boolean {
  return a.examples === b.examples && a.binarization === b.binarization;
}

function withError(figure: ReportFigure): string {
  const decimals = decimalsFor(figure.standardError);
  const error = figure.standardError ? ` ± ${formatNumber(figure.standardError, decimals)}` : "";
  return `${formatNumber(figure.mean, decimals)}${error} ${figure.unit}`;
}

const cureForCollapse: Readonly<Record<ObjectiveKind, string>> = {
  elbo: "Try a smaller β, or let β rise from 0 (objective.schedule).",
  iwae: "Try fewer draws (objective.samples), or a wider decoder.",
  miwae: "Try fewer draws (objective.samples), or a wider decoder.",
  ciwae: "Try fewer draws (objective.samples), or a wider decoder.",
  capacity: "Try a larger capacity (objective.to), or one that rises in fewer steps (objective.steps).",
  "beta-tcvae": "Try a smaller objective.beta.",
  "dip-vae": "Try a larger objective.lambdaD, which asks for codes that vary.",
  "info-vae": "Try an objective.alpha nearer to 1, with which the rate costs less.",
  "wae-mmd": "Try a larger objective.lambda.",
  factor: "Try a smaller objective.gamma.",
};

function latentFindings(input: ReportInput): Finding[] {
  const { klByDimension } = input;
  if (klByDimension === undefined || klByDimension.length === 0) return [];
  const active = countActive(klByDimension);
  const count = klByDimension.length;
  const start = `${active} of ${plural(count, "latent dimension")} ${active === 1 ? "carries" : "carry"} more than ${activeNats} nats`;
  if (active === 0) {
    return [
      {
        kind: "warning",
        text: `${start}: the posterior has collapsed onto the prior and the decoder ignores its input. ${cureForCollapse[objectiveOf(input).kind]}`,
      },
    ];
  }
  if (active === count) {
    return [{ kind: "good", text: `${start}: all are in use, and a larger latent space may do better.` }];
  }
  const idle = count - active;
  const rest = idle === 1 ? "the other one follows the prior and costs" : `the other ${idle} follow the prior and cost`;
  return [
    {
      kind: "note",
      text: `${start}; ${rest} next to nothing. A latent space of about ${active} would likely do as well.`,
    },
  ];
}

function generalizationFindings(input: ReportInput): Finding[] {
  const { metrics, data } = input;
  const best = bestEpoch(input);
  if (best?.validation === undefined) return [];
  const found: Finding[] = [];
  const trained = boundOf(best.train);
  const apart = boundOf(best.validation) - trained;
  const share = apart / Math.abs(trained);
  if (share > OVERFITTING) {
    found.push({
      kind: "warning",
      text: `At the best epoch the validation bound is ${formatNumber(apart, 1)} nats (${formatPercent(share)}) worse than the training bound: the model overfits. More data${data.binarization === "static" ? ", dynamic binarization" : ""} or a smaller network would help.`,
    });
  } else if (share > SLIGHT_OVERFITTING) {
    found.push({
      kind: "note",
      text: `At the best epoch the validation bound is ${formatNumber(apart, 1)} nats (${formatPercent(share)}) worse than the training bound: the model overfits a little.`,
    });
  } else if (Number.isFinite(share) && metrics.length >= TREND_EPOCHS) {
    found.push({
      kind: "good",
      text: `The validation bound is within ${formatNumber(Math.abs(apart), 1)} nats (${formatPercent(Math.abs(share))}) of the training bound: no sign of overfitting.`,
    });
  }
  const lost = lossSinceBest(input);
  if (lost !== undefined)
    found.push({
      kind: "warning",
      text: `Validation was best at epoch ${formatNumber(best.epoch)} and has worsened by ${formatNumber(lost, 1)} nats since.`,
    });
  return found;
}

function trendFindings(input: ReportInput): Finding[] {
  const {
    metrics,
    run: { stopped },
  } = input;
  const found: Finding[] = [];
  const epochs = plural(metrics.length, "epoch");
  const best = bestEpoch(input);
  if (stopped === "early" && best !== undefined) {
    found.push({
      kind: "note",
      text: `Training stopped early after ${epochs}: validation had not improved since epoch ${formatNumber(best.epoch)}.`,
    });
  }
  if (stopped === "interrupted") {
    found.push({ kind: "warning", text: `Training was interrupted after ${epochs}; it can be resumed.` });
  }
  const gain = lateGain(input);
  if (
    stopped !== "early" &&
    lossSinceBest(input) === undefined &&
    gain !== undefined &&
    gain.nats > IMPROVING * Math.abs(gain.last)
  ) {
    found.push({
      kind: "warning",
      text: `${minimizesBound(input) ? "The bound" : "The objective"} was still falling, by ${formatNumber(gain.nats, 1)} nats over the last ${plural(gain.epochs, "epoch")}: train longer.`,
    });
  }
  return found;
}

/** The objective after each epoch; none with a capacity, whose rise it follows: no reason to stop, nor to go on. */
function trend(input: ReportInput): { readonly epoch: number; readonly objectiveNats: number }[] {
  if (objectiveOf(input).kind === "capacity") return [];
  return judgedEpochs(input).filter(({ objectiveNats }) => Number.isFinite(objectiveNats));
}

/** By how much the last objective is worse than the best one, where that is much. */
function lossSinceBest(input: ReportInput): number | undefined {
  const all = trend(input).map(({ objectiveNats }) => objectiveNats);
  const best = Math.min(...all);
  const lost = (all.at(-1) ?? Number.NaN) - best;
  return lost > WORSENING * Math.abs(best) ? lost : undefined;
}

/** By how much the objective fell over the last fifth of the epochs. */
function lateGain(input: ReportInput): { nats: number; last: number; epochs: number } | undefined {
  const rows = trend(input);
  if (rows.length < TREND_EPOCHS) return undefined;
  const back = Math.max(2, Math.floor(rows.length / 5));
  const mean = (two: typeof rows) => two.reduce((sum, { objectiveNats }) => sum + objectiveNats, 0) / two.length;
  const last = mean(rows.slice(-2)); // two epochs each, against the noise of one
  const epochs = rows.at(-1)!.epoch - rows.at(-1 - back)!.epoch;
  return { nats: mean(rows.slice(-back - 2, -back)) - last, last, epochs };
}
