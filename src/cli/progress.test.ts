import { expect, test } from "vitest";
import type { ProgressEvent } from "../train/options.ts";
import { countProgress, trainProgress, wantsBars } from "./progress.ts";

const start: ProgressEvent = { kind: "start", parameters: 12345, epochs: 2, steps: 20, minutes: null, examples: 1000 };

function step(step: number, epoch = 1): ProgressEvent {
  return {
    kind: "step",
    epoch,
    step,
    steps: 20,
    examplesPerSecond: 51_234.5,
    seconds: 0,
    secondsLeft: 252,
    negElboNats: 98.214,
    distortionNats: 73.1,
    rateNats: 25.114,
  };
}

function epoch(number: number, validated = true): ProgressEvent {
  const parts = { negElboNats: 98.2, distortionNats: 73.1, rateNats: 25.1 };
  return {
    kind: "epoch",
    row: {
      epoch: number,
      step: number * 10,
      seconds: number * 126,
      learningRate: 0.001,
      beta: 1,
      train: parts,
      validation: validated ? { ...parts, negElboNats: 99.5 } : null,
      examplesPerSecond: 51_234.5,
      gradientNorm: 3,
      skippedSteps: 0,
    },
  };
}

function screen(columns?: number) {
  const written: string[] = [];
  return { written, write: (text: string) => written.push(text), ...(columns === undefined ? {} : { columns }) };
}

test("without a terminal: plain lines, every epoch, steps only in long epochs", () => {
  const out = screen();
  let time = 0;
  const progress = trainProgress(out, { bars: false, now: () => time });
  progress.onProgress(start);
  for (let i = 1; i <= 10; i++) {
    time += 1500;
    progress.onProgress(step(i));
  }
  progress.onProgress(epoch(1));
  progress.onProgress(epoch(2, false));
  progress.onProgress({ kind: "note", text: "a note" });
  progress.close();
  expect(out.written).toEqual([
    "12,345 parameters, 1,000 training examples\n",
    "epoch 1/2  step 7/20  −ELBO 98.21 nats (distortion 73.10, rate 25.11)  51,235 examples/s  4m12s left\n",
    "epoch 1/2  step 10/20  −ELBO 98.20 nats (distortion 73.10, rate 25.10)  validation 99.50  51,235 examples/s  2m06s left\n",
    "epoch 2/2  step 20/20  −ELBO 98.20 nats (distortion 73.10, rate 25.10)  51,235 examples/s\n",
    "a note\n",
  ]);
});

test("on a terminal: one line redrawn, no oftener than ten times a second, notes above it", () => {
  const out = screen(200);
  let time = 0;
  const progress = trainProgress(out, { bars: true, now: () => time });
  progress.onProgress(start);
  progress.onProgress(step(1));
  progress.onProgress(step(2)); // at once: not drawn
  time += 100;
  progress.onProgress(step(5));
  progress.onProgress(epoch(1));
  progress.note("stopping");
  progress.close();
  const bar =
    "epoch 1/2  \x1b[36m━━━━━\x1b[90m━━━━━━━━━━━━━━━\x1b[0m  step 5/20  −ELBO \x1b[1m98.21\x1b[0m = 73.10 + 25.11";
  const speed = "51,235 ex/s  4m12s left";
  const later = // the numbers of the epoch's row
    "epoch 1/2  \x1b[36m━━━━━━━━━━\x1b[90m━━━━━━━━━━\x1b[0m  step 10/20  −ELBO \x1b[1m98.20\x1b[0m = 73.10 + 25.10  val \x1b[1m99.50\x1b[0m  51,235 ex/s";
  expect(out.written).toEqual([
    "12,345 parameters, 1,000 training examples\n",
    expect.stringContaining("step 1/20"),
    `\r${bar}  ${speed}\x1b[K`,
    `\r${later}  2m06s left\x1b[K`,
    "\r\x1b[Kstopping\n",
    `\r${later}  2m06s left\x1b[K`,
    `\r${later}\x1b[K`, // stays, and tells of no time left
    "\n",
  ]);
});

/** The last line that was drawn, as it is seen. */
function seen({ written }: { readonly written: readonly string[] }): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that begins a colour code.
  return written.findLast((text) => text !== "\n")!.replace(/\x1b\[\d*[mK]|\r/g, "");
}

test.each([
  [100, "epoch 1/2  ━━━━━━━━━━━━━━━━━━━━  step 10/20  −ELBO 98.20 = 73.10 + 25.10  val 99.50  2m06s left"],
  [96, "epoch 1/2  ━━━━━━━━━━  step 10/20  −ELBO 98.20 = 73.10 + 25.10  val 99.50  2m06s left"],
  [80, "epoch 1/2  ━━━━━━━━━━  −ELBO 98.20 = 73.10 + 25.10  val 99.50  2m06s left"],
  [73, "epoch 1/2  ━━━━━━━━━━  −ELBO 98.20  val 99.50  2m06s left"],
  [50, "epoch 1/2  −ELBO 98.20  val 99.50  2m06s left"],
  [40, "−ELBO 98.20  val 99.50  2m06s left"],
  [30, "−ELBO 98.20  2m06s left"],
  [20, "−ELBO 98.20"],
  [5, ""],
])("in %i columns the bar's line has whole fields, the most important ones", (columns, line) => {
  const out = screen(columns);
  const progress = trainProgress(out, { bars: true, now: () => 0 });
  progress.onProgress(start);
  progress.onProgress(step(5));
  progress.onProgress(epoch(1));
  expect(seen(out)).toBe(line);
});

