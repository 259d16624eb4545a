import { UsageError } from "../errors.ts";
import { activeNats } from "../evaluate/figures.ts";
import { isImportanceWeighted } from "../models/objective-table.ts";
import { headlineCards } from "./cards.ts";
import type { Charts } from "./charts.ts";
import { type Finding, findings } from "./findings.ts";
import { decimalsFor, escapeHtml, formatNumber, plural } from "./format.ts";
import { glossary } from "./glossary.ts";
import {
  likelihoodName,
  objectiveOf,
  type ReportFigure,
  type ReportInput,
  type ReportPicture,
  type ReportTraversal,
} from "./input.ts";
import { styleSheet } from "./style.ts";
import type { Chart } from "./vega.ts";

/** A part of the page with its heading; `id` is what the navigation points at. */
interface Section {
  readonly id: string;
  readonly title: string;
  /** Its name in the navigation, where the title is too long for it. */
  readonly short?: string;
  readonly lede?: string;
  readonly body: string;
}

/**
 * The report of a run as one HTML file that needs nothing else: no script, no request. It follows the reader's light or
 * dark theme and prints. charts: drawCharts(input). What the input lacks is left out. Throws UsageError for a picture
 * that is not a PNG data URI, since any other address would be fetched.
 */
export function renderReport(input: ReportInput, charts: Charts): string {
  const sections = [
    findingsSection(findings(input)),
    curvesSection(charts.curves, input),
    samplesSection(input.samples),
    reconstructionsSection(input.reconstructions),
    klSection(charts.kl),
    traversalsSection(input.traversals),
    interpolationsSection(input.interpolations),
    scatterSection(charts.scatter, input.scatter?.labels !== undefined, input.figures?.given),
    figuresSection(input.figures),
    glossarySection(input),
    detailsSection(input),
  ].filter((section) => section !== undefined);
  const name = escapeHtml(input.run.name);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name} · vaekit report</title>
<style>
${styleSheet()}
</style>
</head>
<body>
<header>
${heading(input)}
${headlineCards(input)}
<nav aria-label="Sections">${sections.map(({ id, title, short }) => `<a href="#${id}">${short ?? title}</a>`).join("")}</nav>
</header>
<main>
${sections.map(renderSection).join("\n")}
</main>
<footer>${footer(input)}</footer>
</body>
</html>
`;
}

function renderSection({ id, title, lede, body }: Section): string {
  const intro = lede === undefined ? "" : `<p>${lede}</p>`;
  return `<section id="${id}">\n<h2>${title}</h2>${intro}\n${body}\n</section>`;
}

function heading({ run, data }: ReportInput): string {
  const counts = [
    data.train === undefined ? "" : `${formatNumber(data.train)} training`,
    data.validation === undefined ? "" : `${formatNumber(data.validation)} validation`,
    data.test === undefined ? "" : `${formatNumber(data.test)} test`,
  ].filter((text) => text !== "");
  const about = [
    run.summary ?? "",
    `${data.name} (${data.event.join("×")})`,
    counts.length === 0 ? "" : `${counts.join(", ")} examples`,
    data.binarization === undefined || data.binarization === "none" ? "" : `${data.binarization} binarization`,
  ].filter((text) => text !== "");
  const date = run.date === undefined ? "" : `<span>${escapeHtml(run.date)}</span>`;
  return `<div class="eyebrow"><b>vaekit report</b>${date}</div>
