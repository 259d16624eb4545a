import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Images } from "../../src/apps/generate.ts";
import { curveChart } from "../../src/report/curves.ts";
import { reconstructRun, sampleRun } from "../../src/report/figures.node.ts";
import { imageGrid } from "../../src/report/grid.ts";
import { encodePng } from "../../src/report/png.node.ts";
import { standaloneSvg } from "../svg.ts";
import { boundsChart, boundsOf } from "./curves.ts";
import type { TrainedRun } from "./record.ts";

const WIDTH = 760;
const HEIGHT = 380;

/** A picture on a page. */
export interface Picture {
  /** Beside the page. */
  readonly file: string;
  readonly title: string;
}

/** Writes the pictures of one run, or those of several, into a folder, as NAME-*.png and NAME-curve.svg. */
export async function writePictures(runs: readonly TrainedRun[], folder: string, name: string): Promise<Picture[]> {
  const [only, ...others] = runs;
  return others.length === 0 ? picturesOfOne(only!, folder, name) : picturesOfSeveral(runs, folder, name);
}

async function picturesOfOne(only: TrainedRun, folder: string, name: string): Promise<Picture[]> {
  const samples = `${name}-samples.png`;
  await sampleRun({ run: only.directory, out: join(folder, samples), count: 100, seed: 0 });
  return [
    await curvePicture(only, folder, name),
    { file: samples, title: "Samples from the prior" },
    await reconstructionsPicture(only, folder, name),
  ];
}

/** Of one run. */
export async function curvePicture(run: TrainedRun, folder: string, name: string): Promise<Picture> {
  const file = `${name}-curve.svg`;
  await writeFile(join(folder, file), await standaloneCurve(run));
  return { file, title: "Training and validation −ELBO" };
}

export async function reconstructionsPicture(
  { directory: run }: TrainedRun,
  folder: string,
  name: string,
): Promise<Picture> {
  const file = `${name}-reconstructions.png`;
  await reconstructRun({ run, out: join(folder, file), count: 32, split: "test" });
  return { file, title: "Test images over their reconstructions" };
}

/** Images in rows of so many. */
export async function gridPicture(
  folder: string,
  file: string,
  title: string,
  { images, event }: Pick<Images, "images" | "event">,
  columns: number,
): Promise<Picture> {
  await writeFile(join(folder, file), await encodePng(imageGrid(images, event, { columns })));
  return { file, title };
}

async function picturesOfSeveral(runs: readonly TrainedRun[], folder: string, name: string): Promise<Picture[]> {
  const curve = `${name}-curve.svg`;
  await writeFile(join(folder, curve), await boundsChart(boundsOf(runs), WIDTH, HEIGHT));
  const pictures = [{ file: curve, title: "Validation bounds" }];
  for (const { name: run, directory } of runs) {
    const file = `${name}-${run}-samples.png`;
    await sampleRun({ run: directory, out: join(folder, file), count: 100, seed: 0 });
    pictures.push({ file, title: `Samples from the prior: ${run}` });
  }
  return pictures;
}

/** The −ELBO by epoch as a picture of its own. */
async function standaloneCurve({ rows, objective }: TrainedRun): Promise<string> {
  const metrics = rows.map(({ validation, ...row }) => ({ ...row, ...(validation ? { validation } : {}) }));
  const size = { width: WIDTH, height: HEIGHT, legend: true };
  const { svg } = await curveChart({ metrics, objective }, "negElboNats", "−ELBO", size);
  return standaloneSvg(svg);
}