test("at the end the bar is full, whatever was told last", () => {
  const out = screen(100);
  const progress = trainProgress(out, { bars: true, now: () => 0 });
  progress.onProgress(start);
  progress.onProgress(step(18, 2));
  progress.onProgress(epoch(2));
  progress.close();
  progress.close(); // also by a second signal
  expect(seen(out)).toContain(`${"━".repeat(20)}  step 20/20`);
  expect(out.written.at(-2)).toContain(`\x1b[36m${"━".repeat(20)}\x1b[90m\x1b[0m`);
  expect(out.written.filter((text) => text === "\n")).toHaveLength(1);
});

/** A step at some seconds of a run of ten minutes, with or without a number of steps as well. */
function timed(seconds: number, secondsLeft: number, steps: number | null = null): ProgressEvent {
  return { ...(step(5) as Extract<ProgressEvent, { kind: "step" }>), steps, seconds, secondsLeft };
}

test("minutes: a bar by time or by steps, whichever end is nearer, and the time that is left", () => {
  const out = screen(200);
  let time = 0;
  const progress = trainProgress(out, { bars: true, now: () => time });
  progress.onProgress({ ...start, epochs: null, steps: null, minutes: 10 } as ProgressEvent);
  for (const [event, cells, end] of [
    [timed(150, 450), 5, /step 5 .* 7m30s left$/],
    [timed(300, 252, 20), 10, /step 5\/20 .* 4m12s left$/],
    [timed(60, 252, 20), 5, /step 5\/20 .* 4m12s left$/],
    [timed(700, 0), 20, /step 5 .* ex\/s$/], // over, and not less than nothing left
  ] as const) {
    time += 1000;
    progress.onProgress(event);
    expect(out.written.at(-1)).toContain(`\x1b[36m${"━".repeat(cells)}\x1b[90m${"━".repeat(20 - cells)}\x1b[0m`);
    expect(seen(out)).toMatch(end);
  }
});

test("a terminal that does not know its width still gets its line", () => {
  const out = screen(0);
  trainProgress(out, { bars: true, now: () => 0 }).onProgress(step(5));
  expect(out.written.at(-1)).toContain("step 5/20");
});

test("with several draws the bound of them comes first, and −ELBO keeps its parts", () => {
  const ofDraws = (event: ProgressEvent): ProgressEvent => {
    if (event.kind === "step") return { ...event, negIwaeNats: 96.5 };
    if (event.kind !== "epoch") return event;
    const { train, validation } = event.row;
    const row = { ...event.row, train: { ...train, negIwaeNats: 96.4 } };
    return { ...event, row: { ...row, validation: validation && { ...validation, negIwaeNats: 97.1 } } };
  };
  const told = (bars: boolean) => {
    const out = screen(200);
    const progress = trainProgress(out, { bars, now: () => 0 });
    for (const event of [start, step(5), epoch(1)]) progress.onProgress(ofDraws(event));
    return out;
  };
  expect(told(false).written.at(-1)).toContain(
    "−IWAE bound 96.40 nats (−ELBO 98.20: distortion 73.10, rate 25.10)  validation 97.10  ",
  );
  expect(seen(told(true))).toContain("−IWAE bound 96.40  −ELBO 98.20 = 73.10 + 25.10  val 97.10  ");
});

test("a resumed run says where it goes on", () => {
  const out = screen();
  trainProgress(out, { bars: false }).onProgress({ ...start, resumedFrom: 1650 });
  expect(out.written).toEqual(["12,345 parameters, 1,000 training examples, resumed from step 1,650\n"]);
});

test("bars need a terminal, and neither NO_COLOR nor a dumb one", () => {
  const terminal = { ...screen(), isTTY: true };
  expect(wantsBars(terminal, {})).toBe(true);
  expect(wantsBars(terminal, { NO_COLOR: "" })).toBe(true);
  expect(wantsBars(terminal, { NO_COLOR: "1" })).toBe(false);
  expect(wantsBars(terminal, { TERM: "dumb" })).toBe(false);
  expect(wantsBars({ ...terminal, isTTY: false }, {})).toBe(false);
  expect(wantsBars(screen(), {})).toBe(false);
});

test("without bars a terminal gets plain lines too", () => {
  const out = { ...screen(), isTTY: true };
  const progress = trainProgress(out, { bars: false });
  progress.onProgress(start);
  progress.onProgress(epoch(1));
  progress.close();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what plain lines do not hold.
  for (const line of out.written) expect(line).toMatch(/^[^\x00-\x1f━]+\n$/);
});

test("the count of an evaluation is shown with bars alone, and wiped at the end", () => {
  const plain = { ...screen(), isTTY: true };
  countProgress(plain, "evaluating", { bars: false }).onProgress(1, 2);
  expect(plain.written).toEqual([]);
  const out = screen();
  let time = 0;
  const progress = countProgress(out, "evaluating", { bars: true, now: () => time });
  time = 60_000;
  progress.onProgress(500, 1000);
  progress.close();
  expect(out.written).toEqual([
    "\revaluating  \x1b[36m━━━━━━━━━━\x1b[90m━━━━━━━━━━\x1b[0m  500/1,000  1m00s left\x1b[K",
    "\r\x1b[K",
  ]);
  time = 120_000;
  const narrow = screen(30);
  const small = countProgress(narrow, "evaluating", { bars: true, now: () => time });
  time = 121_000;
  small.onProgress(999_999, 1_000_000);
  expect(seen(narrow)).toBe("evaluating  999,999/1,000,000");
});
