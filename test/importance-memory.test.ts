import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { cliFile } from "./run-cli.ts";

/* How much memory many draws take: that of the whole process, at its peak. */

const folder = mkdtempSync(join(tmpdir(), "vaekit-memory-"));
afterAll(() => rmSync(folder, { recursive: true }));

const mostBytes = 2e9;
const hook = pathToFileURL(fileURLToPath(new URL("../bench/peak-memory.mjs", import.meta.url))).href;

/** So many grey images of 28 × 28 pixels, as an IDX file. */
function images(count: number): Uint8Array {
  const header = [0, 0, 8, 3, ...[count, 28, 28].flatMap((size) => [0, 0, size >> 8, size & 255])];
  return Uint8Array.from([...header, ...Array.from({ length: count * 784 }, (_, i) => (i * 37) % 256)]);
}

test("50 draws of a batch of 100, with two hidden layers of 200, take 2 GB at most", { timeout: 300_000 }, () => {
  const objective = { kind: "iwae", samples: 50, gradient: "dreg" };
  writeFileSync(join(folder, "images-idx3-ubyte"), images(200));
  const config = {
    data: { validation: 50, test: null },
    model: { latent: 50, encoder: { hidden: [200, 200], activation: "tanh" } },
    objective,
    train: { batchSize: 100, steps: 2 },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const peak = join(folder, "peak");
  const { status, stderr } = spawnSync(
    "sh",
    ["-c", '"$@" 3> "$PEAK"', "sh", process.execPath, "--import", hook, cliFile, "train", "images-idx3-ubyte"].concat([
      ...["--out", "run", "--config", "config.json", "--threads", "2"],
    ]),
    { cwd: folder, env: { ...process.env, PEAK: peak }, encoding: "utf8" },
  );
  expect(status, stderr).toBe(0);
  const bytes = Number(readFileSync(peak, "utf8"));
  expect(bytes).toBeGreaterThan(5e7);
  expect(bytes).toBeLessThan(mostBytes);
});
