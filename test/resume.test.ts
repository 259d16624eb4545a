import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { decodeSafetensors } from "../src/storage/safetensors.ts";
import { runCli } from "./run-cli.ts";

vi.setConfig({ testTimeout: 240_000 }); // each trains several times, on whatever else the machine does

// Stopping, killing and resuming, as a user or a scheduler does it to the command line.

const folder = mkdtempSync(join(tmpdir(), "vaekit-resume-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = [
  "data.examples=500",
  "data.validation=50",
  "model.latent=4",
  "model.encoder.hidden=[32]",
  "train.batchSize=30", // 13 batches and a last, partial one
  "train.average=0.99",
  "train.checkpointSeconds=0.05",
  'optimizer.schedule={"kind":"cosine"}',
];
const steps = 150;
const start = (out: string, ...more: string[]) => [
  "train",
  "sprites",
  "--out",
  out,
  "--steps",
  String(steps),
  ...more,
  "--set",
  ...settings,
];

/** Every tensor of the newest checkpoint and of the model, by name, as a hash of its bytes. */
function contents(run: string): Map<string, string> {
  const checkpoint = readdirSync(join(folder, run, "checkpoints"))
    .sort()
    .at(-1)!;
  const all = new Map<string, string>();
  for (const file of [join("checkpoints", checkpoint), join("model", "weights.safetensors")]) {
    const { tensors } = decodeSafetensors(new Uint8Array(readFileSync(join(folder, run, file))), file);
    for (const [name, { data }] of tensors) {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      all.set(`${file}: ${name}`, createHash("sha256").update(bytes).digest("hex").slice(0, 12));
    }
  }
  return all;
}

/** metrics.jsonl without what depends on the clock. */
function metrics(run: string): unknown[] {
  const lines = readFileSync(join(folder, run, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => ({ ...(JSON.parse(line) as object), seconds: 0, examplesPerSecond: 0 }));
}

beforeAll(async () => {
  const { code, stderr } = await runCli(start("whole"), { cwd: folder });
  expect(code, stderr).toBe(0);
});

test("a run that is killed again and again ends with the same bits as one that was never stopped", async () => {
  let killed = 0;
  for (let attempt = 0; attempt < 40; attempt++) {
    const resume = existsSync(join(folder, "killed", "config.json")) ? ["--resume"] : [];
    const child = { timer: undefined as NodeJS.Timeout | undefined };
    const { code } = await runCli(start("killed", ...resume), {
      cwd: folder,
      // some while after the first sign of life, so that it is sometimes within a checkpoint and sometimes within a step
      onStderr: (_text, process) => {
        child.timer ??= setTimeout(() => process.kill("SIGKILL"), attempt < 4 ? 20 + 60 * attempt : 5000);
      },
    });
    clearTimeout(child.timer);
    if (code === 0) break;
    expect(code).toBeNull();
    killed++;
  }
  expect(killed).toBeGreaterThan(0);
  expect(contents("killed")).toEqual(contents("whole"));
  expect(metrics("killed")).toEqual(metrics("whole"));
});

for (const [signal, exitCode] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`${signal} saves a checkpoint and says how to go on, and the resumed run ends with the same bits`, async () => {
    const run = `stopped-${signal}`;
    const stopped = await runCli(start(run), {
      cwd: folder,
      onStderr: (text, child) => void (/^epoch 2\//m.test(text) && child.kill(signal)),
    });
    expect(stopped.code, stopped.stderr).toBe(exitCode);
    expect(stopped.stderr).toContain(`vaekit train sprites --out ${run} --resume`);
    const resumed = await runCli(["train", "sprites", "--out", run, "--resume"], { cwd: folder });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(contents(run)).toEqual(contents("whole"));
    expect(metrics(run)).toEqual(metrics("whole"));
  });
}

test("a resumed run takes as many threads as it began with, since the last bits may depend on them", async () => {
  const stopped = await runCli(start("threads", "--threads", "1"), {
    cwd: folder,
    onStderr: (text, child) => void (/^epoch 2\//m.test(text) && child.kill("SIGTERM")),
  });
  expect(stopped.code, stopped.stderr).toBe(143);
  const resumed = await runCli(["train", "sprites", "--out", "threads", "--resume"], { cwd: folder });
  expect(resumed.code, resumed.stderr).toBe(0);
  const whole = await runCli(start("one-thread", "--threads", "1"), { cwd: folder });
  expect(whole.code, whole.stderr).toBe(0);
  expect(contents("threads")).toEqual(contents("one-thread"));
});

test("a second writer is refused while the first one trains, and the first one is not disturbed", async () => {
  let second: ReturnType<typeof runCli> | undefined;
  const first = await runCli(start("shared"), {
    cwd: folder,
    onStderr: () => {
      second ??= runCli(["train", "sprites", "--out", "shared", "--resume"], { cwd: folder });
    },
  });
  expect(first.code, first.stderr).toBe(0);
  const { code, stderr } = await second!;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: .*shared.* is being written by process \d+/m);
  expect(contents("shared")).toEqual(contents("whole"));
});

test("a run that is longer than before goes on with more epochs, and with other settings is refused", async () => {
  cpSync(join(folder, "whole"), join(folder, "longer"), { recursive: true });
  const longer = await runCli(["train", "sprites", "--out", "longer", "--resume", "--steps", "160"], { cwd: folder });
  expect(longer.code, longer.stderr).toBe(0);
  const other = await runCli(["train", "sprites", "--out", "longer", "--resume", "--set", "objective.beta=2"], {
    cwd: folder,
  });
  expect(other.code).toBe(2);
  expect(other.stderr).toContain("objective.beta");
  const data = await runCli(["train", "sprites", "--out", "longer", "--resume", "--seed", "1"], { cwd: folder });
  expect(data.code).toBe(2);
  expect(data.stderr).toContain("train.seed");
});

test("a loss that is no longer finite stops the run, names the first tensor, and keeps a checkpoint to go on from", async () => {
  const begin = [
    "train",
    "sprites",
    "--out",
    "nan",
    "--steps",
    "30",
    "--set",
    ...settings,
    "train.checkpointSeconds=0",
  ];
  const begun = await runCli([...begin, 'optimizer.schedule={"kind":"constant"}'], { cwd: folder });
  expect(begun.code, begun.stderr).toBe(0);
  const onwards = ["train", "sprites", "--out", "nan", "--resume", "--steps", "60", "--set"];
  const { code, stderr } = await runCli([...onwards, "optimizer.learningRate=1e30"], { cwd: folder });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: .*not finite: .*"/m);
  expect(stderr).toContain("optimizer.learningRate");
  // What was kept is sound: with the rate that the message asks for, the run ends well.
  const mended = await runCli([...onwards, "optimizer.learningRate=0.001"], { cwd: folder });
  expect(mended.code, mended.stderr).toBe(0);
  expect(mended.stderr).toMatch(/^epoch 5\/5 .*step 60\/60/m);
});

/** A file system of one megabyte, or why there is none. */
function smallFileSystem(path: string): string | undefined {
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return (error as Error).message.split("\n").at(-1);
  }
}

test("a full disk stops the run with a message that names the file, and leaves the earlier checkpoint whole", async (context) => {
  const disk = join(folder, "disk");
  const problem = smallFileSystem(disk);
  if (problem !== undefined)
    return context.skip(`a small tmpfs cannot be mounted here (${problem}); run as root to test a full disk`);
  try {
    const { code, stderr } = await runCli(start("disk/run", "--set", "model.encoder.hidden=[8]"), { cwd: folder });
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/^error: .*disk\/run.*no space left/im);
    const left = existsSync(join(disk, "run", "checkpoints")) ? readdirSync(join(disk, "run", "checkpoints")) : [];
    for (const name of left.filter((file) => !file.startsWith(".")))
      decodeSafetensors(new Uint8Array(readFileSync(join(disk, "run", "checkpoints", name))), name);
  } finally {
    execFileSync("umount", [disk]);
  }
});
