import type { MetricsRow } from "../../src/train/metrics.ts";
import { describeMachine, type Machine } from "../machine.ts";
import { type Experiment, type MeasuredFigure, meets } from "./experiment.ts";

/** docs/results/NAME.json: a result, and what it was taken with. */
export interface ResultRecord {
  readonly name: string;
  readonly command: string;
  readonly commit: string;
  readonly seed: number;
  /** Of training, over all sessions. */
  readonly seconds: number;
  readonly machine: Machine;
  readonly figures: readonly MeasuredFigure[];
}

/** What the page shows beside the record. */
export interface PageParts {
  /** YYYY-MM-DD */
  readonly date: string;
  readonly steps: number;
  readonly epochs: number;
  readonly config: unknown;
  /** Files beside the page. */
  readonly pictures: readonly { readonly file: string; readonly title: string }[];
  readonly log: string;
}

/** docs/results/NAME.md, made from the record. */
export function resultPage(record: ResultRecord, experiment: Experiment, parts: PageParts): string {
  const { name, command, commit, seed, seconds, machine, figures } = record;
  const facts = [
    ["command", `\`${command}\``],
    ["commit", `\`${commit}\``],
    ["seed", String(seed)],
    ["training", `${formatCount(parts.steps)} steps, ${formatCount(parts.epochs)} epochs, ${formatMinutes(seconds)}`],
    ["machine", describeMachine(machine)],
    ["date", parts.date],
  ];
  return [
    `# ${name}`,
    "",
    `${experiment.about}. Published: ${experiment.source}.`,
    "",
    "| figure | value | standard error | unit | bar | met | published |",
    "|---|---:|---:|---|---|---|---:|",
    ...figures.map(figureRow),
    "",
    "| | |",
    "|---|---|",
    ...facts.map(([key, value]) => `| ${key} | ${value} |`),
    "",
    ...parts.pictures.flatMap(({ file, title }) => [`## ${title}`, "", `![${title}](${file})`, ""]),
    "## Config",
    "",
    "```json",
    JSON.stringify(parts.config, null, 2),
    "```",
    "",
    `Training log: [${parts.log}](${parts.log}).`,
    "",
  ].join("\n");
}

function figureRow(figure: MeasuredFigure): string {
  const { name, value, unit, standardError, bar, published } = figure;
  const met = meets(figure);
  const digits = unit === "bits/dim" ? 4 : 2;
  const cells = [
    name,
    value.toFixed(digits),
    standardError === null ? "" : standardError.toFixed(digits),
    unit,
    bar ? `${bar.op === "<=" ? "≤" : "≥"} ${bar.limit}` : "",
    met === null ? "" : met ? "yes" : "**no**",
    published === null ? "" : String(published),
  ];
  return `| ${cells.join(" | ")} |`;
}

const LOG_LINES = 200;

/** docs/results/NAME.log: the epochs of a run, at most 200 of them evenly spread, the first and the last among them. */
export function trainingLog(rows: readonly MetricsRow[], head: readonly string[]): string {
  const count = Math.min(LOG_LINES, rows.length);
  const chosen = Array.from(
    { length: count },
    (_, i) => rows[count === 1 ? 0 : Math.round((i * (rows.length - 1)) / (count - 1))]!,
  );
  return [...head.map((line) => `# ${line}`), ...chosen.map(logLine), ""].join("\n");
}

/** One epoch as a line of text. */
export function logLine({
  epoch,
  step,
  seconds,
  learningRate,
  train,
  validation,
  examplesPerSecond,
}: MetricsRow): string {
  const parts = [
    `epoch ${epoch}`,
    `step ${step}`,
    `${seconds.toFixed(1)} s`,
    `train −ELBO ${train.negElboNats.toFixed(3)} = ${train.distortionNats.toFixed(3)} + ${train.rateNats.toFixed(3)}`,
    ...(validation ? [`validation −ELBO ${validation.negElboNats.toFixed(3)}`] : []),
    `learning rate ${learningRate.toPrecision(3)}`,
    `${Math.round(examplesPerSecond)} examples/s`,
  ];
  return parts.join("  ");
}

function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

function formatMinutes(seconds: number): string {
  return `${(seconds / 60).toFixed(1)} minutes`;
}