<h1>${escapeHtml(run.name)}</h1>
<p class="lede">${about.map(escapeHtml).join(" · ")}</p>`;
}

const MARKS = { good: "✓", note: "i", warning: "!" } as const;

function findingsSection(found: readonly Finding[]): Section | undefined {
  if (found.length === 0) return undefined;
  const items = found.map(
    ({ kind, text }) =>
      `<li class="${kind}"><span class="mark" role="img" aria-label="${kind}">${MARKS[kind]}</span><span>${escapeHtml(text)}</span></li>`,
  );
  return {
    id: "findings",
    title: "What this says",
    short: "Findings",
    body: `<ul class="findings">\n${items.join("\n")}\n</ul>`,
  };
}

function plate(chart: Chart, extra = ""): string {
  const note = chart.note === undefined ? "" : `<figcaption>${escapeHtml(chart.note)}</figcaption>`;
  const title = escapeHtml(chart.title);
  return `<figure class="plate${extra}"><h3>${title}</h3><div role="img" aria-label="${title}">${chart.svg}</div>${note}</figure>`;
}

/** The bound and its two parts; behind them stand other terms of the objective. */
const boundCharts = 3;

const gridOf = (charts: readonly Chart[], name: string): string =>
  charts.length === 0 ? "" : `<div class="${name}">\n${charts.map((chart) => plate(chart)).join("\n")}\n</div>`;

function curvesSection(curves: readonly Chart[], input: ReportInput): Section | undefined {
  if (curves.length === 0) return undefined;
  const objective = objectiveOf(input);
  const bound = isImportanceWeighted(objective)
    ? `The negative IWAE bound of ${plural(objective.samples, "draw")} (lower is better), and the two parts of −ELBO`
    : "The negative ELBO (lower is better) and its two parts";
  return {
    id: "training",
    title: "Training",
    lede: `${bound}${curves.length > boundCharts ? ", and what else the objective is made of," : ""} over epochs, in nats per example${curves.length > boundCharts ? " unless said" : ""}.`,
    body: [gridOf(curves.slice(0, boundCharts), "curves"), gridOf(curves.slice(boundCharts), "further")].join("\n"),
  };
}

function image(picture: ReportPicture): string {
  if (!/^data:image\/png;base64,[A-Za-z0-9+/]+=*$/.test(picture.png)) {
    throw new UsageError(
      `picture "${picture.title}": expected a PNG as a data URI (data:image/png;base64,...), got "${picture.png.slice(0, 40)}"`,
    );
  }
  return `<img src="${picture.png}" alt="${escapeHtml(picture.alt)}" width="${picture.width}" height="${picture.height}">`;
}

function pictures(list: readonly ReportPicture[]): string {
  const figures = list.map((picture) => {
    const title = picture.title === "" ? "" : `<h3>${escapeHtml(picture.title)}</h3>`;
    const caption = picture.caption === undefined ? "" : `<figcaption>${escapeHtml(picture.caption)}</figcaption>`;
    return `<figure class="plate">${title}${image(picture)}${caption}</figure>`;
  });
  return `<div class="pictures">\n${figures.join("\n")}\n</div>`;
}

function samplesSection(list: readonly ReportPicture[] | undefined): Section | undefined {
  if (list === undefined || list.length === 0) return undefined;
  const lede = "Latent codes drawn from the prior, decoded: what the model believes the data look like.";
  return { id: "samples", title: "Samples", lede, body: pictures(list) };
}

function reconstructionsSection(list: readonly ReportPicture[] | undefined): Section | undefined {
  if (list === undefined || list.length === 0) return undefined;
  const lede = "Each input above what the decoder makes of its code.";
  return { id: "reconstructions", title: "Reconstructions", lede, body: pictures(list) };
}

function interpolationsSection(list: readonly ReportPicture[] | undefined): Section | undefined {
  if (list === undefined || list.length === 0) return undefined;
  const lede =
    "From one input's code to another's, decoded along the way. At the two ends, apart, the inputs themselves.";
  return { id: "interpolations", title: "Interpolations", lede, body: pictures(list) };
}

function klSection(chart: Chart | undefined): Section | undefined {
  if (chart === undefined) return undefined;
  return {
    id: "kl",
    title: "KL by latent dimension",
    short: "KL",
    lede: `How much each dimension tells about an example, on average over at most 1,000 examples. One above ${activeNats} nats counts as active.`,
    body: plate({ ...chart, title: "Mean KL from the prior, greatest first" }, " wide bars"),
  };
}

function traversalsSection(list: readonly ReportTraversal[] | undefined): Section | undefined {
  if (list === undefined || list.length === 0) return undefined;
  const rows = [...list]
    .sort((a, b) => (b.klNats ?? 0) - (a.klNats ?? 0))
    .map(
      ({ dimension, klNats, picture }) =>
        `<div class="row"><span><b>z${subscript(dimension)}</b>${klNats === undefined ? "" : `<small>${formatNumber(klNats, 2)} nats</small>`}</span>${image(picture)}</div>`,
    );
  return {
    id: "traversals",
    title: "Traversals",
    lede: `One latent dimension varied at a time, the others held. Beside each row its dimension's number${list.some(({ klNats }) => klNats !== undefined) ? " and KL, greatest first" : "; those whose codes vary most come first"}.`,
    body: `<div class="pictures"><div class="plate"><div class="rows">\n${rows.join("\n")}\n</div></div></div>`,
  };
}

function subscript(dimension: number): string {
  return `<sub>${dimension}</sub>`;
}

function scatterSection(chart: Chart | undefined, labelled: boolean, given: string | undefined): Section | undefined {
  if (chart === undefined) return undefined;
  return {
    id: "latent-means",
    title: "Latent means",
    lede: `Where the encoder puts the examples: their codes on the first two principal components${labelled ? `, coloured by label${given === undefined ? ". The model never saw the labels" : `. The model was given ${escapeHtml(given)}`}` : ""}.`,
    body: plate({ ...chart, title: "First two principal components" }, " wide scatter"),
  };
}

function glossarySection(input: ReportInput): Section | undefined {
  const { metrics, figures } = input;
  if (metrics.length === 0 && figures === undefined) return undefined;
  return { id: "words", title: "Words", body: glossary(objectiveOf(input)) };
}

