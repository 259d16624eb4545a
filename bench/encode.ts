import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encode as encodeAll } from "../src/apps/encode.ts";
import { parseConfig } from "../src/config.ts";
import { take } from "../src/data/dataset.ts";
import type { Inference } from "../src/models/inference.ts";
import { openRun } from "../src/models/open.node.ts";
import { loadParts } from "../src/models/parts.ts";
import { saveModel } from "../src/models/save-model.ts";
import { statisticsOf } from "../src/models/statistics.ts";
import { buildVae } from "../src/models/vae.ts";
import { directoryStorage } from "../src/storage/directory.node.ts";
import { initializeParameters } from "../src/train/initialize.ts";
import { layoutOf, viewOf } from "../src/train/layout.ts";
import type { BenchCase } from "./case.ts";
import { checkSame, writeManifest } from "./check.ts";
import { closing, type Keep, temporaryFolder } from "./closing.ts";
import { allDigits } from "./data.ts";
import { configOf, conv28, dense, greyLevels, type Levels, type ModelSpec, peerModel } from "./models.ts";
import { fastestPytorch } from "./pytorch.ts";
import { aboutRivals, type Rival, timeOf } from "./rival.ts";
import { byTurns, OURS, ratiosByPart, summaries, withTotals } from "./turns.ts";

const PAIRS = 10;
/** Thousands of images that take PyTorch about a second, by which its settings are chosen. */
const tried: readonly (readonly [ModelSpec, number])[] = [
  [dense, 60],
  [conv28, 20],
];
/** Images whose posteriors are compared: as many as the peer gives. */
const COMPARED = 200;

/** A model of ours and PyTorch's, which compute the same. */
interface Opened {
  readonly name: string;
  readonly own: Inference;
  readonly pytorch: Rival;
  readonly difference: number;
}

async function open(
  [spec, block]: readonly [ModelSpec, number],
  data: Levels,
  folder: string,
  threads: number | undefined,
  note: (line: string) => void,
  keep: Keep,
): Promise<Opened> {
  const { name } = spec;
  note(`the encoder of ${name}`);
  const config = parseConfig(configOf(spec), "bench");
  await loadParts(config.model);
  const vae = buildVae(config.model, data.event, statisticsOf(data));
  const layout = layoutOf(vae.parameters);
  const parameters = new Float32Array(layout.total);
  initializeParameters(parameters, layout, vae.parameters, 0);
  const weights = Object.fromEntries(layout.slots.map((slot) => [slot.path, viewOf(parameters, slot)]));
  const trained = { epoch: 0, step: 0, data: data.fingerprint, dataName: data.name };
  const [format, version] = ["vaekit-model", 2] as const;
  const run = join(folder, name);
  await saveModel(directoryStorage(run), { format, version, event: data.event, config, trained }, vae, weights);
  const own = keep(await openRun(run, { threads }), ({ close }) => close());
  const args = [join(folder, "pixels"), JSON.stringify(peerModel(spec, data.event))];
  const pytorch = await fastestPytorch({ script: "bench/peers/pytorch_encode.py", args }, block, note);
  keep(pytorch.peer, ({ close }) => close());
  const first = {
    ...data,
    ...take(
      data,
      Uint32Array.from({ length: COMPARED }, (_, row) => row),
    ),
  };
  const { mean, logvar } = await encodeAll(own, first);
  const rows = Array.from({ length: COMPARED }, (_, row) => {
    const part = (values: Float32Array) => [...values.subarray(row * spec.latent, (row + 1) * spec.latent)];
    return [...part(mean), ...part(logvar)];
  });
  const manifest = await writeManifest(folder, parameters, layout, {});
  const difference = await checkSame(pytorch, manifest, rows.flat(), `${name}: the posterior`);
  note(`both compute the same posteriors: relative difference ${difference.toExponential(1)}`);
  return { name, own, pytorch, difference };
}

async function timeEncoding(model: Inference, data: Levels): Promise<number> {
  const started = performance.now();
  await encodeAll(model, data);
  return (performance.now() - started) / 1000;
}

export const encode: BenchCase = {
  name: "encode",
  about: "encoding 60,000 images (--length: so many thousand), dense and convolutional, beside PyTorch's",

  run: ({ pairs = PAIRS, length: thousands = 60, threads, note }) =>
    closing(async (keep) => {
      const images = greyLevels(await allDigits(1000 * thousands));
      const folder = await temporaryFolder(keep);
      await writeFile(join(folder, "pixels"), images.values);
      const opened: Opened[] = [];
      for (const one of tried) opened.push(await open(one, images, folder, threads, note, keep));
      const names = opened.map(({ name }) => name);
      const times = withTotals(
        await byTurns(
          opened.flatMap(({ name, own, pytorch: { peer } }) => [
            { name: `${OURS} ${name}`, block: () => timeEncoding(own, images) },
            { name: `pytorch ${name}`, block: async () => (await timeOf(peer, { run: thousands })).seconds },
          ]),
          pairs,
          note,
        ),
        names,
      );
      return {
        case: "encode",
        unit: `s/${images.count} images`,
        results: summaries(times),
        ratios: ratiosByPart(times, ["", ...names]),
        pairs,
        about: {
          work: "grey levels in memory to the mean and log-variance of each posterior, in arrays",
          ratio: "PyTorch's time over ours, pair by pair: above 1 we are faster",
          both: `${OURS} and pytorch: the images through each model`,
          data: images.name,
          ...Object.assign({}, ...opened.map(({ name, pytorch }) => aboutRivals([pytorch], name))),
          difference: Math.max(...opened.map(({ difference }) => difference)),
        },
      };
    }),
};
