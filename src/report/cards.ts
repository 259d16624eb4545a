import { activeNats, countActive } from "../evaluate/figures.ts";
import { decimalsFor, escapeHtml, formatDuration, formatNumber, formatPercent, plural } from "./format.ts";
import { bestEpoch, likelihoodName, type ReportFigure, type ReportInput } from "./input.ts";

interface Card {
  readonly name: string;
  readonly value: string;
  readonly unit: string;
  readonly detail: readonly string[];
}

/** The run's headline figures, each with what is needed to judge it; the first is the main one. "" without figures. */
export function headlineCards(input: ReportInput): string {
  const cards = [...likelihoodCards(input), ...activeCard(input), ...trainingCards(input)];
  if (cards.length === 0) return "";
  const rendered = cards.map((card, k) => (k === 0 ? renderCard(card, " main", boundBar(input)) : renderCard(card)));
  return `<dl class="cards">\n${rendered.join("\n")}\n</dl>`;
}

function renderCard({ name, value, unit, detail }: Card, kind = "", below = ""): string {
  const lines = detail.filter((line) => line !== "").map(escapeHtml);
  const number = `<div class="value">${escapeHtml(value)} <span class="unit">${escapeHtml(unit)}</span></div>`;
  return `<div class="card${kind}"><dt>${escapeHtml(name)}</dt><dd>${number}<div class="detail">${lines.join("<br>")}</div>${below}</dd></div>`;
}

function evaluated({ figures }: ReportInput): Readonly<Record<string, ReportFigure>> | undefined {
  return figures === undefined || Object.keys(figures.values).length === 0 ? undefined : figures.values;
}

function likelihoodCards(input: ReportInput): Card[] {
  const values = evaluated(input);
  if (values === undefined) return validationCards(input);
  const split = input.figures?.split ?? "";
  const card = (name: string, figure: ReportFigure | undefined, drawn: Drawn, note = "") =>
    figure === undefined ? [] : [figureCard(name, figure, split, drawn, note)];
  const { nllNats, negIwaeNats, negElboNats, bitsPerDim, distortionNats, rateNats } = values;
  return [
    ...card(likelihoodName(input.figures?.given), nllNats, "k", measureInWords(nllNats)),
    ...card("−IWAE bound", negIwaeNats, "k", measureInWords(negIwaeNats)),
    ...card("−ELBO", negElboNats, "mean", measureInWords(negElboNats)),
    ...card("Bits per dimension", bitsPerDim, nllNats ? "k" : "mean", measureInWords(bitsPerDim)),
    ...card("Distortion", distortionNats, "mean"),
    ...card("Rate", rateNats, "mean"),
  ];
}

/** Whether the number is of k draws together, or a mean over them. */
type Drawn = "k" | "mean";

function figureCard(name: string, figure: ReportFigure, split: string, drawn: Drawn, note: string): Card {
  const decimals = decimalsFor(figure.standardError);
  const count = formatNumber(figure.samples);
  const samples = drawn === "mean" && figure.samples > 1 ? `mean of ${count} draws` : `k = ${count}`;
  return {
    name,
    value: formatNumber(figure.mean, decimals),
    unit: figure.unit,
    detail: [
      figure.standardError ? `± ${formatNumber(figure.standardError, decimals)} standard error` : "",
      `${formatNumber(figure.examples)} ${split} examples`,
      `${samples}, ${binarizationInWords(figure.binarization)}`,
      note,
    ],
  };
}

/** What the number is, where it is not of a probability. */
function measureInWords(figure: ReportFigure | undefined): string {
  if (figure?.measure === "cross-entropy") return "a cross-entropy, no likelihood";
  return figure?.measure === "density" ? "of a density on the data's scale" : "";
}

function binarizationInWords(binarization: string): string {
  return binarization === "none" ? "not binarized" : `${binarization} binarization`;
}

/** Before an evaluation: the best epoch's terms, which have no standard error. */
function validationCards(input: ReportInput): Card[] {
  const best = bestEpoch(input);
  if (best === undefined) return [];
  const { data } = input;
  const detail = [
    `${best.validation === undefined ? "training" : "validation"}, epoch ${formatNumber(best.epoch)}`,
    data.binarization === undefined ? "" : binarizationInWords(data.binarization),
  ];
  const card = (name: string, nats: number) => ({ name, value: formatNumber(nats, 2), unit: "nats", detail });
  const { negIwaeNats, negElboNats, distortionNats, rateNats } = best.judged;
  return [
    ...(negIwaeNats === undefined ? [] : [card("−IWAE bound", negIwaeNats)]),
    ...[card("−ELBO", negElboNats), card("Distortion", distortionNats), card("Rate", rateNats)],
  ];
}

/** −ELBO as a bar of its two parts. "" where a part is negative, as a density's can be, or not of the same examples. */
function boundBar(input: ReportInput): string {
  const values = evaluated(input);
  const terms = bestEpoch(input)?.judged;
  const { distortionNats: data, rateNats: code } = values ?? {};
  const unlike = data?.examples !== code?.examples || data?.binarization !== code?.binarization;
  const distortion = values === undefined ? terms?.distortionNats : data?.mean;
  const rate = values === undefined ? terms?.rateNats : code?.mean;
  if (unlike || distortion === undefined || rate === undefined || !(distortion >= 0 && rate >= 0)) return "";
  const total = distortion + rate;
  if (!(total > 0 && Number.isFinite(total))) return "";
  const part = (kind: string, nats: number) =>
    `<span class="${kind}" style="flex-grow: ${(nats / total).toFixed(4)}"></span>`;
  const key = (kind: string, name: string, nats: number) =>
    `<span class="${kind}">${name} ${formatNumber(nats, 1)} (${formatPercent(nats / total)})</span>`;
  return `<div class="split"><div class="bar">${part("data", distortion)}${part("code", rate)}</div><div class="keys"><span>−ELBO ${formatNumber(total, 1)} =</span>${key("data", "distortion", distortion)}${key("code", "rate", rate)}</div></div>`;
}

function activeCard({ klByDimension }: ReportInput): Card[] {
  if (klByDimension === undefined || klByDimension.length === 0) return [];
  return [
    {
      name: "Active latents",
      value: formatNumber(countActive(klByDimension)),
      unit: `of ${formatNumber(klByDimension.length)}`,
      detail: [`latent dimensions with a mean KL above ${activeNats} nats`],
    },
  ];
}

function trainingCards({ run, metrics }: ReportInput): Card[] {
  const last = metrics.at(-1);
  const seconds = run.trainingSeconds ?? last?.seconds;
  const rates = metrics.flatMap((row) => row.examplesPerSecond ?? []).sort((a, b) => a - b);
  const median = rates[Math.floor(rates.length / 2)];
  const length = last === undefined ? "" : `${plural(last.epoch, "epoch")}, ${plural(last.step, "step")}`;
  const card = (name: string, value: string, unit: string, detail: string) => ({ name, value, unit, detail: [detail] });
  return [
    ...(seconds === undefined ? [] : [card("Training time", formatDuration(seconds), "", length)]),
    ...(median === undefined ? [] : [card("Speed", formatNumber(median), "examples/s", "median over epochs")]),
    ...(run.parameters === undefined ? [] : [card("Parameters", formatNumber(run.parameters), "", "trained weights")]),
  ];
}
