import { curveChart } from "./curves.ts";
import type { ReportInput } from "./input.ts";
import { klChart, scatterChart } from "./latent-charts.ts";
import type { Chart } from "./vega.ts";

export interface Charts {
  /** −ELBO, distortion, rate. */
  readonly curves: readonly Chart[];
  readonly kl?: Chart;
  readonly scatter?: Chart;
}

const SIDE = { width: 360, height: 158, legend: false };

/** All charts for which the report has data. Loads vega, which takes a while: call it only to draw. */
export async function drawCharts({ metrics, klByDimension, scatter }: ReportInput): Promise<Charts> {
  const curves =
    metrics.length === 0
      ? []
      : [
          await curveChart(metrics, "negElboNats", "−ELBO", { width: 560, height: 420, legend: true }),
          await curveChart(metrics, "distortionNats", "Distortion (reconstruction)", SIDE),
          await curveChart(metrics, "rateNats", "Rate (KL from the prior)", SIDE),
        ];
  return {
    curves,
    ...(klByDimension !== undefined && klByDimension.length > 0 ? { kl: await klChart(klByDimension) } : {}),
    ...(scatter !== undefined && scatter.points.length > 0 ? { scatter: await scatterChart(scatter) } : {}),
  };
}
