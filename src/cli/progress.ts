import type { ProgressEvent } from "../train/options.ts";
import { formatCount, formatSeconds } from "./output.ts";

type StepEvent = Extract<ProgressEvent, { kind: "step" }>;
type StartEvent = Extract<ProgressEvent, { kind: "start" }>;
type EpochEvent = Extract<ProgressEvent, { kind: "epoch" }>;

/** Where progress is shown: standard error, or a stand-in. */
export interface Screen {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface ProgressOptions {
  /** Whether a bar is drawn, in colour, rather than plain lines written: see `wantsBars`. */
  readonly bars: boolean;
  /** Milliseconds; only differences count. */
  readonly now?: () => number;
}

/** What shows the progress of a training run. `close` leaves the cursor on a fresh line. */
export interface TrainProgress {
  onProgress(event: ProgressEvent): void;
  /** Prints a line above the bar. */
  note(text: string): void;
  close(): void;
}

const REDRAW_MS = 100;
const PLAIN_STEP_MS = 10_000;
const BAR_CELLS = 20;

/** Bars are for terminals that can redraw a line, and users who do not ask for plain text: NO_COLOR (no-color.org). */
export function wantsBars(screen: Screen, environment: Readonly<Record<string, string | undefined>>): boolean {
  return screen.isTTY === true && !environment.NO_COLOR && environment.TERM !== "dumb";
}

/** A bar redrawn in place, or a line an epoch, and one each ten seconds within long epochs. */
export function trainProgress(screen: Screen, { bars, now = Date.now }: ProgressOptions): TrainProgress {
  return bars ? barProgress(screen, now) : plainProgress(screen, now);
}

/** A line redrawn in place with done and total, for evaluation; nothing without bars. */
export function countProgress(screen: Screen, what: string, { bars, now = Date.now }: ProgressOptions) {
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    onProgress(done: number, total: number): void {
      if (!bars || now() - drawn < REDRAW_MS) return;
      drawn = now();
      screen.write(`\r${what} ${bar(done / total)} ${formatCount(done)}/${formatCount(total)}\x1b[K`);
    },
    close(): void {
      if (drawn > Number.NEGATIVE_INFINITY) screen.write("\r\x1b[K");
    },
  };
}

function barProgress(screen: Screen, now: () => number): TrainProgress {
  let start: StartEvent | undefined;
  let validation: number | undefined;
  let last: StepEvent | undefined;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let shown = false;

  const draw = () => {
    if (!last) return;
    drawnAt = now();
    shown = true;
    const line = barLine(last, start, validation);
    const columns = screen.columns || 100; // some pseudo-terminals say 0
    screen.write(`\r${cut(line, columns - 1)}\x1b[K`);
  };
  const note = (text: string) => {
    screen.write(`${shown ? "\r\x1b[K" : ""}${text}\n`);
    if (shown) draw();
  };
  return {
    onProgress(event) {
      if (event.kind === "start") {
        start = event;
        note(startLine(event));
      } else if (event.kind === "note") note(event.text);
      else if (event.kind === "step") {
        last = event;
        if (now() - drawnAt >= REDRAW_MS) draw();
      } else {
        validation = event.row.validation?.negElboNats ?? validation;
        draw();
      }
    },
    note,
    close() {
      draw();
      if (shown) screen.write("\n");
      shown = false;
      last = undefined;
    },
  };
}

function plainProgress(screen: Screen, now: () => number): TrainProgress {
  let start: StartEvent | undefined;
  let secondsLeft: number | null = null;
  let writtenAt = now();
  const write = (text: string) => {
    writtenAt = now();
    screen.write(`${text}\n`);
  };
  return {
    onProgress(event) {
      if (event.kind === "start") {
        start = event;
        write(startLine(event));
      } else if (event.kind === "note") write(event.text);
      else if (event.kind === "step") {
        secondsLeft = event.secondsLeft;
        if (now() - writtenAt >= PLAIN_STEP_MS) write(stepLine(event, start));
      } else write(epochLine(event, start, secondsLeft));
    },
    note: write,
    close() {},
  };
}

function startLine({ parameters, examples, resumedFrom }: StartEvent): string {
  const resumed = resumedFrom === undefined ? "" : `, resumed from step ${formatCount(resumedFrom)}`;
  return `${formatCount(parameters)} parameters, ${formatCount(examples)} training examples${resumed}`;
}

function of(value: number, total: number | null | undefined): string {
  return total ? `${formatCount(value)}/${formatCount(total)}` : formatCount(value);
}

function terms(row: { readonly negElboNats: number; readonly distortionNats: number; readonly rateNats: number }) {
  return `${row.negElboNats.toFixed(2)} nats (distortion ${row.distortionNats.toFixed(2)}, rate ${row.rateNats.toFixed(2)})`;
}

function left(seconds: number | null): string {
  return seconds === null ? "" : `  ${formatSeconds(seconds)} left`;
}

function stepLine(event: StepEvent, start: StartEvent | undefined): string {
  return `epoch ${of(event.epoch, start?.epochs)}  step ${of(event.step, event.steps)}  −ELBO ${terms(event)}  ${formatCount(event.examplesPerSecond)} examples/s${left(event.secondsLeft)}`;
}

function epochLine({ row }: EpochEvent, start: StartEvent | undefined, secondsLeft: number | null): string {
  const validation = row.validation ? `  validation ${row.validation.negElboNats.toFixed(2)}` : "";
  return `epoch ${of(row.epoch, start?.epochs)}  step ${of(row.step, start?.steps)}  −ELBO ${terms(row.train)}${validation}  ${formatCount(row.examplesPerSecond)} examples/s${left(secondsLeft)}`;
}

function barLine(event: StepEvent, start: StartEvent | undefined, validation: number | undefined) {
  const parts = [
    `epoch ${of(event.epoch, start?.epochs)}`,
    event.steps ? bar(event.step / event.steps) : "",
    `step ${of(event.step, event.steps)}`,
    `−ELBO ${bold(event.negElboNats.toFixed(2))} = ${event.distortionNats.toFixed(2)} + ${event.rateNats.toFixed(2)}`,
    validation === undefined ? "" : `val ${bold(validation.toFixed(2))}`,
    `${formatCount(event.examplesPerSecond)} ex/s`,
    event.secondsLeft === null ? "" : `${formatSeconds(event.secondsLeft)} left`,
  ];
  return parts.filter((part) => part !== "").join("  ");
}

function bold(text: string): string {
  return `\x1b[1m${text}\x1b[0m`;
}

/** Cyan as far as it is done, grey the rest. */
function bar(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS);
  return `\x1b[36m${"━".repeat(filled)}\x1b[90m${"━".repeat(BAR_CELLS - filled)}\x1b[0m`;
}

/** The first `width` visible characters; colour codes take no room and are kept. */
function cut(line: string, width: number): string {
  let visible = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that begins a colour code.
  return line.replace(/\x1b\[\d+m|[\s\S]/gu, (piece) => {
    if (piece.length > 1 && piece.startsWith("\x1b")) return piece;
    visible++;
    return visible <= width ? piece : "";
  });
}
