import { CATEGORIES, themed } from "../../src/report/theme.ts";
import { drawSvg } from "../../src/report/vega.ts";
import { standaloneSvg } from "../svg.ts";

/** The bound of a run on some data, after so many training examples were seen. */
export interface BoundPoint {
  readonly run: string;
  readonly data: "training" | "validation" | "test";
  readonly seen: number;
  /** The ELBO, mean over the data. */
  readonly nats: number;
}

/** Training lines are drawn through, the others in dashes. */
const DASHES = { training: [1, 0], validation: [5, 3], test: [5, 3] } as const;

/** As figure 2 of Kingma & Welling (2014): bounds over training, a colour for each run and a dash for each of the data. */
export async function boundsOverTraining(
  points: readonly BoundPoint[],
  width: number,
  height: number,
): Promise<string> {
  const runs = [...new Set(points.map(({ run }) => run))];
  const data = [...new Set(points.map((point) => point.data))];
  const legend = {
    ...{ orient: "top", title: null, offset: 6 },
    ...{ symbolType: "stroke", symbolSize: 600, symbolStrokeWidth: 2 },
  };
  const svg = await drawSvg("bounds", {
    width,
    height,
    data: { values: points },
    encoding: {
      x: {
        field: "seen",
        type: "quantitative",
        scale: { type: "log", nice: false },
        axis: { title: "training examples seen", values: ticks(points), format: "~s", grid: false },
      },
      y: { field: "nats", type: "quantitative", title: "ELBO in nats", scale: { zero: false, nice: true } },
      color: { field: "run", type: "nominal", sort: runs, scale: { domain: runs, range: CATEGORIES }, legend },
    },
    layer: [
      {
        mark: { type: "line", strokeWidth: 2 },
        encoding: {
          strokeDash: {
            field: "data",
            type: "nominal",
            sort: data,
            scale: { domain: data, range: data.map((name) => DASHES[name]) },
            legend: { ...legend, symbolStrokeColor: themed("ink") },
          },
        },
      },
      { mark: { type: "point", filled: true, size: 18, opacity: 1 }, encoding: { detail: { field: "data" } } },
    ],
  });
  return standaloneSvg(svg);
}

/** 1 and 3 times the powers of ten between the first and the last point. */
function ticks(points: readonly BoundPoint[]): number[] {
  const seen = points.map((point) => point.seen);
  const [least, most] = [Math.min(...seen), Math.max(...seen)];
  const powers = Array.from({ length: 20 }, (_, power) => 10 ** power);
  return powers.flatMap((power) => [power, 3 * power]).filter((tick) => tick >= least && tick <= most);
}
