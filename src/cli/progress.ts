import type { ProgressEvent } from "../train/options.ts";
import { formatCount } from "./output.ts";
import { bar, barFields, epochLine, type Field, fitted, left, startLine, stepLine } from "./progress-line.ts";
import { type ProgressState, progressState } from "./progress-state.ts";

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

/** Bars are for terminals that can redraw a line, and users who do not ask for plain text: NO_COLOR (no-color.org). */
export function wantsBars(screen: Screen, environment: Readonly<Record<string, string | undefined>>): boolean {
  return screen.isTTY === true && !environment.NO_COLOR && environment.TERM !== "dumb";
}

/** A bar redrawn in place, or a line an epoch, and one each ten seconds within long epochs. */
export function trainProgress(screen: Screen, { bars, now = Date.now }: ProgressOptions): TrainProgress {
  const state = progressState();
  return bars ? barProgress(screen, state, now) : plainProgress(screen, state, now);
}

/** A line redrawn in place with done and total, for evaluation; nothing without bars. */
export function countProgress(screen: Screen, what: string, { bars, now = Date.now }: ProgressOptions) {
  const started = now();
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    onProgress(done: number, total: number): void {
      if (!bars || now() - drawn < REDRAW_MS) return;
      drawn = now();
      const secondsLeft = ((drawn - started) / 1000 / done) * (total - done);
      const fields: Field[] = [
        [6, what],
        [4, bar(done / total, cellsOf(screen))],
        [5, `${formatCount(done)}/${formatCount(total)}`],
        [3, left(secondsLeft)],
      ];
      screen.write(`\r${fitted(fields, columnsOf(screen) - 1)}\x1b[K`);
    },
    close(): void {
      if (drawn > Number.NEGATIVE_INFINITY) screen.write("\r\x1b[K");
    },
  };
}

function barProgress(screen: Screen, state: ProgressState, now: () => number): TrainProgress {
  let drawnAt = Number.NEGATIVE_INFINITY;
  let shown = false;

  const draw = (ended = false) => {
    const standing = state.standing();
    if (!standing) return;
    drawnAt = now();
    shown = true;
    screen.write(`\r${fitted(barFields(standing, cellsOf(screen), ended), columnsOf(screen) - 1)}\x1b[K`);
  };
  const note = (text: string) => {
    screen.write(`${shown ? "\r\x1b[K" : ""}${text}\n`);
    if (shown) draw();
  };
  return {
    onProgress(event) {
      if (event.kind === "note") {
        note(event.text);
        return;
      }
      state.take(event);
      if (event.kind === "start") note(startLine(event));
      else if (event.kind === "epoch" || now() - drawnAt >= REDRAW_MS) draw();
    },
    note,
    close() {
      if (!shown) return;
      draw(true);
      screen.write("\n");
      shown = false;
    },
  };
}

function plainProgress(screen: Screen, state: ProgressState, now: () => number): TrainProgress {
  let writtenAt = now();
  const write = (text: string) => {
    writtenAt = now();
    screen.write(`${text}\n`);
  };
  return {
    onProgress(event) {
      if (event.kind === "note") {
        write(event.text);
        return;
      }
      state.take(event);
      const standing = state.standing();
      if (event.kind === "start") write(startLine(event));
      else if (event.kind === "epoch") write(epochLine(event, standing));
      else if (standing && now() - writtenAt >= PLAIN_STEP_MS) write(stepLine(standing));
    },
    note: write,
    close() {},
  };
}

function columnsOf({ columns }: Screen): number {
  return columns || 100; // some pseudo-terminals say 0
}

/** Of a bar: half as many where other fields need the room. */
function cellsOf(screen: Screen): number {
  return columnsOf(screen) < 100 ? 10 : 20;
}
