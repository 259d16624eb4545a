import type { TopLevelSpec } from "vega-lite";
import { FONT, themed } from "./theme.ts";

/** A drawing as one SVG element without a fixed size, and what its reader must know. */
export interface Chart {
  readonly title: string;
  readonly note?: string;
  readonly svg: string;
}

const STYLE = {
  background: null,
  font: FONT,
  padding: 4,
  aria: false,
  view: { stroke: null },
  axis: {
    domainColor: themed("line"),
    tickColor: themed("line"),
    gridColor: themed("line"),
    labelColor: themed("muted"),
    titleColor: themed("muted"),
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 500,
    titlePadding: 8,
    labelPadding: 6,
    tickSize: 4,
    tickCount: 6,
  },
  axisY: { domain: false, ticks: false },
  legend: { labelColor: themed("ink"), labelFontSize: 13, labelFont: FONT },
  text: { font: FONT, fontSize: 13 },
} as const;

/**
 * A vega-lite specification as SVG, drawn without a page. Ids carry the chart's name, since several charts share one
 * document. Loads vega on the first call.
 */
export async function drawSvg(name: string, spec: object): Promise<string> {
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const compiled = compile({ ...spec, config: STYLE } as unknown as TopLevelSpec).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return tidy(name, svg);
}

/** Scales with its container; names its ids after the chart; a tenth of a pixel is enough. */
function tidy(name: string, svg: string): string {
  const ids = [...new Set(Array.from(svg.matchAll(/\bid="([^"]+)"/g), (match) => match[1] ?? ""))];
  const renamed = ids.reduce(
    (text, id, k) => text.replaceAll(`id="${id}"`, `id="${name}-${k}"`).replaceAll(`url(#${id})`, `url(#${name}-${k})`),
    svg,
  );
  return renamed
    .replace(/^<svg([^>]*?) width="[^"]*" height="[^"]*"/, "<svg$1")
    .replace(/ (d|transform)="([^"]*)"/g, (_, key: string, value: string) => ` ${key}="${shorten(value)}"`);
}

function shorten(path: string): string {
  return path.replace(/-?\d+\.\d{2,}/g, (number) => String(Number(Number(number).toFixed(1))));
}
