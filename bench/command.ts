import { spawn, spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { VaekitError } from "../src/errors.ts";

/** Builds dist/, whose command line is measured. */
export function buildCommand(): void {
  const { status } = spawnSync(process.execPath, ["scripts/set-up.mjs", "--build"], { stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new VaekitError("the build failed; mend it, then measure");
}

/** Runs `vaekit` in a process of its own. Returns the peak of its resident memory, in bytes. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const hook = pathToFileURL("bench/peak-memory.mjs").href;
  const child = spawn(process.execPath, ["--import", hook, "dist/cli/main.js", ...args], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const [messages, peak, code] = await Promise.all([
    text(child.stderr!),
    text(child.stdio[3] as Readable),
    new Promise<number | null>((resolve) => child.on("close", resolve)),
  ]);
  if (code !== 0) throw new VaekitError(`vaekit ${args.join(" ")}: exit code ${code}\n${messages}`);
  return Number(peak);
}

/** The config of the experiment that these cases measure: 784-200-200 tanh, 50 latents, batch 100. */
export async function mnistConfig(): Promise<object> {
  return (JSON.parse(await readFile("bench/reproduce/mnist-vae.json", "utf8")) as { readonly config: object }).config;
}

/** Writes a config to a folder; the file. */
export async function writeConfig(folder: string, config: object): Promise<string> {
  const file = join(folder, "config.json");
  await writeFile(file, JSON.stringify(config));
  return file;
}
