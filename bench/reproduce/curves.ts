import { readableDomain } from "../../src/report/curves.ts";
import { CATEGORIES } from "../../src/report/theme.ts";
import { drawSvg } from "../../src/report/vega.ts";
import { standaloneSvg } from "../svg.ts";
import type { TrainedRun } from "./record.ts";

interface Point {
  readonly series: string;
  readonly epoch: number;
  readonly nats: number;
}

/** The validation bounds of all runs by epoch: −ELBO and, where a run was trained by it, minus the bound of all its draws. */
export function boundsOf(runs: readonly Pick<TrainedRun, "name" | "rows">[]): Point[] {
  return runs.flatMap(({ name, rows }) =>
    rows.flatMap(({ epoch, validation }) => {
      if (!validation) return [];
      const { negElboNats, negIwaeNats } = validation;
      return [
        { series: `${name}: −ELBO`, epoch, nats: negElboNats },
        ...(negIwaeNats === undefined ? [] : [{ series: `${name}: bound of all draws`, epoch, nats: negIwaeNats }]),
      ];
    }),
  );
}

/** The bounds of `boundsOf` in one picture, as SVG. */
export async function boundsChart(points: readonly Point[], width: number, height: number): Promise<string> {
  const domain = readableDomain(points.map(({ nats }) => nats));
  const svg = await drawSvg("bounds", {
    width,
    height,
    data: { values: points },
    mark: { type: "line", clip: true, strokeWidth: 2 },
    encoding: {
      x: { field: "epoch", type: "quantitative", axis: { title: "epoch", format: "d", tickMinStep: 1, grid: false } },
      y: { field: "nats", type: "quantitative", title: "nats", scale: { domain, zero: false, nice: false } },
      color: {
        field: "series",
        type: "nominal",
        sort: [...new Set(points.map(({ series }) => series))],
        scale: { range: CATEGORIES },
        legend: { orient: "top", title: null, labelLimit: 300, symbolType: "stroke", symbolStrokeWidth: 3, offset: 6 },
      },
    },
  });
  return standaloneSvg(svg);
}
