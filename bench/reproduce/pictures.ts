import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { curveChart } from "../../src/report/curves.ts";
import { reconstructRun, sampleRun } from "../../src/report/figures.node.ts";
import type { MetricsRow } from "../../src/train/metrics.ts";
import { standaloneSvg } from "../svg.ts";

const WIDTH = 760;
const HEIGHT = 380;

/** Writes the pictures of a run into a folder, as NAME-*.png and NAME-curve.svg. */
export async function writePictures(run: string, rows: readonly MetricsRow[], folder: string, name: string) {
  const curve = `${name}-curve.svg`;
  const samples = `${name}-samples.png`;
  const reconstructions = `${name}-reconstructions.png`;
  await writeFile(join(folder, curve), await standaloneCurve(rows));
  await sampleRun({ run, out: join(folder, samples), count: 100, seed: 0 });
  await reconstructRun({ run, out: join(folder, reconstructions), count: 32, split: "test" });
  return [
    { file: curve, title: "Training and validation −ELBO" },
    { file: samples, title: "Samples from the prior" },
    { file: reconstructions, title: "Test images over their reconstructions" },
  ];
}

/** The −ELBO by epoch as a picture of its own. */
async function standaloneCurve(rows: readonly MetricsRow[]): Promise<string> {
  const metrics = rows.map(({ validation, ...row }) => ({ ...row, ...(validation ? { validation } : {}) }));
  const { svg } = await curveChart(metrics, "negElboNats", "−ELBO", { width: WIDTH, height: HEIGHT, legend: true });
  return standaloneSvg(svg);
}
