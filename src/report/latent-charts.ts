import { activeNats, countActive } from "../evaluate/figures.ts";
import { formatNumber, formatPercent } from "./format.ts";
import type { ReportScatter } from "./input.ts";
import { CATEGORIES, themed } from "./theme.ts";
import { type Chart, drawSvg } from "./vega.ts";

const MAX_POINTS = 5000;
const OTHER = "other";

/** So many bars have room for their dimensions' numbers below them. */
const MOST_NUMBERED = 50;

/** KL of each latent dimension, greatest first; those below the threshold are grey. Words stand above the bars. */
export async function klChart(klByDimension: ArrayLike<number>): Promise<Chart> {
  const count = klByDimension.length;
  const active = countActive(klByDimension);
  const sorted = Array.from(klByDimension, (nats, dimension) => ({ nats, dimension, active: nats > activeNats })).sort(
    (a, b) => b.nats - a.nats,
  );
  const values = sorted.map((row, rank) => ({ ...row, start: rank + 0.56, end: rank + 1.44 }));
  const greatest = Math.max(activeNats * 2, ...sorted.map((row) => (Number.isFinite(row.nats) ? row.nats : 0)));
  const above = { type: "text", baseline: "bottom", fontSize: 14 };
  const svg = await drawSvg("kl", {
    width: 920,
    height: 220,
    layer: [
      {
        data: { values },
        mark: { type: "rect", ...(count <= 64 ? { cornerRadiusTopLeft: 2, cornerRadiusTopRight: 2 } : {}) },
        encoding: {
          x: {
            field: "start",
            type: "quantitative",
            scale: { domain: [0.5, count + 0.5], nice: false, zero: false },
            axis: rankAxis(sorted.map(({ dimension }) => dimension)),
          },
          x2: { field: "end" },
          y2: { datum: 0 },
          y: {
            field: "nats",
            type: "quantitative",
            title: "KL (nats)",
            scale: { domain: [0, greatest * 1.04], nice: false },
          },
          color: {
            field: "active",
            type: "nominal",
            scale: { domain: [true, false], range: [themed("accent"), themed("inactive")] },
            legend: null,
          },
        },
      },
      {
        data: { values: [{ nats: activeNats }] },
        mark: { type: "rule", strokeDash: [4, 3], color: themed("second") },
        encoding: { y: { field: "nats", type: "quantitative" } },
      },
      {
        data: { values: [{ text: `– – active above ${activeNats} nats` }] },
        mark: { ...above, align: "left", color: themed("second") },
        encoding: { x: { value: 0 }, y: { value: ABOVE }, text: { field: "text" } },
      },
      {
        data: { values: [{ text: `${active} of ${count} active` }] },
        mark: { ...above, align: "right", fontWeight: 600, color: themed("ink") },
        encoding: { x: { value: "width" }, y: { value: ABOVE }, text: { field: "text" } },
      },
    ],
  });
  return { title: "KL by latent dimension", svg };
}

/** Where the words stand that are not to lie over the bars, in pixels from the frame's top. */
const ABOVE = -8;

/** Below each bar its dimension's number; where they are too many, its place in the order. */
function rankAxis(dimensions: readonly number[]): object {
  if (dimensions.length > MOST_NUMBERED)
    return { title: "latent dimensions, by KL", grid: false, tickMinStep: 1, format: "d" };
  return {
    title: "latent dimension, greatest KL first",
    grid: false,
    values: dimensions.map((_, rank) => rank + 1),
    tickCount: dimensions.length, // or else only some of the values are shown
    labelExpr: `${JSON.stringify(dimensions)}[datum.value - 1]`,
    labelOverlap: false,
  };
}

/** Latent means in the plane of their first two principal components, coloured by label. */
export async function scatterChart(scatter: ReportScatter): Promise<Chart> {
  const { points, labels, labelNames, explained } = scatter;
  const count = points.length / 2;
  const names = labels === undefined ? [] : categoryNames(labels, labelNames);
  const shown = Math.min(count, MAX_POINTS);
  // Evenly spread over the rows, and drawn in an order unlike theirs, so that no label lies on top of all others.
  const rows = Array.from({ length: shown }, (_, k) => Math.floor((k * count) / shown));
  const order = rows.sort((a, b) => scramble(a) - scramble(b));
  const values = order.map((row) => ({
    x: points[row * 2],
    y: points[row * 2 + 1],
    ...(labels === undefined ? {} : { label: categoryOf(labels[row] ?? 0, names, labelNames) }),
  }));
  const axis = (field: "x" | "y", place: 0 | 1) => ({
    field,
    type: "quantitative",
    scale: { zero: false, nice: false, padding: 8 },
    axis: { title: axisTitle(place, explained), tickCount: 5 },
  });
  const domain = names.concat(values.some((value) => value.label === OTHER) ? [OTHER] : []);
  const range = domain.map((name, k) => (name === OTHER ? themed("inactive") : (CATEGORIES[k] ?? themed("muted"))));
  const svg = await drawSvg("scatter", {
    width: 520,
    height: 460,
    data: { values },
    mark: { type: "circle", size: count > 1500 ? 9 : 22, opacity: count > 1500 ? 0.6 : 0.75, color: themed("accent") },
    encoding: {
      x: axis("x", 0),
      y: axis("y", 1),
      ...(labels === undefined
        ? {}
        : {
            color: {
              field: "label",
              type: "nominal",
              scale: { domain, range },
              legend: { title: null, orient: "right", symbolSize: 90, symbolOpacity: 1, rowPadding: 5, offset: 14 },
            },
          }),
    },
  });
  const note = count > shown ? `${formatNumber(shown)} of ${formatNumber(count)} points are drawn.` : undefined;
  return { title: "Latent means", svg, ...(note === undefined ? {} : { note }) };
}

function axisTitle(place: 0 | 1, explained: ReportScatter["explained"]): string {
  const name = place === 0 ? "first principal component" : "second principal component";
  return explained === undefined ? name : `${name} (${formatPercent(explained[place])} of variance)`;
}

/** The labels that get a colour: all up to ten, else the ten most frequent; in the labels' order. */
function categoryNames(labels: ArrayLike<number>, labelNames: readonly string[] | undefined): string[] {
  const counts = new Map<number, number>();
  for (const label of Array.from(labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
  const frequent = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, CATEGORIES.length);
  return frequent
    .map(([label]) => label)
    .sort((a, b) => a - b)
    .map((label) => labelNames?.[label] ?? String(label));
}

function categoryOf(label: number, names: readonly string[], labelNames: readonly string[] | undefined): string {
  const name = labelNames?.[label] ?? String(label);
  return names.includes(name) ? name : OTHER;
}

function scramble(row: number): number {
  return Math.imul(row + 1, 2654435761) >>> 0;
}
