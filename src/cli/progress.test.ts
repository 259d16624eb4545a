import { expect, test } from "vitest";
import type { ProgressEvent } from "../train/options.ts";
import { countProgress, trainProgress, wantsColor } from "./progress.ts";

const start: ProgressEvent = { kind: "start", parameters: 12345, epochs: 2, steps: 20, examples: 1000 };

function step(step: number, epoch = 1): ProgressEvent {
  return {
    kind: "step",
    epoch,
    step,
    steps: 20,
    examplesPerSecond: 51_234.5,
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
      seconds: 1,
      learningRate: 0.001,
      beta: 1,
      train: parts,
      validation: validated ? { ...parts, negElboNats: 99.5 } : null,
      examplesPerSecond: 51_234.5,
      gradientNorm: 3,
    },
  };
}

function screen(isTTY: boolean, columns?: number) {
  const written: string[] = [];
  return { written, isTTY, write: (text: string) => written.push(text), ...(columns === undefined ? {} : { columns }) };
}

test("without a terminal: plain lines, every epoch, steps only in long epochs", () => {
  const out = screen(false);
  let time = 0;
  const progress = trainProgress(out, { color: false, now: () => time });
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
    "epoch 1/2  step 10/20  −ELBO 98.20 nats (distortion 73.10, rate 25.10)  validation 99.50  51,235 examples/s  4m12s left\n",
    "epoch 2/2  step 20/20  −ELBO 98.20 nats (distortion 73.10, rate 25.10)  51,235 examples/s  4m12s left\n",
    "a note\n",
  ]);
});

test("on a terminal: one line redrawn, no oftener than ten times a second, notes above it", () => {
  const out = screen(true, 200);
  let time = 0;
  const progress = trainProgress(out, { color: false, now: () => time });
  progress.onProgress(start);
  progress.onProgress(step(1));
  progress.onProgress(step(2)); // at once: not drawn
  time += 100;
  progress.onProgress(step(5));
  progress.onProgress(epoch(1));
  progress.note("stopping");
  progress.close();
  const bar = "epoch 1/2  ━━━━━───────────────  step 5/20  −ELBO 98.21 = 73.10 + 25.11";
  const speed = "51,235 ex/s  4m12s left";
  expect(out.written).toEqual([
    "12,345 parameters, 1,000 training examples\n",
    expect.stringContaining("step 1/20"),
    `\r${bar}  ${speed}\x1b[K`,
    `\r${bar}  val 99.50  ${speed}\x1b[K`,
    "\r\x1b[Kstopping\n",
    `\r${bar}  val 99.50  ${speed}\x1b[K`,
    `\r${bar}  val 99.50  ${speed}\x1b[K`,
    "\n",
  ]);
});

test("the bar never wraps, and colour codes take no room", () => {
  for (const color of [false, true]) {
    const out = screen(true, 40);
    const progress = trainProgress(out, { color, now: () => 0 });
    progress.onProgress(start);
    progress.onProgress(step(5));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that begins a colour code.
    const visible = out.written.at(-1)!.replace(/\x1b\[\d*[mK]|\r/g, "");
    expect(visible).toBe(
      "epoch 1/2  ━━━━━━━━━━━━━━━━━━━━  step 5/20"
        .slice(0, 39)
        .replace(/━+/, (b) => (color ? b : "━━━━━───────────────")),
    );
    if (!color) expect(out.written.at(-1)).not.toContain("\x1b[3");
    if (color) expect(out.written.at(-1)).toContain("\x1b[36m");
  }
});

test("a terminal that does not know its width still gets its line", () => {
  const out = screen(true, 0);
  trainProgress(out, { color: false, now: () => 0 }).onProgress(step(5));
  expect(out.written.at(-1)).toContain("step 5/20");
});

test("a resumed run says where it goes on", () => {
  const out = screen(false);
  trainProgress(out, { color: false }).onProgress({ ...start, resumedFrom: 1650 });
  expect(out.written).toEqual(["12,345 parameters, 1,000 training examples, resumed from step 1,650\n"]);
});

test("colour needs a terminal, and neither NO_COLOR nor a dumb one", () => {
  const terminal = screen(true);
  expect(wantsColor(terminal, {})).toBe(true);
  expect(wantsColor(terminal, { NO_COLOR: "" })).toBe(true);
  expect(wantsColor(terminal, { NO_COLOR: "1" })).toBe(false);
  expect(wantsColor(terminal, { TERM: "dumb" })).toBe(false);
  expect(wantsColor(screen(false), {})).toBe(false);
});

test("the count of an evaluation is shown on a terminal alone, and wiped at the end", () => {
  const plain = screen(false);
  countProgress(plain, "evaluating").onProgress(1, 2);
  expect(plain.written).toEqual([]);
  const out = screen(true);
  const progress = countProgress(out, "evaluating", () => 0);
  progress.onProgress(500, 1000);
  progress.close();
  expect(out.written).toEqual(["\revaluating ━━━━━━━━━━────────── 500/1,000\x1b[K", "\r\x1b[K"]);
});
