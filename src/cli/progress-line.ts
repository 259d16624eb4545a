import type { Parts } from "../train/metrics.ts";
import { termNames } from "../train/term-names.ts";
import { formatCount, formatSeconds } from "./output.ts";
import { boundOf, type EpochEvent, type Standing, type StartEvent } from "./progress-state.ts";

export function startLine({ parameters, examples, resumedFrom }: StartEvent): string {
  const resumed = resumedFrom === undefined ? "" : `, resumed from step ${formatCount(resumedFrom)}`;
  return `${formatCount(parameters)} parameters, ${formatCount(examples)} training examples${resumed}`;
}

function of(value: number, total: number | null | undefined): string {
  return total ? `${formatCount(value)}/${formatCount(total)}` : formatCount(value);
}

/** What else the objective has; a penalty may be small. */
function further(row: Parts): string {
  const { negIwaeNats: _, ...names } = termNames;
  return (Object.keys(names) as (keyof typeof names)[])
    .flatMap((term) => (row[term] === undefined ? [] : [`, ${names[term]} ${shown(row[term])}`]))
    .join("");
}

const shown = (value: number): string =>
  Math.abs(value) < 1 ? String(Number(value.toPrecision(3))) : value.toFixed(2);

/** The bound that is trained, and the parts of −ELBO, which is named where it is another one. */
function terms(row: Parts): string {
  const { name, nats } = boundOf(row);
  const elbo = row.negIwaeNats === undefined ? "" : `−ELBO ${row.negElboNats.toFixed(2)}: `;
  const parts = `${elbo}distortion ${row.distortionNats.toFixed(2)}, rate ${row.rateNats.toFixed(2)}${further(row)}`;
  return `${name} ${nats.toFixed(2)} nats (${parts})`;
}

export function left(seconds: number | null): string {
  return seconds === null || !(seconds > 0) ? "" : `${formatSeconds(seconds)} left`;
}

export function stepLine({ start, step }: Standing): string {
  return joined([
    `epoch ${of(step.epoch, start?.epochs)}`,
    `step ${of(step.step, step.steps)}`,
    terms(step),
    `${formatCount(step.examplesPerSecond)} examples/s`,
    left(step.secondsLeft),
  ]);
}

export function epochLine({ row }: EpochEvent, standing: Standing | undefined): string {
  return joined([
    `epoch ${of(row.epoch, standing?.start?.epochs)}`,
    `step ${of(row.step, standing?.start?.steps)}`,
    terms(row.train),
    row.validation ? `validation ${boundOf(row.validation).nats.toFixed(2)}` : "",
    `${formatCount(row.examplesPerSecond)} examples/s`,
    left(standing?.step.secondsLeft ?? null),
  ]);
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("  ");
}

/** A part of a line, and its weight: where the line is too long, those that weigh least go first. */
export type Field = readonly [weight: number, text: string];

/** What a bar's line says. The last one, which stays, tells of no time left. */
export function barFields(standing: Standing, cells: number, ended: boolean): Field[] {
  const { start, step, validation, share } = standing;
  const { name, nats } = boundOf(step);
  const elbo = step.negIwaeNats === undefined ? "" : `−ELBO ${step.negElboNats.toFixed(2)} `;
  return [
    [5, `epoch ${of(step.epoch, start?.epochs)}`],
    [4, share === undefined ? "" : bar(share, cells)],
    [2, `step ${of(step.step, step.steps)}`],
    [8, `${name} ${bold(nats.toFixed(2))}`],
    [3, `${elbo}= ${step.distortionNats.toFixed(2)} + ${step.rateNats.toFixed(2)}`],
    [6, validation === undefined ? "" : `val ${bold(validation.toFixed(2))}`],
    [1, `${formatCount(step.examplesPerSecond)} ex/s`],
    [7, ended ? "" : left(step.secondsLeft)],
  ];
}

/** The fields that weigh most, as many as have room, in their order. */
export function fitted(fields: readonly Field[], width: number): string {
  let kept = fields.filter(([, text]) => text !== "");
  while (widthOf(lineOf(kept)) > width) {
    const least = Math.min(...kept.map(([weight]) => weight));
    kept = kept.filter(([weight]) => weight !== least);
  }
  return lineOf(kept);
}

/** What follows an = belongs to the field before it. */
function lineOf(fields: readonly Field[]): string {
  return joined(fields.map(([, text]) => text)).replace("  = ", " = ");
}

function bold(text: string): string {
  return `\x1b[1m${text}\x1b[0m`;
}

/** Cyan as far as it is done, grey the rest. */
export function bar(share: number, cells: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * cells);
  return `\x1b[36m${"━".repeat(filled)}\x1b[90m${"━".repeat(cells - filled)}\x1b[0m`;
}

/** Characters that are seen: colour codes take no room. */
function widthOf(line: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that begins a colour code.
  return [...line.replace(/\x1b\[\d+m/g, "")].length;
}
