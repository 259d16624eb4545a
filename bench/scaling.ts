import { parseConfig } from "../src/config.ts";
import { rows } from "../src/data/dataset.ts";
import { lower } from "../src/graph/lower.ts";
import { loadParts } from "../src/models/parts.ts";
import { trainingStep } from "../src/models/step.ts";
import { buildVae } from "../src/models/vae.ts";
import type { BenchCase, CaseOptions, Curve, CurvePoint, Measure } from "./case.ts";
import { closing } from "./closing.ts";
import { digits } from "./data.ts";
import { exponentOf, upperHalf } from "./fit.ts";
import { flopsOfProducts, productsOfGraph } from "./floor.ts";
import { configOf, dense, greyLevels, type Levels, type ModelSpec } from "./models.ts";
import { ownTraining } from "./ours.ts";
import { medianInterval, summarize } from "./statistics.ts";
import { type OwnTraining, timeSteps } from "./training.ts";
import { byTurns } from "./turns.ts";

const ROUNDS = 6;
/** Of a block. */
const MILLISECONDS = 300;

/** What is measured at one size. */
interface Work {
  readonly size: number;
  readonly model: ModelSpec;
  /** Examples in an epoch that is measured as a whole. Default: steps are measured, of all examples. */
  readonly examples?: number;
}

interface Series {
  readonly name: string;
  readonly axis: string;
  readonly unit: string;
  readonly works: readonly Work[];
}

const seriesOf = (
  name: string,
  axis: string,
  sizes: readonly number[],
  workOf: (size: number) => Omit<Work, "size">,
): Series => ({
  ...{ name, axis, unit: name === "data" ? "ms/epoch" : "ms/step" },
  works: sizes.map((size) => ({ size, ...workOf(size) })),
});

/** The model of dense, with one of its sizes changed. */
const series: readonly Series[] = [
  seriesOf("batch", "examples in a batch", [16, 32, 64, 128, 256, 512, 1024], (batch) => ({
    model: { ...dense, batch },
  })),
  seriesOf("width", "units in the hidden layer", [50, 100, 200, 400, 800, 1600], (width) => ({
    model: { ...dense, hidden: [width] },
  })),
  seriesOf("depth", "hidden layers on each side", [1, 2, 4, 8, 16], (depth) => ({
    model: { ...dense, hidden: Array.from({ length: depth }, () => dense.hidden[0]!) },
  })),
  seriesOf("data", "examples in the data", [1000, 2000, 5000, 10_000, 20_000, 55_000], (examples) => ({
    model: dense,
    examples,
  })),
];

export const scaling: BenchCase = {
  name: "scaling",
  about:
    "time against batch, width, depth and size of the data, beside the arithmetic; --length milliseconds of a block",

  async run(options) {
    const { pairs: rounds = ROUNDS } = options;
    const data = greyLevels(await digits());
    const measured: Measured[] = [];
    for (const one of series) measured.push(await measure(one, data, { ...options, pairs: rounds }));
    return {
      case: "scaling",
      unit: "ms",
      results: Object.fromEntries(
        measured.flatMap(({ curve: { name, points } }) =>
          points.map(({ size, median, min, max }) => [`${name} ${size}`, { median, min, max }]),
        ),
      ),
      ratios: {},
      figures: Object.fromEntries(measured.map(({ curve: { name }, exponent }) => [`exponent of ${name}`, exponent])),
      curves: measured.map(({ curve }) => curve),
      pairs: rounds,
      about: {
        model: "784-400-20, batch 128, with one size changed; of data, a whole epoch of its steps",
        exponent:
          "p of time ≈ c·sizeᵖ over the upper half of the sizes, round by round; expected: the same of the operations; what takes the same time at every size makes it less",
        operations: "of the matrix products of the lowered graph",
      },
    };
  },
};

interface Measured {
  readonly curve: Curve;
  readonly exponent: Measure;
}

function measure(
  { name, axis, unit, works }: Series,
  data: Levels,
  { pairs = ROUNDS, length: milliseconds = MILLISECONDS, threads, note }: CaseOptions,
): Promise<Measured> {
  return closing(async (keep) => {
    note(`against ${axis}`);
    const contenders = [];
    for (const { model, size, examples } of works) {
      const part =
        examples === undefined ? data : greyLevels({ ...data, ...rows(data, 0, Math.min(examples, data.count)) });
      const training = keep(await ownTraining(configOf(model), part, threads), ({ release }) => release());
      const steps = examples === undefined ? 1 : Math.floor(part.count / model.batch);
      contenders.push({ name: String(size), block: () => millisecondsOf(training, steps, milliseconds) });
    }
    const times = await byTurns(contenders, pairs, note);
    const points: CurvePoint[] = [];
    for (const { size, model, examples = model.batch } of works) {
      const flops = (await flopsOfStep(model, data.event)) * Math.floor(examples / model.batch);
      points.push({ size, flops, ...summarize(times[String(size)]!) });
    }
    return { curve: { name, axis, unit, points }, exponent: exponentOfRounds(points, (size) => times[String(size)]!) };
  });
}

/** Milliseconds of so many steps, from those that fit into a block; a block holds them once at least. */
async function millisecondsOf(training: OwnTraining, steps: number, block: number): Promise<number> {
  let [passed, times] = [0, 0];
  do {
    passed += 1000 * (await timeSteps(training, steps, true));
    times++;
  } while (passed < block);
  return passed / times;
}

/** The exponent over the upper half of the sizes: that of the times, in each round, and that of the operations. */
export function exponentOfRounds(
  points: readonly Pick<CurvePoint, "size" | "flops">[],
  timesAt: (size: number) => readonly number[],
): Measure {
  const upper = upperHalf(points);
  const rounds = timesAt(upper[0]!.size).length;
  const exponents = Array.from({ length: rounds }, (_, round) =>
    exponentOf(upper.map(({ size }) => ({ x: size, y: timesAt(size)[round]! }))),
  );
  const { median, low, high } = medianInterval(exponents);
  return {
    ...{ value: median, low, high, unit: "" },
    expected: exponentOf(upper.map(({ size, flops }) => ({ x: size, y: flops }))),
  };
}

async function flopsOfStep(model: ModelSpec, event: readonly number[]): Promise<number> {
  const config = parseConfig(configOf(model), "bench");
  await loadParts(config.model);
  const vae = buildVae(config.model, event);
  const outputs = Object.fromEntries(trainingStep(vae, config.objective).map((tensor, i) => [`output${i}`, tensor]));
  return productsOfGraph(lower(outputs), model.batch).reduce((sum, product) => sum + flopsOfProducts(product), 0);
}
