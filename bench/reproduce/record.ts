import type { ObjectiveConfig } from "../../src/config.objective.ts";
import type { MetricsRow } from "../../src/train/metrics.ts";
import { describeMachine, type Machine } from "../machine.ts";
import { type Experiment, type MeasuredFigure, meets, type Run } from "./experiment.ts";

/** docs/results/NAME.json: a result, and what it was taken with. */
export interface ResultRecord {
  readonly name: string;
  readonly command: string;
  readonly commit: string;
  readonly seed: number;
  /** Of training, over all runs and sessions. */
  readonly seconds: number;
  readonly machine: Machine;
  readonly figures: readonly MeasuredFigure[];
}

export interface TrainedRun extends Run {
  /** Settings that set it apart from the others. */
  readonly own: readonly string[];
  readonly objective: ObjectiveConfig;
  readonly rows: readonly MetricsRow[];
}

/** What the page shows beside the record. */
export interface PageParts {
  /** YYYY-MM-DD */
  readonly date: string;
  readonly runs: readonly TrainedRun[];
  /** What the runs have in common. */
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
    ["training", `${trainingText(parts.runs)}, ${formatMinutes(seconds)}`],
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
    ...settingsOf(parts.runs),
    `Training log: [${parts.log}](${parts.log}).`,
    "",
  ].join("\n");
}

/** Of one run, or of several that are alike in this. */
function trainingText(runs: readonly TrainedRun[]): string {
  const { step = 0, epoch = 0 } = runs[0]?.rows.at(-1) ?? {};
  const [steps, epochs] = [`${formatCount(step)} steps`, `${formatCount(epoch)} epochs`];
  return runs.length > 1 ? `${runs.length} runs of ${steps}, ${epochs}; together` : `${steps}, ${epochs}`;
}

/** What each of several runs has over the config. */
function settingsOf(runs: readonly TrainedRun[]): string[] {
  if (runs.length < 2) return [];
  const settings = (own: readonly string[]) =>
    own.length === 0 ? "as above" : own.map((setting) => `\`${setting}\``).join(", ");
  return ["| run | settings |", "|---|---|", ...runs.map(({ name, own }) => `| ${name} | ${settings(own)} |`), ""];
}

function figureRow(figure: MeasuredFigure): string {
  const { name, value, unit, standardError, bar, published } = figure;
  const met = meets(figure);
  const digits = digitsOf(unit);
  const cells = [
    name,
    value.toFixed(digits),
    standardError === null ? "" : standardError.toFixed(digits),
    unit,
    bar ? barText(bar) : "",
    met === null ? "" : met ? "yes" : "**no**",
    published === null ? "" : String(published),
  ];
  return `| ${cells.join(" | ")} |`;
}

const barText = ({ op, limit }: NonNullable<MeasuredFigure["bar"]>): string => `${op === "<=" ? "≤" : "≥"} ${limit}`;

const digitsOf = (unit: string): number =>
  ({ "bits/dim": 4, "mean/std": 4, fraction: 4, s: 0, "steps/s": 1 })[unit] ?? 2;

/** A figure in a line of text. */
export function figureText(figure: MeasuredFigure): string {
  const { name, value, standardError, unit, bar, published } = figure;
  return [
    `${name}: ${value.toFixed(4)}${standardError === null ? "" : ` ± ${standardError.toFixed(4)}`} ${unit}`,
    ...(bar ? [`bar ${bar.op} ${bar.limit}: ${meets(figure) ? "met" : "not met"}`] : []),
    ...(published === null ? [] : [`published ${published}`]),
  ].join("; ");
}

/** What each run cost: seconds and steps per second, with the validations that lie between. */
export function costFigures(runs: readonly TrainedRun[]): MeasuredFigure[] {
  const none = { standardError: null, bar: null, published: null };
  return runs.flatMap(({ name, rows }) => {
    const { seconds, step } = rows.at(-1) ?? { seconds: 0, step: 0 };
    return [
      { name: `${name}: training`, value: seconds, unit: "s", ...none },
      { name: `${name}: steps of training per second`, value: step / seconds, unit: "steps/s", ...none },
    ];
  });
}

const LOG_LINES = 200;

/**
 * docs/results/NAME.log: the epochs of each run, at most 200 of them evenly spread, the first and the last among them.
 */
export function trainingLog(runs: readonly Pick<TrainedRun, "name" | "rows">[], head: readonly string[]): string {
  const lines = runs.flatMap(({ name, rows }) => [...(name === null ? [] : [`# run ${name}`]), ...spread(rows)]);
  return [...head.map((line) => `# ${line}`), ...lines, ""].join("\n");
}

function spread(rows: readonly MetricsRow[]): string[] {
  const count = Math.min(LOG_LINES, rows.length);
  return Array.from({ length: count }, (_, i) =>
    logLine(rows[count === 1 ? 0 : Math.round((i * (rows.length - 1)) / (count - 1))]!),
  );
}

/** One epoch as a line of text. */
function logLine({ epoch, step, seconds, learningRate, train, validation, examplesPerSecond }: MetricsRow): string {
  const bound = ({ negIwaeNats }: MetricsRow["train"]) =>
    negIwaeNats === undefined ? "" : `, of all draws ${negIwaeNats.toFixed(3)}`;
  const parts = [
    `epoch ${epoch}`,
    `step ${step}`,
    `${seconds.toFixed(1)} s`,
    `train −ELBO ${train.negElboNats.toFixed(3)} = ${train.distortionNats.toFixed(3)} + ${train.rateNats.toFixed(3)}${bound(train)}`,
    ...(validation ? [`validation −ELBO ${validation.negElboNats.toFixed(3)}${bound(validation)}`] : []),
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
