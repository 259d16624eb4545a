import { isImportanceWeighted } from "../models/objective-table.ts";
import { formatNumber } from "./format.ts";
import { bestEpoch, minimizesBound, objectiveOf, type ReportInput, type ReportTerms } from "./input.ts";
import { themed } from "./theme.ts";
import { type Chart, drawSvg } from "./vega.ts";

export interface CurveOptions {
  readonly width: number;
  readonly height: number;
  /** Whether training and validation are told apart by a legend of its own. */
  readonly legend: boolean;
}

/** The term that is the bound of the objective. */
export const boundTerm = (input: Pick<ReportInput, "objective">): "negIwaeNats" | "negElboNats" =>
  isImportanceWeighted(objectiveOf(input)) ? "negIwaeNats" : "negElboNats";

/** Cut outliers only where the rest would have less than this share of the height. */
const READABLE_SHARE = 0.1;

/**
 * Range of the values that a curve should be read by: all of them, but that outliers (a huge first epoch, a spike) are
 * cut where they would flatten the rest. Never empty; does not start at zero.
 */
export function readableDomain(values: readonly number[]): [number, number] {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const least = sorted[0] ?? 0;
  const greatest = sorted.at(-1) ?? 1;
  const low = sorted[Math.ceil(0.15 * (sorted.length - 1))] ?? least;
  const high = sorted[Math.floor(0.85 * (sorted.length - 1))] ?? greatest;
  const reach = 2 * (high - low);
  let [bottom, top] = [Math.max(least, low - reach), Math.min(greatest, high + reach)];
  if (reach <= 0 || top - bottom >= READABLE_SHARE * (greatest - least)) [bottom, top] = [least, greatest];
  const margin = top > bottom ? 0.06 * (top - bottom) : Math.max(1e-3, 0.01 * Math.abs(top));
  return [bottom - margin, top + margin];
}

/** One term over epochs, training and validation. On the bound that is trained the epoch of the best weights is marked. */
export async function curveChart(
  input: Pick<ReportInput, "metrics" | "objective">,
  term: keyof ReportTerms,
  title: string,
  options: CurveOptions,
): Promise<Chart> {
  const { metrics } = input;
  const rows = metrics.flatMap(({ epoch, train, validation }) => [
    ...rowOf(epoch, train[term], "training"),
    ...rowOf(epoch, validation?.[term], "validation"),
  ]);
  const finite = rows.filter((row) => Number.isFinite(row.nats));
  const domain = readableDomain(finite.map((row) => row.nats));
  const validated = metrics.some(({ validation }) => validation?.[term] !== undefined);
  const best = term === boundTerm(input) && validated ? bestEpoch(input) : undefined;
  const svg = await drawSvg(`curve-${term}`, {
    width: options.width,
    height: options.height,
    data: { values: finite },
    layer: [
      {
        mark: { type: "line", clip: true, strokeWidth: 2, point: metrics.length <= 20 ? { size: 22 } : false },
        encoding: {
          x: {
            field: "epoch",
            type: "quantitative",
            scale: epochScale(metrics),
            axis: { title: "epoch", format: "d", tickMinStep: 1, grid: false },
          },
          y: {
            field: "nats",
            type: "quantitative",
            title: /Nats$/.test(term) ? "nats" : null,
            scale: { domain, zero: false, nice: false },
          },
          color: {
            field: "series",
            type: "nominal",
            scale: {
              domain: validated ? ["training", "validation"] : ["training"],
              range: [themed("accent"), themed("second")],
            },
            legend:
              options.legend && validated
                ? {
                    orient: "top",
                    title: null,
                    symbolType: "stroke",
                    symbolStrokeWidth: 3,
                    columnPadding: 4,
                    offset: 6,
                  }
                : null,
          },
        },
      },
      ...(best === undefined ? [] : bestMark(best.epoch, best.judged[term]!, minimizesBound(input))),
    ],
  });
  const note = outsideNote(
    rows.map((row) => row.nats),
    domain,
  );
  return { title, svg, ...(note === undefined ? {} : { note }) };
}

/** None of a term that was not taken: of a discriminator there is no validation. A number that JSON could not hold is null. */
const rowOf = (epoch: number, value: number | null | undefined, series: string) =>
  value === undefined ? [] : [{ epoch, nats: value ?? Number.NaN, series }];

function epochScale(metrics: ReportInput["metrics"]): object {
  const first = metrics[0]?.epoch ?? 0;
  const last = metrics.at(-1)?.epoch ?? 1;
  return { domain: first === last ? [first - 1, last + 1] : [first, last], nice: false, zero: false };
}

/** @param lowest whether the weights were chosen by what the curve shows, or by another objective */
function bestMark(epoch: number, nats: number, lowest: boolean): object[] {
  const text = `${lowest ? "best validation" : "weights kept:"} ${formatNumber(nats, 1)} at epoch ${formatNumber(epoch)}`;
  const data = { values: [{ epoch, nats, text }] };
  return [
    {
      data,
      mark: {
        type: "point",
        filled: true,
        size: 80,
        color: themed("second"),
        stroke: themed("surface"),
        strokeWidth: 2,
        opacity: 1,
      },
      encoding: { x: { field: "epoch", type: "quantitative" }, y: { field: "nats", type: "quantitative" } },
    },
    {
      // In the corner that a falling curve leaves free.
      data,
      mark: { type: "text", align: "right", baseline: "top", fontWeight: 600, color: themed("second") },
      encoding: { x: { value: "width" }, y: { value: 8 }, text: { field: "text" } },
    },
  ];
}

function outsideNote(values: readonly number[], [bottom, top]: readonly [number, number]): string | undefined {
  const outside = values.filter((value) => value < bottom || value > top).sort((a, b) => a - b);
  const broken = values.filter((value) => !Number.isFinite(value)).length;
  const finite = outside.filter(Number.isFinite);
  const [least, greatest] = [finite[0] ?? 0, finite.at(-1) ?? 0];
  const range = finite.length === 1 ? "" : `${formatNumber(least, 1)} to `;
  const parts = [
    ...(finite.length === 0 ? [] : [`Outside the frame: ${range}${formatNumber(greatest, 1)} nats.`]),
    ...(broken === 0 ? [] : [`Not finite: ${broken} of ${values.length} values.`]),
  ];
  return parts.length === 0 ? undefined : parts.join(" ");
}
