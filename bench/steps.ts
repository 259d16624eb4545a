import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VaekitError } from "../src/errors.ts";
import { viewOf } from "../src/train/layout.ts";
import type { BenchCase } from "./case.ts";
import { colours, digits } from "./data.ts";
import { type OwnTraining, ownTraining, timeSteps } from "./ours.ts";
import type { Peer } from "./peer.ts";
import { fastestPytorch, type PytorchModel } from "./pytorch.ts";
import { medianInterval, summarize } from "./statistics.ts";

/** Both sides must compute the same loss to this, relatively. */
const TOLERANCE = 1e-4;

interface StepCase {
  readonly name: string;
  readonly about: string;
  readonly images: "digits" | "colours";
  readonly batch: number;
  readonly latent: number;
  readonly hidden: readonly number[];
  readonly activation: "relu" | "tanh";
  /** Channels of each convolution of 4×4 with stride 2 and padding 1; none for a dense network. */
  readonly channels: readonly number[];
  /** Steps of a block: about a second of them. */
  readonly steps: number;
  readonly pairs: number;
}

const small = {
  images: "digits",
  latent: 50,
  hidden: [200, 200],
  activation: "tanh",
  channels: [],
  pairs: 20,
} as const;

const models: readonly StepCase[] = [
  {
    name: "dense",
    about: "a whole training step of the VAE 784-400-20, batch 128, beside PyTorch's",
    images: "digits",
    batch: 128,
    latent: 20,
    hidden: [400],
    activation: "relu",
    channels: [],
    steps: 200,
    pairs: 20,
  },
  { ...small, name: "dense-small", about: "the same of the VAE 784-200-200-50, batch 100", batch: 100, steps: 400 },
  { ...small, name: "dense-tiny", about: "the same of the VAE 784-200-200-50, batch 20", batch: 20, steps: 800 },
  {
    name: "conv28",
    about: "the same of a convolutional VAE of 28×28 images, batch 128",
    images: "digits",
    batch: 128,
    latent: 20,
    hidden: [256],
    activation: "relu",
    channels: [32, 64],
    steps: 30,
    pairs: 10,
  },
  {
    name: "conv64",
    about: "the same of a convolutional VAE of 64×64×3 images, batch 64",
    images: "colours",
    batch: 64,
    latent: 10,
    hidden: [256, 256],
    activation: "relu",
    channels: [32, 32, 32, 32],
    steps: 15,
    pairs: 10,
  },
];

/** A whole training step beside PyTorch's. */
export const steps: readonly BenchCase[] = models.map(stepCase);

function stepCase(given: StepCase): BenchCase {
  const { name, about, images, batch, latent, hidden, activation } = given;
  const layers = given.channels.map((channels) => ({ channels, kernel: 4, stride: 2, padding: 1 }));
  const network = layers.length > 0 ? { kind: "conv", layers } : { kind: "mlp" };
  const binarize = images === "digits";
  const config = {
    data: { binarization: binarize ? "dynamic" : "none" },
    model: { latent, encoder: { ...network, hidden, activation }, likelihood: { kind: "bernoulli" } },
    train: { batchSize: batch },
  };
  return {
    name,
    about,
    async run({ pairs = given.pairs, length: block = given.steps, threads, note }) {
      const data = images === "digits" ? await digits() : colours();
      if (!(data.values instanceof Uint8Array)) throw new VaekitError(`${data.name}: expected grey levels`);
      const [height, width, channels = 1] = data.event;
      const model: PytorchModel = {
        ...{ event: [height!, width!, channels], batch, latent, hidden, activation, binarize },
        layers: layers.map((layer) => [layer.channels, layer.kernel, layer.stride, layer.padding]),
      };
      const folder = await mkdtemp(join(tmpdir(), "vaekit-bench-"));
      const own = await ownTraining(config, data, threads);
      try {
        const pixels = join(folder, "pixels");
        await writeFile(pixels, data.values);
        note("trying PyTorch's settings");
        const pytorch = await fastestPytorch(pixels, model, block, note);
        try {
          const difference = await checkSameLoss(name, own, pytorch.peer, folder);
          note(
            `both compute the same loss, before and after three steps: relative difference ${difference.toExponential(1)}`,
          );
          const ours: number[] = [];
          const theirs: number[] = [];
          await timeSteps(own, block, true);
          await runPeer(pytorch.peer, block);
          for (let pair = 0; pair < pairs; pair++) {
            ours.push((1000 * (await timeSteps(own, block, true))) / block);
            theirs.push((1000 * (await runPeer(pytorch.peer, block))) / block);
            note(`pair ${pair + 1}: ${ours.at(-1)!.toFixed(2)} ms, ${theirs.at(-1)!.toFixed(2)} ms`);
          }
          return {
            case: name,
            unit: "ms/step",
            results: { vaekit: summarize(ours), pytorch: summarize(theirs) },
            ratios: { pytorch: medianInterval(theirs.map((time, i) => time / ours[i]!)) },
            pairs,
            about: {
              step: `fetch, ${binarize ? "dynamic binarization, " : ""}noise, forward, backward, Adam`,
              ratio: "PyTorch's time over ours, pair by pair: above 1 we are faster",
              stepsPerBlock: block,
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
}

async function runPeer(peer: Peer, count: number): Promise<number> {
  return ((await peer.ask({ run: count })) as { readonly seconds: number }).seconds;
}

/** Largest relative difference of the losses before each of four steps on one batch, from the same weights. */
async function checkSameLoss(name: string, own: OwnTraining, peer: Peer, folder: string): Promise<number> {
  const { program } = own;
  await own.nextBatch();
  const manifest: Record<string, string> = {};
  const write = async (file: string, values: Float32Array) => {
    manifest[file] = join(folder, file);
    await writeFile(manifest[file], values);
  };
  for (const slot of program.layout.slots) await write(slot.path, viewOf(program.parameters, slot));
  await write("x", program.inputs.x!);
  await write("noise", program.inputs.noise!);
  const { losses } = (await peer.ask({ check: manifest })) as { readonly losses: readonly number[] };
  let worst = 0;
  for (const theirs of losses) {
    const ours = await own.step();
    worst = Math.max(worst, Math.abs(ours - theirs) / Math.abs(theirs));
    if (!(worst <= TOLERANCE)) throw new VaekitError(`${name}: the losses differ, ours ${ours}, PyTorch's ${theirs}`);
  }
  return worst;
}
