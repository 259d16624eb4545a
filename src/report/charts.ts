import { boundTerm, curveChart } from "./curves.ts";
import type { ReportInput } from "./input.ts";
import { klChart, scatterChart } from "./latent-charts.ts";
import type { Chart } from "./vega.ts";

export interface Charts {
  /** The bound that is trained, distortion, rate. */
  readonly curves: readonly Chart[];
  readonly kl?: Chart;
  readonly scatter?: Chart;
}

const SIDE = { width: 360, height: 158, legend: false };

/** All charts for which the report has data. Loads vega, which takes a while: call it only to draw. */
export async function drawCharts(input: ReportInput): Promise<Charts> {
  const { metrics, klByDimension, scatter } = input;
  const term = boundTerm(input);
  const curves =
    metrics.length === 0
      ? []
      : [
          await curveChart(input, term, term === "negIwaeNats" ? "−IWAE bound" : "−ELBO", {
            width: 560,
            height: 420,
            legend: true,
          }),
          await curveChart(input, "distortionNats", "Distortion (reconstruction)", SIDE),
          await curveChart(input, "rateNats", "Rate (KL from the prior)", SIDE),
        ];
  return {
    curves,
    ...(klByDimension !== undefined && klByDimension.length > 0 ? { kl: await klChart(klByDimension) } : {}),
    ...(scatter !== undefined && scatter.points.length > 0 ? { scatter: await scatterChart(scatter) } : {}),
  };
}