const FIGURE_NAMES: Readonly<Record<string, string>> = {
  negIwaeNats: "−IWAE bound",
  negElboNats: "−ELBO",
  distortionNats: "Distortion",
  rateNats: "Rate",
  bitsPerDim: "Bits per dimension",
};

function figuresSection(figures: ReportInput["figures"]): Section | undefined {
  if (figures === undefined || Object.keys(figures.values).length === 0) return undefined;
  const names: Readonly<Record<string, string>> = { nllNats: likelihoodName(figures.given), ...FIGURE_NAMES };
  const known = Object.keys(names);
  const rank = (name: string) => (known.includes(name) ? known.indexOf(name) : known.length);
  const rows = Object.entries(figures.values)
    .sort(([a], [b]) => rank(a) - rank(b))
    .map(([name, figure]) => figureRow(names[name] ?? inWords(name), figure));
  const heads = ["Figure", "Mean", "Standard error", "Unit", "Examples", "Samples", "Binarization"];
  const head = heads.map((text, k) => `<th${NUMERIC.has(k) ? ' class="number"' : ""}>${text}</th>`).join("");
  return {
    id: "figures",
    title: "Figures",
    lede: `Per example, on the ${escapeHtml(figures.split)} split${figures.given === undefined ? "" : `, all given ${escapeHtml(figures.given)}: they are of p(x|${escapeHtml(figures.given)}), not of p(x)`}. Figures of unlike binarization are not comparable.${figures.values.negIwaeNats ? " −ELBO, distortion and rate are means over an example's samples." : ""}`,
    body: `<div class="plate wide scroll"><table><thead><tr>${head}</tr></thead><tbody>\n${rows.join("\n")}\n</tbody></table></div>`,
  };
}

/** effectiveSamples → Effective samples. */
function inWords(name: string): string {
  const words = name.replace(/([a-z])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const NUMERIC: ReadonlySet<number> = new Set([1, 2, 4, 5]);

function figureRow(name: string, figure: ReportFigure): string {
  const decimals = decimalsFor(figure.standardError);
  const cells = [
    name,
    formatNumber(figure.mean, decimals),
    figure.standardError === null ? "" : formatNumber(figure.standardError, decimals),
    figure.unit,
    formatNumber(figure.examples),
    formatNumber(figure.samples),
    figure.binarization,
  ];
  return `<tr>${cells.map((text, k) => `<td${NUMERIC.has(k) ? ' class="number"' : ""}>${escapeHtml(text)}</td>`).join("")}</tr>`;
}

function detailsSection({ config, environment, data, run }: ReportInput): Section | undefined {
  const record = {
    ...environment,
    ...(run.parameters === undefined ? {} : { parameters: formatNumber(run.parameters) }),
    ...(data.fingerprint === undefined ? {} : { "data fingerprint": data.fingerprint }),
  };
  const rows = Object.entries(record).map(
    ([name, value]) => `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(String(value ?? "unknown"))}</td></tr>`,
  );
  const parts = [
    config === undefined ? "" : `<div class="plate"><h3>Config</h3><pre>${highlight(config)}</pre></div>`,
    rows.length === 0
      ? ""
      : `<div class="plate"><h3>Environment</h3><table><tbody>\n${rows.join("\n")}\n</tbody></table></div>`,
  ].filter((part) => part !== "");
  if (parts.length === 0) return undefined;
  return {
    id: "details",
    title: "How it was made",
    short: "Details",
    body: `<div class="details">\n${parts.join("\n")}\n</div>`,
  };
}

const LINE_LENGTH = 60;

/** JSON with short innermost lists and objects on one line, and its keys, strings and numbers in colour. */
function highlight(value: unknown): string {
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;
  const json = (JSON.stringify(value, undefined, 2) ?? "").replace(/[[{]\n[^[\]{}]*[\]}]/g, (group) => {
    const line = group.replace(/\n\s*/g, " ").replace(/^\[ | \]$/g, (end) => end.trim());
    return line.length <= LINE_LENGTH ? line : group;
  });
  let html = "";
  let end = 0;
  for (const match of json.matchAll(token)) {
    const [whole, text, colon, number] = match;
    html += escapeHtml(json.slice(end, match.index));
    const kind = number !== undefined ? "number" : colon !== undefined ? "key" : "text";
    html += `<span class="${kind}">${escapeHtml(number ?? text ?? "")}</span>${colon ?? ""}`;
    end = match.index + whole.length;
  }
  return html + escapeHtml(json.slice(end));
}

function footer({ metrics }: ReportInput): string {
  const trained = metrics.length === 0 ? "" : ` after ${plural(metrics.length, "epoch")}`;
  return `Written by vaekit${trained}. All figures in nats unless another unit stands beside them.`;
}
