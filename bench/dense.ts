import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VaekitError } from "../src/errors.ts";
import { viewOf } from "../src/train/layout.ts";
import type { BenchCase } from "./case.ts";
import { digits } from "./data.ts";
import { type OwnTraining, ownTraining, timeSteps } from "./ours.ts";
import type { Peer } from "./peer.ts";
import { fastestPytorch } from "./pytorch.ts";
import { medianInterval, summarize } from "./statistics.ts";

const PAIRS = 20;
const STEPS = 200;
/** Both sides must compute the same loss to this, relatively. */
const TOLERANCE = 1e-4;

const CONFIG = {
  data: { binarization: "dynamic" },
  model: { latent: 20, encoder: { kind: "mlp", hidden: [400], activation: "relu" }, likelihood: { kind: "bernoulli" } },
  train: { batchSize: 128 },
};

export const dense: BenchCase = {
  name: "dense",
  about: "a whole training step of the VAE 784-400-20, batch 128, beside PyTorch's",

  async run({ pairs = PAIRS, length: steps = STEPS, threads, note }) {
    const data = await digits();
    if (!(data.values instanceof Uint8Array)) throw new VaekitError(`${data.name}: expected grey levels`);
    const folder = await mkdtemp(join(tmpdir(), "vaekit-bench-"));
    const own = await ownTraining(CONFIG, data, threads);
    try {
      const pixels = join(folder, "pixels");
      await writeFile(pixels, data.values);
      note("trying PyTorch's settings");
      const pytorch = await fastestPytorch(pixels, note);
      try {
        const difference = await checkSameLoss(own, pytorch.peer, folder);
        note(
          `both compute the same loss, before and after three steps: relative difference ${difference.toExponential(1)}`,
        );
        const ours: number[] = [];
        const theirs: number[] = [];
        await timeSteps(own, steps, true);
        await runPeer(pytorch.peer, steps);
        for (let pair = 0; pair < pairs; pair++) {
          ours.push((1000 * (await timeSteps(own, steps, true))) / steps);
          theirs.push((1000 * (await runPeer(pytorch.peer, steps))) / steps);
          note(`pair ${pair + 1}: ${ours.at(-1)!.toFixed(2)} ms, ${theirs.at(-1)!.toFixed(2)} ms`);
        }
        return {
          case: "dense",
          unit: "ms/step",
          results: { vaekit: summarize(ours), pytorch: summarize(theirs) },
          ratios: { pytorch: medianInterval(theirs.map((time, i) => time / ours[i]!)) },
          pairs,
          about: {
            step: "fetch, dynamic binarization, noise, forward, backward, Adam",
            ratio: "PyTorch's time over ours, pair by pair: above 1 we are faster",
            stepsPerBlock: steps,
            data: data.name,
            pytorch: pytorch.version,
            pytorchSetting: pytorch.setting,
            lossDifference: difference,
          },
        };
      } finally {
        await pytorch.peer.close();
      }
    } finally {
      await own.release();
      await rm(folder, { recursive: true });
    }
  },
};

async function runPeer(peer: Peer, steps: number): Promise<number> {
  return ((await peer.ask({ run: steps })) as { readonly seconds: number }).seconds;
}

/** Largest relative difference of the losses before each of four steps on one batch, from the same weights. */
async function checkSameLoss(own: OwnTraining, peer: Peer, folder: string): Promise<number> {
  const { program } = own;
  await own.nextBatch();
  const manifest: Record<string, string> = {};
  const write = async (name: string, values: Float32Array) => {
    manifest[name] = join(folder, name);
    await writeFile(manifest[name], values);
  };
  for (const slot of program.layout.slots) await write(slot.path, viewOf(program.parameters, slot));
  await write("x", program.inputs.x!);
  await write("noise", program.inputs.noise!);
  const { losses } = (await peer.ask({ check: manifest })) as { readonly losses: readonly number[] };
  let worst = 0;
  for (const theirs of losses) {
    const ours = await own.step();
    worst = Math.max(worst, Math.abs(ours - theirs) / Math.abs(theirs));
    if (!(worst <= TOLERANCE)) throw new VaekitError(`dense: the losses differ, ours ${ours}, PyTorch's ${theirs}`);
  }
  return worst;
}
