import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliResult, runCli } from "./run-cli.ts";

// The command line as a user runs it, over a tiny model that is trained here.

const folder = mkdtempSync(join(tmpdir(), "vaekit-run-"));
afterAll(() => rmSync(folder, { recursive: true }));

const tiny = ["data.examples=300", "model.latent=3", "model.encoder.hidden=[16]", "train.batchSize=50"];
let trained: CliResult;

beforeAll(async () => {
  trained = await runCli(["train", "sprites", "--out", "run", "--epochs", "2", "--json", "--set", ...tiny], {
    cwd: folder,
  });
});

/** Runs a command with --json, and expects one object on standard output. */
async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runCli([...args, "--json"], { cwd: folder });
  expect(code, stderr).toBe(0);
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  return JSON.parse(stdout);
}

function pngSize(file: string): [number, number] {
  const bytes = readFileSync(join(folder, file));
  expect(bytes.subarray(1, 4).toString("latin1")).toBe("PNG");
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

test("train prints one JSON object, and a line for each epoch on standard error", () => {
  const { code, stdout, stderr } = trained;
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ run: "run", stopped: "finished", epoch: 2 });
  expect(stderr).toMatch(/^epoch 1\/2 .* −ELBO [\d.]+ nats \(distortion [\d.]+, rate [\d.]+\) {2}validation/m);
  expect(stderr).toMatch(/^epoch 2\/2 /m);
  expect(stderr).not.toContain("\x1b");
});

test("a run directory that exists is refused without --resume", async () => {
  const { code, stderr } = await runCli(["train", "sprites", "--out", "run", "--epochs", "2"], { cwd: folder });
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/^error: .*--resume/m);
});

test("evaluate prints figures with unit, error, examples and samples", async () => {
  const evaluation = await json("evaluate", "run", "--samples", "5", "--examples", "20");
  for (const name of ["negElboNats", "distortionNats", "rateNats", "nllNats", "bitsPerDim"]) {
    expect(evaluation[name]).toMatchObject({
      mean: expect.any(Number),
      standardError: expect.any(Number),
      examples: 20,
      samples: expect.any(Number),
    });
  }
  const { stdout } = await runCli(["evaluate", "run", "--examples", "20"], { cwd: folder });
  expect(stdout).toMatch(/^−ELBO +[\d.]+ +±[\d.]+ {2}nats/m);
});

test("sample, reconstruct, interpolate and traverse write pictures", async () => {
  expect(await json("sample", "run", "-n", "9")).toMatchObject({ file: join("run", "samples.png"), count: 9 });
  expect(await json("reconstruct", "run", "-n", "4", "--out", "r.png")).toMatchObject({ file: "r.png", count: 4 });
  expect(await json("interpolate", "run", "--from", "2", "--to", "5", "--steps", "7", "--out", "i.png")).toMatchObject({
    from: 2,
    to: 5,
    steps: 7,
  });
  const traversal = await json("traverse", "run", "--steps", "5", "--dimensions", "2", "--out", "t.png");
  expect(traversal.dimensions).toHaveLength(2);
  // Images of 64×64 with gaps of 2 between and around them.
  expect(pngSize("run/samples.png")).toEqual([3 * 66 + 2, 3 * 66 + 2]);
  expect(pngSize("i.png")).toEqual([9 * 66 + 2 + 20, 66 + 2]); // with the two inputs, apart
  expect(pngSize("t.png")).toEqual([5 * 66 + 2, 2 * 66 + 2]);
});

test("a row that the split does not have is refused", async () => {
  const { code, stderr } = await runCli(["interpolate", "run", "--to", "9999", "--out", "i.png"], { cwd: folder });
  expect(code).toBe(1);
  expect(stderr).toMatch(/--to: expected a row from 0 to \d+ of the test split of sprites, got 9999/);
});

test("encode writes the same means to npy and csv, in the order of the source", async () => {
  const { count } = await json("encode", "run", "sprites", "--out", "z.npy");
  await json("encode", "run", "sprites", "--out", "z.csv");
  const npy = readFileSync(join(folder, "z.npy"));
  const [head, ...rows] = readFileSync(join(folder, "z.csv"), "utf8").trimEnd().split("\n");
  expect(head).toMatch(/^split,row,(label,)?z0,z1,z2$/);
  expect(rows).toHaveLength(count as number);
  const cells = rows.map((row) => row.split(","));
  const order = cells.map((row) => Number(row[1]));
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  const values = npy.subarray(npy.length - (count as number) * 3 * 4);
  for (const [i, row] of cells.entries()) {
    const z = row.slice(-3).map((cell) => Math.fround(Number(cell)));
    expect(z).toEqual([0, 1, 2].map((j) => values.readFloatLE((i * 3 + j) * 4)));
  }
});

test("report and export write their files", async () => {
  const { file } = await json("report", "run");
  expect(readFileSync(join(folder, file as string), "utf8")).toMatch(/^<!doctype html>/i);
  const { files, maxDifference } = await json("export", "run", "--out", "onnx");
  expect(files).toHaveLength(2);
  expect(maxDifference).toBeLessThanOrEqual(1e-5);
});

test("inspect of a run adds up its layers", async () => {
  const inspection = await json("inspect", "run");
  // 4096-16, 16-3 twice, 3-16, 16-4096, each with biases
  const parameters = 4096 * 16 + 16 + 2 * (16 * 3 + 3) + 3 * 16 + 16 + 16 * 4096 + 4096;
  expect(inspection).toMatchObject({ kind: "run", event: [64, 64], latent: 3, parameters });
  const { stdout } = await runCli(["inspect", "run"], { cwd: folder });
  expect(stdout).toContain(parameters.toLocaleString("en-US"));
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s saves a checkpoint, says how to go on, and exits with %i", async (signal, code) => {
  const run = `stopped-${signal}`;
  const stopped = await runCli(["train", "sprites", "--out", run, "--epochs", "100000", "--set", ...tiny], {
    cwd: folder,
    onStderr: (text, child) => {
      if (/^epoch 1\//m.test(text)) child.kill(signal);
    },
  });
  expect(stopped.code, stopped.stderr).toBe(code);
  expect(stopped.stderr).toContain(`Stopped by ${signal}`);
  expect(stopped.stderr).toContain(`vaekit train sprites --out ${run} --resume`);
});
