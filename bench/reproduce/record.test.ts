import { expect, test } from "vitest";
import { negElboConfig } from "../../src/config.objective.ts";
import type { MetricsRow } from "../../src/train/metrics.ts";
import type { Experiment, MeasuredFigure } from "./experiment.ts";
import { meets } from "./experiment.ts";
import { costFigures, figureText, type ResultRecord, resultPage, trainingLog } from "./record.ts";

const figures: readonly MeasuredFigure[] = [
  {
    name: "test −log p(x)",
    value: 89.1234,
    unit: "nats",
    standardError: 0.2567,
    bar: { op: "<=", limit: 89.5 },
    published: 86.76,
  },
  { name: "accuracy", value: 0.5, unit: "share", standardError: null, bar: { op: ">=", limit: 0.9 }, published: null },
  { name: "bits per dimension", value: 0.16, unit: "bits/dim", standardError: 0.001, bar: null, published: null },
];

const record: ResultRecord = {
  name: "digits-short",
  command: "npm run reproduce -- digits --budget short",
  commit: "0123abc",
  seed: 7,
  seconds: 90,
  machine: { cpu: "A CPU", cores: 2, memoryGiB: 8, os: "An OS, x64", node: "20.19.0", onnxruntime: "1.30.0" },
  figures,
};

const experiment: Experiment = {
  name: "digits",
  about: "How well digits are modelled",
  source: "Someone, 2016, table 1",
  data: "digits",
  file: "digits.json",
  validate: async () => [],
  test: async () => [],
};

const row = (epoch: number): MetricsRow => ({
  epoch,
  step: 10 * epoch,
  seconds: epoch / 2,
  learningRate: 0.001,
  beta: 1,
  train: { negElboNats: 100, distortionNats: 80, rateNats: 20 },
  validation: epoch % 2 === 0 ? { negElboNats: 101, distortionNats: 81, rateNats: 20 } : null,
  examplesPerSecond: 12_345.6,
  gradientNorm: 3,
  skippedSteps: 0,
});
const oneRun = { name: null, directory: "run", own: [], objective: negElboConfig };

test("the page shows each figure against its bar, and what it was taken with", () => {
  const page = resultPage(record, experiment, {
    date: "2026-01-31",
    runs: [{ ...oneRun, rows: [row(1), { ...row(24), step: 12_000 }] }],
    config: { model: { latent: 50 } },
    pictures: [{ file: "digits-short-samples.png", title: "Samples" }],
    log: "digits-short.log",
  });
  expect(page).toBe(`# digits-short

How well digits are modelled. Published: Someone, 2016, table 1.

| figure | value | standard error | unit | bar | met | published |
|---|---:|---:|---|---|---|---:|
| test −log p(x) | 89.12 | 0.26 | nats | ≤ 89.5 | yes | 86.76 |
| accuracy | 0.50 |  | share | ≥ 0.9 | **no** |  |
| bits per dimension | 0.1600 | 0.0010 | bits/dim |  |  |  |

| | |
|---|---|
| command | \`npm run reproduce -- digits --budget short\` |
| commit | \`0123abc\` |
| seed | 7 |
| training | 12,000 steps, 24 epochs, 1.5 minutes |
| machine | A CPU, 2 cores, 8 GiB, An OS, x64, Node 20.19.0, ONNX Runtime 1.30.0 |
| date | 2026-01-31 |

## Samples

![Samples](digits-short-samples.png)

## Config

\`\`\`json
{
  "model": {
    "latent": 50
  }
}
\`\`\`

Training log: [digits-short.log](digits-short.log).
`);
});

test("a bar is met on its limit and missed beyond it", () => {
  const at = (value: number, op: "<=" | ">=") =>
    meets({ name: "", value, unit: "", standardError: null, bar: { op, limit: 2 }, published: null });
  expect([at(2, "<="), at(2.01, "<="), at(2, ">="), at(1.99, ">=")]).toEqual([true, false, true, false]);
  expect(
    meets({ name: "", value: Number.NaN, unit: "", standardError: null, bar: { op: "<=", limit: 2 }, published: null }),
  ).toBe(false);
  expect(meets(figures[2]!)).toBeNull();
});

test("the log of a long run is thinned to 200 epochs, the first and the last among them", () => {
  const long = trainingLog([{ name: null, rows: Array.from({ length: 1091 }, (_, i) => row(i + 1)) }], ["a command"])
    .trimEnd()
    .split("\n");
  expect(long.length).toBe(201);
  expect(long[0]).toBe("# a command");
  expect(long[1]).toMatch(/^epoch 1 /);
  expect(long.at(-1)).toMatch(/^epoch 1091 /);
  expect(new Set(long).size).toBe(201);
  expect(trainingLog([{ name: null, rows: [row(1), row(2)] }], [])).toBe(
    "epoch 1  step 10  0.5 s  train −ELBO 100.000 = 80.000 + 20.000  learning rate 0.00100  12346 examples/s\n" +
      "epoch 2  step 20  1.0 s  train −ELBO 100.000 = 80.000 + 20.000  validation −ELBO 101.000  learning rate 0.00100  12346 examples/s\n",
  );
});

test("the page of several runs says what they cost together and what sets them apart, and their log names each", () => {
  const runs = [
    { ...oneRun, name: "base", rows: [row(1), row(2)] },
    { ...oneRun, name: "deep", own: ["model.latent=3", "objective.beta=2"], rows: [row(1), row(2)] },
  ];
  const parts = { date: "2026-01-31", runs, config: {}, pictures: [], log: "digits.log" };
  const page = resultPage({ ...record, figures: costFigures(runs) }, experiment, parts);
  expect(page).toContain("| training | 2 runs of 20 steps, 2 epochs; together, 1.5 minutes |");
  expect(page).toContain("| base | as above |\n| deep | `model.latent=3`, `objective.beta=2` |");
  expect(page).toContain("| deep: training | 1 |  | s |  |  |  |");
  expect(page).toContain("| deep: steps of training per second | 20.0 |  | steps/s |  |  |  |");
  const iwae = { negElboNats: 100, distortionNats: 80, rateNats: 20, negIwaeNats: 98.5 };
  const log = trainingLog(
    [
      { name: "base", rows: [row(1)] },
      { name: "deep", rows: [{ ...row(1), train: iwae }] },
    ],
    ["a command"],
  );
  expect(log.split("\n").map((line) => line.slice(0, 10))).toEqual([
    "# a comman",
    "# run base",
    "epoch 1  s",
    "# run deep",
    "epoch 1  s",
    "",
  ]);
  expect(log).toContain("80.000 + 20.000, of all draws 98.500  learning rate");
});

test("a figure in a line of text", () => {
  expect(figures.map(figureText)).toEqual([
    "test −log p(x): 89.1234 ± 0.2567 nats; bar <= 89.5: met; published 86.76",
    "accuracy: 0.5000 share; bar >= 0.9: not met",
    "bits per dimension: 0.1600 ± 0.0010 bits/dim",
  ]);
});
