import { furtherTerms } from "../models/objective-table.ts";
import { termNames } from "../train/term-names.ts";
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

/** Those of the objective's further terms, but for the bound. */
function furtherCurves(input: ReportInput): Promise<Chart[]> {
  const terms = furtherTerms.filter((term) => term !== "negIwaeNats" && input.metrics[0]?.train[term] !== undefined);
  return Promise.all(terms.map((term) => curveChart(input, term, capitalized(termNames[term]), SIDE)));
}

const capitalized = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

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
          ...(await furtherCurves(input)),
        ];
  return {
    curves,
    ...(klByDimension !== undefined && klByDimension.length > 0 ? { kl: await klChart(klByDimension) } : {}),
    ...(scatter !== undefined && scatter.points.length > 0 ? { scatter: await scatterChart(scatter) } : {}),
  };
}
