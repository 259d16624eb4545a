import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeSafetensors } from "../src/storage/safetensors.ts";
import { noChromium } from "./chromium.ts";

/* WebGPU in Node, on the graphics card in software that Chromium brings along. */

const library = "/usr/lib/chromium";
const driver = join(library, "vk_swiftshader_icd.json");
const found = existsSync(driver);
if (!found && process.env.CI === "true") throw new Error(`${driver} is missing: ${noChromium}`);

const program = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const settings = ["model.latent=3", "model.encoder.hidden=[16]", "train.batchSize=16", "train.validateEvery=5"];

const options = { timeout: 240_000 }; // it is slow

describe.skipIf(!found)(
  found ? "on a graphics card in software" : `${driver} is missing: ${noChromium}`,
  options,
  () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "vaekit-webgpu-"));
      const [count, side] = [40, 8];
      const header = [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, side, 0, 0, 0, side];
      const pixels = Array.from({ length: count * side * side }, (_, i) => ((i % side) * (i % 7) * 9) % 256);
      await writeFile(join(folder, "images-idx3-ubyte"), Uint8Array.from([...header, ...pixels]));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    const train = (run: string, ...more: readonly string[]) =>
      spawnSync(
        process.execPath,
        [program, "train", join(folder, "images-idx3-ubyte"), "--out", join(folder, run), ...more],
        {
          encoding: "utf8",
          env: { ...process.env, XDG_RUNTIME_DIR: folder, LD_LIBRARY_PATH: library, VK_ICD_FILENAMES: driver },
        },
      );
    const rowsOf = async (run: string) =>
      (await readFile(join(folder, run, "metrics.jsonl"), "utf8"))
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { readonly train: { readonly negElboNats: number } }).train.negElboNats);

    const tensorsAt = async (run: string, step: number) => {
      const file = join(folder, run, "checkpoints", `step-${String(step).padStart(12, "0")}.safetensors`);
      const { tensors } = decodeSafetensors(await readFile(file), file);
      return [...tensors].filter(([name]) => !name.startsWith("best/")); // which depends on when it was validated
    };

    test("training has the processor's losses, and is resumed on either: to the bit on the card", async () => {
      const steps = ["--set", ...settings, "train.microBatch=6", "train.average=0.9", "optimizer.clip=10", "--steps"];
      const common = [...steps, "10"];
      expect(train("gpu", ...common, "--device", "webgpu")).toMatchObject({ status: 0 });
      expect(train("cpu", ...common)).toMatchObject({ status: 0 });
      const [gpu, cpu] = [await rowsOf("gpu"), await rowsOf("cpu")];
      expect(gpu.length).toBe(5);
      for (const [i, loss] of gpu.entries()) expect(Math.abs(loss / cpu[i]! - 1), `epoch ${i + 1}`).toBeLessThan(1e-4);
      expect(gpu.at(-1)).toBeLessThan(gpu[0]!);

      const record = JSON.parse(await readFile(join(folder, "gpu", "environment.json"), "utf8"));
      expect(record).toMatchObject({ device: "webgpu", members: 1 });
      expect(record.fallbacks).toEqual({}); // the card has all that is needed
      const parted = [...steps, "6"];
      expect(train("parted", ...parted, "--device", "webgpu")).toMatchObject({ status: 0 });
      const resumed = train("parted", "--resume", "--steps", "10");
      expect(resumed).toMatchObject({ status: 0 });
      expect(resumed.stderr).not.toContain("Not as the run began"); // on the same device without being told
      expect(await tensorsAt("parted", 10)).toEqual(await tensorsAt("gpu", 10));

      const elsewhere = train("gpu", "--resume", "--steps", "16", "--device", "cpu");
      expect(elsewhere.stderr).toContain("device webgpu before, cpu now");
      expect(train("cpu", "--resume", "--steps", "16")).toMatchObject({ status: 0 });
      for (const [i, loss] of (await rowsOf("gpu")).entries())
        expect(Math.abs(loss / (await rowsOf("cpu"))[i]! - 1), `epoch ${i + 1}`).toBeLessThan(1e-4);
    });

    test("operators that the card has none for are told and recorded", async () => {
      const capacity = 'objective={"kind":"capacity","to":10,"steps":5}'; // |rate − C|, whose gradient has a sign
      const { status, stderr } = train("told", "--set", ...settings, capacity, "--steps", "2", "--device", "webgpu");
      expect(stderr).toContain("on the processor, for want of an operator on the graphics card: Sign (1)\n");
      expect(status).toBe(0);
      const record = JSON.parse(await readFile(join(folder, "told", "environment.json"), "utf8"));
      expect(record.fallbacks).toEqual({ Sign: 1 });
    });
  },
);

test("a machine without WebGPU says so, and nothing is left behind", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vaekit-webgpu-"));
  try {
    const run = join(folder, "run");
    const { status, stderr } = spawnSync(
      process.execPath,
      [program, "train", "sprites", "--out", run, "--set", "data.examples=64", "--steps", "1", "--device", "webgpu"],
      { encoding: "utf8", env: { ...process.env, VK_ICD_FILENAMES: "/none", VK_DRIVER_FILES: "/none" } },
    );
    expect(status).toBe(2);
    expect(stderr).toContain("error: device: this machine offers no WebGPU");
    expect(existsSync(run)).toBe(false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
