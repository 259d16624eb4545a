import { activeNats, countActive } from "../evaluate/figures.ts";
import { decimalsFor, formatNumber, formatPercent, plural } from "./format.ts";
import { bestEpoch, type ReportEpoch, type ReportFigure, type ReportInput } from "./input.ts";

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
/** Share of the validation bound lost since its best epoch that is called worsening. */
const WORSENING = 0.01;
/** Share of the validation bound gained over the last fifth of the epochs that is called still improving. */
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
  const { nllNats, negElboNats, distortionNats, rateNats, bitsPerDim } = figures.values;
  const found: Finding[] = [];
  const main = nllNats ?? negElboNats;
  if (main !== undefined) {
    const how =
      main === nllNats
        ? `estimated by importance sampling with k = ${formatNumber(main.samples)}`
        : main.measure === "cross-entropy"
          ? "−ELBO with a cross-entropy of values that are not binarized: no likelihood"
          : "by the bound, −ELBO; the true cost is lower";
    const bits =
      bitsPerDim !== undefined && comparable(main, bitsPerDim) && main.samples === bitsPerDim.samples
        ? `, or ${formatNumber(bitsPerDim.mean, decimalsFor(bitsPerDim.standardError))} bits per dimension`
        : "";
    found.push({
      kind: "note",
      text: `${main.measure === "density" ? `−log p(x) of a ${figures.split} example is` : `A ${figures.split} example costs`} ${withError(main)}${bits} (${how}; ${plural(main.examples, "example")}).`,
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
      text: `The latent code takes ${formatNumber(rateNats.mean, 1)} nats${share} of the bound, the data given the code ${formatNumber(distortionNats.mean, 1)} nats.`,
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

const cureForCollapse = {
  elbo: "Try a smaller β, or let β rise from 0 (objective.schedule).",
  iwae: "Try fewer draws (objective.samples), or a wider decoder.",
  capacity: "Try a larger capacity (objective.to), or one that rises in fewer steps (objective.steps).",
} as const;

function latentFindings({ klByDimension, objective = "elbo" }: ReportInput): Finding[] {
  if (klByDimension === undefined || klByDimension.length === 0) return [];
  const active = countActive(klByDimension);
  const count = klByDimension.length;
  const start = `${active} of ${plural(count, "latent dimension")} ${active === 1 ? "carries" : "carry"} more than ${activeNats} nats`;
  if (active === 0) {
    return [
      {
        kind: "warning",
        text: `${start}: the posterior has collapsed onto the prior and the decoder ignores its input. ${cureForCollapse[objective]}`,
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

function generalizationFindings({ metrics, data, objective = "elbo" }: ReportInput): Finding[] {
  const best = bestEpoch(metrics);
  const last = metrics.at(-1);
  if (best?.validation === undefined || last?.validation === undefined) return [];
  const found: Finding[] = [];
  const apart = best.validation.negElboNats - best.train.negElboNats;
  const share = apart / Math.abs(best.train.negElboNats);
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
  if (objective === "elbo" && hasWorsened(metrics)) {
    const lost = last.validation.negElboNats - best.validation.negElboNats;
    found.push({
      kind: "warning",
      text: `Validation was best at epoch ${formatNumber(best.epoch)} and has worsened by ${formatNumber(lost, 1)} nats since.`,
    });
  }
  return found;
}

function trendFindings({ metrics, run: { stopped }, objective = "elbo" }: ReportInput): Finding[] {
  const found: Finding[] = [];
  const epochs = plural(metrics.length, "epoch");
  const best = bestEpoch(metrics);
  if (stopped === "early" && best !== undefined) {
    found.push({
      kind: "note",
      text: `Training stopped early after ${epochs}: validation had not improved since epoch ${formatNumber(best.epoch)}.`,
    });
  }
  if (stopped === "interrupted") {
    found.push({ kind: "warning", text: `Training was interrupted after ${epochs}; it can be resumed.` });
  }
  // The bound follows a capacity up and down; that is no reason to stop, nor to go on.
  const gain = objective === "elbo" ? lateGain(metrics) : undefined;
  if (
    stopped !== "early" &&
    !hasWorsened(metrics) &&
    gain !== undefined &&
    gain.nats > IMPROVING * Math.abs(gain.bound)
  ) {
    found.push({
      kind: "warning",
      text: `The bound was still falling, by ${formatNumber(gain.nats, 1)} nats over the last ${plural(gain.epochs, "epoch")}: train longer.`,
    });
  }
  return found;
}

/** Whether the last validation bound is much worse than the best one. */
function hasWorsened(metrics: readonly ReportEpoch[]): boolean {
  const best = bestEpoch(metrics)?.validation?.negElboNats;
  const last = metrics.at(-1)?.validation?.negElboNats;
  return best !== undefined && last !== undefined && last - best > WORSENING * Math.abs(best);
}

/** By how much the bound (validation, else training) fell over the last fifth of the epochs. */
function lateGain(metrics: readonly ReportEpoch[]): { nats: number; bound: number; epochs: number } | undefined {
  const bounds = metrics.map((row) => (row.validation ?? row.train).negElboNats).filter(Number.isFinite);
  if (bounds.length < TREND_EPOCHS) return undefined;
  const epochs = Math.max(2, Math.floor(bounds.length / 5));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const bound = mean(bounds.slice(-2)); // two epochs each, against the noise of one
  return { nats: mean(bounds.slice(-epochs - 2, -epochs)) - bound, bound, epochs };
}
