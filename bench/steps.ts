import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../src/config.ts";
import { lower } from "../src/graph/lower.ts";
import { loadParts } from "../src/models/parts.ts";
import { trainingStep } from "../src/models/step.ts";
import { buildVae } from "../src/models/vae.ts";
import { cpuBackend } from "../src/runtime/ort.node.ts";
import type { BenchCase, CaseOptions, CaseResult } from "./case.ts";
import { checkSame, writeManifest } from "./check.ts";
import { closing, type Keep, temporaryFolder } from "./closing.ts";
import { type Floor, openFloor } from "./floor.ts";
import { fastestJavaScript } from "./javascript.ts";
import { configOf, imagesOf, type Levels, type ModelSpec, models, peerModel } from "./models.ts";
import { ownTraining } from "./ours.ts";
import { fastestPytorch } from "./pytorch.ts";
import { aboutRivals, contender, type Rival } from "./rival.ts";
import { median } from "./statistics.ts";
import { firstLosses, type OwnTraining, timeSteps } from "./training.ts";
import { byTurns, OURS, ratios, summaries } from "./turns.ts";

/** A whole training step beside PyTorch's, and the other libraries' where they have it. */
export const steps: readonly BenchCase[] = models.map((model) => ({
  name: model.name,
  about: model.about,
  run: (options) => closing((keep) => run(model, options, keep)),
}));

/** The model that the peers in JavaScript are written for. */
const hasJavaScriptPeers = ({ name }: ModelSpec): boolean => name === "dense";

const FLOOR = "matrix products alone";

async function run(model: ModelSpec, options: CaseOptions, keep: Keep): Promise<CaseResult> {
  const { pairs = model.pairs, length: block = model.steps, threads, note } = options;
  const data = await imagesOf(model);
  const folder = await temporaryFolder(keep);
  const training = keep(await ownTraining(configOf(model), data, threads), ({ release }) => release());
  const pixels = join(folder, "pixels");
  await writeFile(pixels, data.values);
  const args = [pixels, JSON.stringify(peerModel(model, data.event))];
  const pytorch = await fastestPytorch({ script: "bench/peers/pytorch_vae.py", args }, block, note);
  const others = hasJavaScriptPeers(model) ? await fastestJavaScript(args, block, note) : [];
  const rivals = [pytorch, ...others];
  for (const { peer } of rivals) keep(peer, ({ close }) => close());
  const difference = await checkSameLoss(model.name, training, rivals, folder);
  note(`all compute the same loss over four steps: relative difference ${difference.toExponential(1)}`);
  const floor = keep(await floorOf(model, data, threads), ({ release }) => release());

  const own = { name: OURS, block: async () => (1000 * (await timeSteps(training, block, true))) / block };
  const alone = { name: FLOOR, block: async () => 1000 * (await floor.seconds()) };
  const { [FLOOR]: products = [], ...times } = await byTurns([own, alone, ...rivals.map(contender)], pairs, note);
  return {
    case: model.name,
    unit: "ms/step",
    results: summaries(times),
    ratios: ratios(times),
    floorShare: median(products.map((time, i) => time / times[OURS]![i]!)),
    pairs,
    about: {
      step: `fetch, ${model.images === "digits" ? "dynamic binarization, " : ""}noise, forward, backward, Adam`,
      ratio: "the other's time over ours, pair by pair: above 1 we are faster",
      floorShare:
        "time of the step's matrix products alone, each at the rate measured for its shape on one thread, shared by the threads without loss, over our time",
      floor: floorText(floor, median(products)),
      stepsPerBlock: block,
      data: data.name,
      ...aboutRivals(rivals),
      lossDifference: difference,
    },
  };
}

function floorText({ flops }: Floor, milliseconds: number): string {
  const rate = flops / 1e6 / milliseconds;
  return `${milliseconds.toPrecision(3)} ms: ${(flops / 1e6).toFixed(0)} MFLOP at ${rate.toFixed(0)} GFLOP/s`;
}

async function floorOf(model: ModelSpec, { event }: Levels, threads: number | undefined): Promise<Floor> {
  const config = parseConfig(configOf(model), "bench");
  await loadParts(config.model);
  const vae = buildVae(config.model, event);
  const outputs = Object.fromEntries(trainingStep(vae, config.objective).map((tensor, i) => [`output${i}`, tensor]));
  return openFloor(await cpuBackend(1), lower(outputs), model.batch, threads ?? availableParallelism());
}

/** Largest relative difference of the losses before each of four steps on one batch, from the same weights. */
async function checkSameLoss(name: string, own: OwnTraining, rivals: readonly Rival[], folder: string) {
  const { program } = own;
  own.nextBatch();
  const { x, noise } = program.inputs;
  const manifest = await writeManifest(folder, program.parameters, program.layout, { x: x!, noise: noise! });
  const losses = await firstLosses(own);
  const differences: number[] = [];
  for (const rival of rivals) differences.push(await checkSame(rival, manifest, losses, `${name}: the loss`));
  return Math.max(...differences);
}
