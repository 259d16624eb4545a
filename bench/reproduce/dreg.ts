import type { Examples } from "../../src/data/dataset.ts";
import { meanAndError } from "../../src/evaluate/figures.ts";
import { openRun } from "../../src/models/open.node.ts";
import { loadRunSplit } from "../../src/models/run-data.node.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import type { Bar, Budget, Experiment, MeasuredFigure } from "./experiment.ts";
import { linearGaussian } from "./linear-gaussian.ts";
import { encoderSignals, type GradientOptions } from "./signal-to-noise.ts";

/** Names of the field, and what the config calls them. */
const GRADIENTS = { IWAE: "reparameterized", DReG: "dreg" } as const;
type Gradient = keyof typeof GRADIENTS;
const DRAWS = [5, 50] as const;

interface Size {
  readonly batches: number;
  /** Examples in each. */
  readonly rows: number;
  /** Of the gradient of each batch. */
  readonly estimates: number;
}

const SIZES: Readonly<Record<Budget, { readonly published: Size; readonly trained: Size }>> = {
  short: {
    published: { batches: 2, rows: 100, estimates: 100 },
    trained: { batches: 2, rows: 20, estimates: 50 },
  },
  default: {
    published: { batches: 5, rows: 100, estimates: 1000 },
    trained: { batches: 10, rows: 20, estimates: 500 },
  },
  full: {
    published: { batches: 10, rows: 100, estimates: 10_000 },
    trained: { batches: 20, rows: 20, estimates: 4000 },
  },
};

/** Signal-to-noise ratios by batch: of each gradient, at each k. */
export type Signals = Readonly<Record<Gradient, Readonly<Record<(typeof DRAWS)[number], readonly number[]>>>>;

export const dreg: Experiment = {
  name: "dreg",
  about:
    "Signal-to-noise ratio of the encoder's gradient of IWAE and of DReG at k = 5 and 50: on a linear-Gaussian model, " +
    "as published, and on an IWAE that was trained on MNIST for some steps",
  source:
    "Rainforth et al., Tighter Variational Bounds are Not Necessarily Better, ICML 2018 (that it falls with k for IWAE); " +
    "Tucker et al., Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives, ICLR 2019 (that it does not for DReG)",
  data: "../shared/data/mnist",
  file: "bench/reproduce/dreg.json",

  async validate({ runs, budget, threads, note, onProgress }) {
    const { published, trained } = SIZES[budget];
    const model = await openRun(runs[0]!.directory, { threads });
    try {
      const { backend } = model;
      const { binarization, seed } = model.config.data;
      const measured = { ...published, binarization: "none", seed, onProgress } as const;
      const toy = linearGaussian(published.batches * published.rows);
      const onToy = await signalsOf(toy, backend, toy.data, measured, note);
      const data = await loadRunSplit(model, { split: "train" });
      const onModel = await signalsOf(model, backend, data, { ...measured, ...trained, binarization }, note);
      return [...signalFigures("linear-Gaussian", onToy, true), ...signalFigures("MNIST", onModel, false)];
    } finally {
      await model.close();
    }
  },

  /** All is measured on training data. */
  test: async () => [],
};

async function signalsOf(
  model: Parameters<typeof encoderSignals>[0],
  backend: Backend,
  data: Examples,
  options: Omit<GradientOptions, "objective">,
  note: (line: string) => void,
): Promise<Signals> {
  const at = async (gradient: (typeof GRADIENTS)[Gradient], samples: number) => {
    note(`${data.name}: signal-to-noise ratio, "${gradient}", k = ${samples}`);
    return encoderSignals(model, backend, data, { ...options, objective: { kind: "iwae", samples, gradient } });
  };
  const of = async (name: Gradient) => ({
    5: await at(GRADIENTS[name], 5),
    50: await at(GRADIENTS[name], 50),
  });
  return { IWAE: await of("IWAE"), DReG: await of("DReG") };
}

/**
 * The ratios of what is compared, batch by batch, and then the signals themselves.
 * @param rising whether DReG's is held to rise with k: that holds close to the best encoder, where the weights of the
 * draws are alike
 */
export function signalFigures(where: string, { IWAE, DReG }: Signals, rising: boolean): MeasuredFigure[] {
  const figure = (name: string, values: readonly number[], unit: string, bar: Bar | null = null): MeasuredFigure => {
    const { mean, standardError } = meanAndError(values);
    return { name: `${where}: signal-to-noise, ${name}`, value: mean, unit, standardError, bar, published: null };
  };
  const ratio = (name: string, over: readonly number[], under: readonly number[], op: Bar["op"] | null) => {
    const ratios = over.map((signal, i) => signal / under[i]!);
    return figure(name, ratios, "ratio", op && { op, limit: 1 });
  };
  return [
    ratio("DReG over IWAE, k = 5", DReG[5], IWAE[5], ">="),
    ratio("DReG over IWAE, k = 50", DReG[50], IWAE[50], ">="),
    ratio("IWAE, k = 50 over k = 5", IWAE[50], IWAE[5], "<="),
    ratio("DReG, k = 50 over k = 5", DReG[50], DReG[5], rising ? ">=" : null),
    ...DRAWS.map((k) => figure(`IWAE, k = ${k}`, IWAE[k], "mean/std")),
    ...DRAWS.map((k) => figure(`DReG, k = ${k}`, DReG[k], "mean/std")),
  ];
}
