import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { negElboConfig } from "../config.objective.ts";
import { RunError, UsageError } from "../errors.ts";
import { nodeDevices } from "../runtime/devices.ts";
import { objectiveName } from "../train/objective-name.ts";
import type { TrainOptions, TrainResult } from "../train/train.node.ts";
import { runCommandLine } from "./program.ts";
import { resultLines } from "./train.ts";

// The commands against a stand-in for the library: what they hand over, print and return.

const train = vi.hoisted(() => vi.fn());
vi.mock("../train/train.node.ts", () => ({ train }));
const evaluateRun = vi.hoisted(() => vi.fn());
vi.mock("../evaluate/evaluate.node.ts", () => ({ evaluateRun }));

beforeAll(() => {
  for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0); // each command line adds one
});

let stdout = "";
let stderr = "";
beforeEach(() => {
  stdout = "";
  stderr = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const result: TrainResult = {
  run: "run",
  stopped: "finished",
  steps: 1650,
  epoch: 3,
  step: 1650,
  seconds: 61,
  best: { epoch: 2, step: 1100, objectiveNats: 99.123, negElboNats: 99.123 },
  objective: negElboConfig,
};

test("train hands its options over, and nothing that was not given", async () => {
  train.mockResolvedValue(result);
  const line =
    "train data --out run --set model.latent=5 train.batchSize=9 --epochs 3 --minutes 0.5 --seed 7 --threads 2";
  expect(await runCommandLine(line.split(" "))).toBe(0);
  const { signal, onProgress, ...options } = train.mock.calls[0]![0] as TrainOptions;
  expect(options).toEqual({
    data: "data",
    out: "run",
    set: ["model.latent=5", "train.batchSize=9"],
    epochs: 3,
    minutes: 0.5,
    seed: 7,
    threads: 2,
  });
  expect(signal?.aborted).toBe(false);
  expect(onProgress).toBeTypeOf("function");
  expect(stdout).toBe(
    "Finished after epoch 3, step 1,650, in 1m01s.\nBest validation −ELBO: 99.12 nats, after epoch 2.\nRun: run\n",
  );
});

test("a result names what the best weights went by", () => {
  const best = { epoch: 2, step: 1100, objectiveNats: 97.456, negElboNats: 99.123 };
  const linesOf = (objective: TrainResult["objective"]) =>
    resultLines({ ...result, stopped: "early", best, objective }, objectiveName(objective))
      .slice(0, 2)
      .join(" ");
  const iwae = linesOf({ kind: "iwae", samples: 5, gradient: "dreg" });
  expect(iwae).toMatch(/^Stopped early, as the validation −IWAE bound of 5 draws no longer got better, after epoch 3/);
  expect(iwae).toMatch(/Best validation −IWAE bound of 5 draws: 97\.46 nats, after epoch 2\.$/);
  expect(linesOf({ ...negElboConfig, beta: 4 })).toContain("Best validation distortion + 4·rate: 97.46 nats");
  expect(linesOf({ kind: "capacity", gamma: 30, from: 0, to: 10, steps: 1 })).toContain(
    "Best validation distortion + 30·|rate − 10|: 97.46 nats",
  );
});

test("train --json prints its result as one object, all else on standard error", async () => {
  train.mockImplementation(async ({ onProgress }: TrainOptions) => {
    onProgress?.({ kind: "note", text: "a note" });
    return result;
  });
  expect(await runCommandLine(["train", "data", "--out", "run", "--json"])).toBe(0);
  expect(stdout).toBe(`${JSON.stringify(result)}\n`);
  expect(stderr).toBe("a note\n");
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s aborts the training, says how to go on, and gives %i", async (signal, code) => {
  train.mockImplementation(async (options: TrainOptions) => {
    process.emit(signal, signal);
    return { ...result, stopped: options.signal?.aborted ? "signal" : "finished" };
  });
  const listeners = process.listenerCount(signal);
  expect(await runCommandLine(["train", "my data", "--out", "run"])).toBe(code);
  expect(stderr).toContain(
    `Stopped by ${signal} after step 1,650. To go on:\n  vaekit train 'my data' --out run --resume\n`,
  );
  expect(process.listenerCount(signal)).toBe(listeners);
});

test.each([
  [[], "Stopped by SIGINT while the data were read; nothing was written.\n"],
  [["--resume"], "Stopped by SIGINT while the data were read. To go on:\n  vaekit train data --out run --resume\n"],
])("stopped before the training begins, with %j", async (more, message) => {
  train.mockImplementation(async ({ signal }: TrainOptions) => {
    process.emit("SIGINT", "SIGINT");
    signal?.throwIfAborted();
  });
  expect(await runCommandLine(["train", "data", "--out", "run", ...more])).toBe(130);
  expect(stderr).toBe(`Stopping. Once more to quit at once.\n${message}`);
  expect(stdout).toBe("");
});

test("a second signal ends the process at once", async () => {
  const exit = vi.spyOn(process, "exit").mockImplementation(() => undefined as never);
  train.mockImplementation(async () => {
    process.emit("SIGINT", "SIGINT");
    expect(exit).not.toHaveBeenCalled();
    process.emit("SIGINT", "SIGINT");
    return result;
  });
  await runCommandLine(["train", "data", "--out", "run"]);
  expect(exit).toHaveBeenCalledWith(130);
});

test("the user's errors are a message, ours a stack that says so", async () => {
  const line = ["train", "data", "--out", "run"];
  train.mockRejectedValueOnce(new RunError("run: in use"));
  expect(await runCommandLine(line)).toBe(1);
  expect(stderr).toBe("error: run: in use\n");
  train.mockRejectedValueOnce(Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC", syscall: "write" }));
  expect(await runCommandLine(line)).toBe(1);
  expect(stderr).toBe("error: run: in use\nerror: ENOSPC: no space left\n");
  train.mockRejectedValueOnce(new UsageError("--resume: no run"));
  expect(await runCommandLine(line)).toBe(2);
  train.mockRejectedValueOnce(new TypeError("x is not a function"));
  expect(await runCommandLine(line)).toBe(1);
  expect(stderr).toMatch(/this is a bug in vaekit.*\nTypeError: x is not a function\n\s+at /);
  expect(stdout).toBe("");
});

test("a resumed run that had nothing left to do says what to raise", async () => {
  for (const [stopped, message] of [
    ["minutes", /Nothing was left to do: .* step 1,650\. .* a higher --minutes, which counts/],
    ["finished", /a higher --epochs or --steps/],
  ] as const) {
    train.mockResolvedValue({ ...result, steps: 0, stopped });
    expect(await runCommandLine(["train", "sprites", "--out", "run", "--resume"])).toBe(0);
    expect(stdout).toMatch(message);
  }
});

test("evaluate takes a million importance samples, and no more", async () => {
  evaluateRun.mockRejectedValue(new RunError("reached"));
  expect(await runCommandLine(["evaluate", "run", "--samples", "1000000"])).toBe(1);
  expect(evaluateRun.mock.calls[0]![0]).toMatchObject({ run: "run", samples: 1_000_000 });
  stderr = "";
  expect(await runCommandLine(["evaluate", "run", "--samples", "1000000000"])).toBe(2);
  expect(stderr).toBe('error: --samples: expected a positive integer of at most 1000000, got "1000000000"\n');
});

test("train --help says where a run computes, and every device that there is", async () => {
  expect(await runCommandLine(["train", "--help"])).toBe(0);
  const help = stdout.replaceAll(/\s+/g, " ");
  expect(help).toContain("(default: cpu, or what the run began on)");
  expect(help).toContain(`(choices: ${nodeDevices.map((device) => `"${device}"`).join(", ")}`);
});
