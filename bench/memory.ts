import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BenchCase } from "./case.ts";
import { closing, temporaryFolder } from "./closing.ts";
import { buildCommand, runCommand, writeConfig } from "./command.ts";
import { MNIST, requireMnist } from "./data.ts";
import { configOf, conv28, dense, imagesOf, type ModelSpec, peerModel } from "./models.ts";
import type { Peer } from "./peer.ts";
import { pytorchOnAllCores } from "./pytorch.ts";
import { timeOf } from "./rival.ts";
import { median } from "./statistics.ts";
import { OURS, ratiosByPart, summaries } from "./turns.ts";

const REPEATS = 3;
const EPOCHS = 1;
/** Of PyTorch's, whose memory is at its peak after a few. */
const STEPS = 100;
const measured = [dense, conv28];

/** What takes PyTorch the least memory: pixels stay bytes until they are in a batch. */
const sparing = { draw: "bytes", softplus: false, script: false, foreach: false };

/** The ways of PyTorch that are tried for their memory; the least is the peer's. */
const ways = ({ channels }: ModelSpec) =>
  (channels.length > 0 ? [false, true] : [false]).map((last) => ({ ...sparing, last }));

export const memory: BenchCase = {
  name: "memory",
  about: "peak resident memory of a training on MNIST, dense and convolutional, beside PyTorch's; --length epochs",

  async run({ pairs: repeats = REPEATS, length: epochs = EPOCHS, threads, note }) {
    requireMnist();
    buildCommand();
    return closing(async (keep) => {
      const folder = await temporaryFolder(keep);
      const peaks: Record<string, number[]> = {};
      const settings: Record<string, string> = {};
      for (const model of measured) {
        const { name } = model;
        const ours: number[] = [];
        for (let i = 0; i < repeats; i++)
          ours.push(await ownPeak(model, join(folder, `${name}-${i}`), epochs, threads));
        const pytorch = await pytorchPeaks(model, folder, repeats);
        note(`${name}: ${median(ours).toFixed(0)} MB, PyTorch ${median(pytorch.peaks).toFixed(0)} MB`);
        peaks[`${OURS} ${name}`] = ours;
        peaks[`pytorch ${name}`] = pytorch.peaks;
        settings[`pytorchSetting ${name}`] = pytorch.setting;
        settings["pytorchVersion"] = pytorch.version;
      }
      return {
        case: "memory",
        unit: "MB",
        results: summaries(peaks),
        ratios: ratiosByPart(
          peaks,
          measured.map(({ name }) => name),
        ),
        pairs: repeats,
        about: {
          measured: "largest resident set of the process, 10⁶ bytes",
          vaekit: "vaekit train: data, validation, checkpoints and metrics included",
          pytorch: `${STEPS} steps, the data in memory as bytes`,
          ratio: "PyTorch's memory over ours: above 1 we take less",
          epochs,
          ...settings,
        },
      };
    });
  },
};

/** Peak of `vaekit train`, in MB. */
async function ownPeak(model: ModelSpec, folder: string, epochs: number, threads: number | undefined): Promise<number> {
  await mkdir(folder);
  const config = await writeConfig(folder, configOf(model));
  const flags = ["--out", join(folder, "run"), "--config", config, "--epochs", String(epochs)];
  const more = threads === undefined ? [] : ["--threads", String(threads)];
  return (await runCommand(["train", MNIST, ...flags, ...more])) / 1e6;
}

/** Peaks of PyTorch, in MB, in the way that takes the least. */
async function pytorchPeaks(model: ModelSpec, folder: string, repeats: number) {
  const data = await imagesOf(model);
  const pixels = join(folder, "pixels");
  await writeFile(pixels, data.values);
  const args = [pixels, JSON.stringify(peerModel(model, data.event))];
  const tried: { readonly peaks: number[]; readonly setting: string; readonly version: string }[] = [];
  for (const { setting, start } of pytorchOnAllCores({ script: "bench/peers/pytorch_vae.py", args })) {
    for (const way of ways(model)) {
      const peaks: number[] = [];
      let version = "";
      for (let i = 0; i < repeats; i++) {
        const peer = await start();
        version = peer.version;
        peaks.push(await peakOf(peer, way));
        await peer.close();
      }
      tried.push({ peaks, setting: `${setting}, ${JSON.stringify(way)}`, version });
    }
  }
  return tried.reduce((least, one) => (median(one.peaks) < median(least.peaks) ? one : least));
}

async function peakOf(peer: Peer, way: object): Promise<number> {
  await peer.ask({ take: way });
  await timeOf(peer, { run: STEPS });
  return ((await peer.ask({ peak: true })) as { readonly bytes: number }).bytes / 1e6;
}
