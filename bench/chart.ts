import { themed } from "../src/report/theme.ts";
import { drawSvg } from "../src/report/vega.ts";
import { barFor } from "./bars.ts";
import type { Curve } from "./case.ts";
import type { Figure } from "./records.ts";
import { standaloneSvg } from "./svg.ts";

const ROW = 26;
const WIDTH = 560;

/** Ratios, one a row, with their intervals, and the bars where there are any. As SVG. */
export async function ratioChart(figures: readonly Figure[]): Promise<string> {
  const rows = figures.map((figure) => {
    const bar = barFor(figure.case, figure.name);
    return { ...figure, label: `${figure.case}: ${figure.name}`, bar: bar?.atLeast, stretch: bar?.stretch };
  });
  const ends = rows.flatMap(({ low, high, bar, stretch }) => [low, high, bar ?? 1, stretch ?? 1]);
  const scale = { type: "log", domain: [Math.min(0.5, ...ends) * 0.95, Math.max(...ends) * 1.05], nice: false };
  const x = {
    type: "quantitative",
    scale,
    axis: {
      title: "the other's time or memory over ours",
      values: [0.5, 1, 1.5, 2, 3, 5, 10, 20, 50],
      format: "~g",
      tickCount: 9, // of more values than that every other would go
    },
  };
  const y = {
    field: "label",
    type: "nominal",
    sort: rows.map(({ label }) => label),
    title: null,
    axis: { labelLimit: 260, grid: true },
  };
  const tickAt = (field: "bar" | "stretch", colour: string, thickness: number) => ({
    transform: [{ filter: `isValid(datum.${field})` }],
    mark: { type: "tick", color: colour, thickness, size: ROW - 8 },
    encoding: { y, x: { ...x, field } },
  });
  const svg = await drawSvg("speed", {
    width: WIDTH,
    height: { step: ROW },
    data: { values: rows },
    layer: [
      {
        data: { values: [{ one: 1 }] },
        mark: { type: "rule", color: themed("muted"), strokeDash: [4, 4] },
        encoding: { x: { ...x, field: "one" } },
      },
      tickAt("bar", themed("second"), 3),
      tickAt("stretch", themed("warning"), 1.5),
      {
        mark: { type: "rule", strokeWidth: 3, color: themed("accent") },
        encoding: { y, x: { ...x, field: "low" }, x2: { field: "high" } },
      },
      {
        mark: { type: "point", filled: true, size: 70, opacity: 1, color: themed("accent") },
        encoding: { y, x: { ...x, field: "median" } },
      },
    ],
  });
  return standaloneSvg(svg);
}

/**
 * Curves over logarithmic axes, as SVG: points are measured times, lines what the operations would take at the rate of
 * the largest size.
 */
export async function curvesChart(name: string, curves: readonly Curve[]): Promise<string> {
  const log = { type: "log", nice: false };
  const svg = await drawSvg(name, {
    columns: 2,
    spacing: 28,
    concat: curves.map(({ name: title, axis, unit, points }) => {
      const { median, flops } = points.reduce((a, b) => (b.size > a.size ? b : a));
      const x = {
        field: "size",
        type: "quantitative",
        scale: { ...log, padding: 12 },
        axis: { title: axis, values: points.map(({ size }) => size), format: ",", labelOverlap: true },
      };
      const y = (field: string) => ({
        field,
        type: "quantitative",
        scale: log,
        axis: { title: unit, format: "~s", tickCount: 5 },
      });
      return {
        title: { text: title, color: themed("ink"), fontSize: 13, fontWeight: 600 },
        width: 260,
        height: 190,
        data: { values: points.map((point) => ({ ...point, arithmetic: (point.flops * median) / flops })) },
        layer: [
          {
            mark: { type: "line", color: themed("second"), strokeDash: [5, 4], strokeWidth: 1.5 },
            encoding: { x, y: y("arithmetic") },
          },
          {
            mark: { type: "rule", color: themed("accent"), strokeWidth: 2 },
            encoding: { x, y: y("min"), y2: { field: "max" } },
          },
          {
            mark: { type: "point", filled: true, size: 55, opacity: 1, color: themed("accent") },
            encoding: { x, y: y("median") },
          },
        ],
      };
    }),
  });
  return standaloneSvg(svg);
}
