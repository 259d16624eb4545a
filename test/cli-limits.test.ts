import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { train } from "../src/train/train.node.ts";
import { runCli } from "./run-cli.ts";

// What is too much or too deep is refused with its figure before anything is written; what is stopped early leaves nothing.

const folder = mkdtempSync(join(tmpdir(), "vaekit-limits-"));
afterAll(() => rmSync(folder, { recursive: true }));

const tiny = ["--set", "data.examples=300", "model.latent=2", "model.encoder.hidden=[8]", "train.batchSize=50"];

beforeAll(async () => {
  const trained = await runCli(["train", "sprites", "--out", "run", "--epochs", "1", ...tiny], { cwd: folder });
  expect(trained.code, trained.stderr).toBe(0);
  writeFileSync(join(folder, "twice.json"), '{"model": {"latent": 3}, "model": {"latent": 4}}');
});

const most = "it can have 268402689 at most, so ask for fewer";

test.each<[string[], string]>([
  [
    ["sample", "run", "-n", "1000000000"],
    `--count: 1000000000 images take a picture of 2114 × 2062500002 = 4360125004228 pixels; ${most}`,
  ],
  [
    ["interpolate", "run", "--steps", "10000000"],
    `--steps: 10000000 images take a picture of 2114 × 20625002 = 43601254228 pixels; ${most}`,
  ],
  [
    ["traverse", "run", "--steps", "10000000"],
    `--steps: 10000000 images for each of 2 latent dimensions take a picture of 660000002 × 134 = 88440000268 pixels; ${most}`,
  ],
  [
    ["evaluate", "run", "--threads", "1000000000"],
    '--threads: expected a positive integer of at most 1024, got "1000000000"',
  ],
  [["train", "sprites", "--out", "new", "--config", "twice.json"], 'twice.json: holds "model" twice'],
  [["train", "sprites", "--out", "new", "--config", "."], '--config: cannot read ".": it is a folder'],
  [
    ["train", "sprites", "--out", "new", "--set", `model.latent=${"[".repeat(50_000)}${"]".repeat(50_000)}`],
    "--set model.latent=[[[[[[[[[[[[[[[[[[[[[[[[[[[...: brackets are nested more than 32 deep",
  ],
])("%j is refused before anything is written", async (args, message) => {
  const before = [readdirSync(folder), readdirSync(join(folder, "run"))];
  const { code, stdout, stderr } = await runCli(args, { cwd: folder });
  expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: "" });
  expect(stderr.startsWith(`error: ${message}`), stderr).toBe(true);
  expect([readdirSync(folder), readdirSync(join(folder, "run"))]).toEqual(before);
});

test("a training that is stopped while its data are drawn leaves nothing", async () => {
  const out = join(folder, "stopped");
  const controller = new AbortController();
  const config = { data: { examples: 200_000 } };
  const training = train({ data: "sprites", out, config, signal: controller.signal });
  const reason = new Error("stopped");
  setTimeout(() => controller.abort(reason), 10);
  await expect(training).rejects.toBe(reason);
  expect(existsSync(out)).toBe(false);
});
