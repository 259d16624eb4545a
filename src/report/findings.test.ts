import { expect, test } from "vitest";
import { klByDimension, metrics } from "../../test/fixtures/report-input.ts";
import { negElboConfig } from "../config.objective.ts";
import { findings } from "./findings.ts";
import { bestEpoch, type ReportEpoch, type ReportFigure, type ReportInput } from "./input.ts";

const EMPTY: ReportInput = { run: { name: "run" }, data: { name: "data", event: [2] }, metrics: [] };

const text = (input: Partial<ReportInput>) =>
  findings({ ...EMPTY, ...input })
    .map((finding) => `${finding.kind}: ${finding.text}`)
    .join("\n");

function figure(mean: number, samples = 1, binarization = "dynamic"): ReportFigure {
  return { mean, standardError: 0.2, unit: "nats", examples: 1000, samples, binarization };
}

/** Epochs from pairs of bounds, training and validation. */
function bounds(pairs: readonly (readonly [number, number])[]): ReportEpoch[] {
  const terms = (nats: number) => ({ negElboNats: nats, distortionNats: nats - 20, rateNats: 20 });
  return pairs.map(([train, validation], k) => ({
    epoch: k + 1,
    step: k + 1,
    seconds: k,
    train: terms(train),
    validation: terms(validation),
  }));
}

const flat = (train: number, validation: number) => bounds(Array.from({ length: 10 }, () => [train, validation]));

const capacity: ReportInput["objective"] = { kind: "capacity", gamma: 1000, from: 0, to: 25, steps: 1000 };
const iwae: ReportInput["objective"] = { kind: "iwae", samples: 5, gradient: "reparameterized" };
const beta4: ReportInput["objective"] = { ...negElboConfig, beta: 4 };

/** Epochs whose −ELBO gets worse while the bound of several draws gets better, by 1 nat each. */
const unlike = (epochs: number): ReportEpoch[] =>
  bounds(Array.from({ length: epochs }, (_, k) => [120 + k, 121 + k])).map(({ validation, ...row }, k) => ({
    ...row,
    train: { ...row.train, negIwaeNats: 110 - k },
    validation: { ...validation!, negIwaeNats: 111 - k },
  }));

test("findings go by what was minimized: the bound of several draws, or distortion and β·rate", () => {
  expect(text({ metrics: unlike(10), objective: iwae })).toContain(
    "warning: The bound was still falling, by 2.0 nats over the last 2 epochs: train longer.",
  );
  expect(text({ metrics: unlike(10) })).toContain("Validation was best at epoch 1 and has worsened by 9.0 nats since.");
  const dear = bounds([
    [100, 101],
    [99, 100],
  ]).map((row, k) => ({
    ...row, // the rate of the second epoch is 10 nats higher, and −ELBO a nat lower
    validation: { negElboNats: 101 - k, distortionNats: 81 - 11 * k, rateNats: 20 + 10 * k },
  }));
  expect(text({ metrics: dear })).not.toContain("was best");
  expect(text({ metrics: dear, objective: beta4 })).toContain(
    "was best at epoch 1 and has worsened by 29.0 nats since",
  );
  const falling = bounds(Array.from({ length: 10 }, (_, k) => [150 - k, 151 - k]));
  expect(text({ metrics: falling, objective: beta4 })).toContain("The objective was still falling");
});

test("an epoch without validation is not held against those that have one", () => {
  const every2 = flat(100, 101).map(({ validation, ...row }, k) => (k % 2 ? { ...row, validation } : row));
  expect(bestEpoch({ metrics: every2 })?.epoch).toBe(2);
  expect(text({ metrics: every2 })).toContain("within 1.0 nats (1.0 %)");
});

test("a bound of several draws stands first, where nothing better is known, and without the bits of −ELBO", () => {
  const bitsPerDim = { ...figure(0.17, 5), unit: "bits/dim" as const };
  const values = { negIwaeNats: figure(88, 5), negElboNats: figure(90, 5), bitsPerDim };
  const said = text({ figures: { split: "validation", values } });
  expect(said).toContain(
    "costs 88.00 ± 0.20 nats (by the bound of k = 5 draws; the true cost is lower; 1,000 examples)",
  );
});

test("with a capacity, a bound that goes up or down with it is no reason to stop or to go on", () => {
  const worse = bounds(Array.from({ length: 10 }, (_, k) => [100 + k, 100 + k]));
  const falling = bounds(Array.from({ length: 10 }, (_, k) => [200 - k, 200 - k]));
  for (const metrics of [worse, falling]) {
    expect(text({ metrics })).toMatch(/has worsened|still falling/);
    expect(text({ metrics, objective: capacity })).not.toMatch(/has worsened|still falling/);
  }
  const collapsed = { klByDimension: [0, 0] };
  expect(text(collapsed)).toContain("Try a smaller β");
  expect(text({ ...collapsed, objective: capacity })).toContain("Try a larger capacity (objective.to)");
});

test("nothing is said without numbers", () => {
  expect(findings(EMPTY)).toEqual([]);
});

test("the cost of an example, with error, bits and method", () => {
  const values = {
    nllNats: figure(86.91, 5000),
    bitsPerDim: { ...figure(0.16, 5000), standardError: 0.0004, unit: "bits/dim" as const },
  };
  expect(text({ figures: { split: "test", values } })).toBe(
    "note: A test example costs 86.91 ± 0.20 nats, or 0.1600 bits per dimension (estimated by importance sampling with k = 5,000; 1,000 examples).",
  );
});

test("bits of the bound do not stand beside an estimate of the likelihood, and a density is no cost", () => {
  const bitsPerDim = { ...figure(0.17), unit: "bits/dim" as const };
  expect(text({ figures: { split: "test", values: { nllNats: figure(86.91, 5000), bitsPerDim } } })).not.toContain(
    "per dimension",
  );
  const density = { ...figure(-400), measure: "density" as const };
  expect(text({ figures: { split: "test", values: { negElboNats: density } } })).toContain(
    "−log p(x) of a test example is −400.00 ± 0.20 nats",
  );
});

test("what has no standard error, or is no likelihood, is said to be so", () => {
  const said = (change: Partial<ReportFigure>) =>
    text({ figures: { split: "test", values: { negElboNats: { ...figure(90), ...change } } } });
  expect(said({ standardError: null, examples: 1 })).toBe(
    "note: A test example costs 90.00 nats (by the bound, −ELBO; the true cost is lower; 1 example).",
  );
  expect(said({ measure: "cross-entropy" })).toBe(
    "note: A test example costs 90.00 ± 0.20 nats (−ELBO with a cross-entropy of values that are not binarized: no likelihood; 1,000 examples).",
  );
});

test("the bound is set against the estimate only where binarization and examples agree", () => {
  const compared = (negElboNats: ReportFigure) =>
    text({ figures: { split: "test", values: { nllNats: figure(87, 5000), negElboNats } } });
  expect(compared(figure(90))).toContain("−ELBO lies 3.00 nats above that estimate");
  expect(compared(figure(90, 1, "static"))).not.toContain("above that estimate");
  expect(compared({ ...figure(90), examples: 999 })).not.toContain("above that estimate");
});

test("shares are not given of densities, whose nats can be negative", () => {
  const split = (distortionNats: number) =>
    text({ figures: { split: "test", values: { distortionNats: figure(distortionNats), rateNats: figure(25) } } });
  expect(split(75)).toContain("takes 25.0 nats (25 %) of the bound, the data given the code 75.0 nats");
  expect(split(-100)).toContain("takes 25.0 nats of the bound, the data given the code −100.0 nats");
});

test("latent dimensions: some, one, all, none", () => {
  expect(text({ klByDimension: klByDimension(27) })).toContain(
    "note: 27 of 50 latent dimensions carry more than 0.01 nats; the other 23 follow",
  );
  expect(text({ klByDimension: Float32Array.of(1, 0) })).toContain(
    "1 of 2 latent dimensions carries more than 0.01 nats; the other one follows",
  );
  expect(text({ klByDimension: Float32Array.of(1, 1) })).toContain("good: 2 of 2");
  expect(text({ klByDimension: Float32Array.of(0, 0) })).toContain(
    "warning: 0 of 2 latent dimensions carry more than 0.01 nats: the posterior has collapsed",
  );
});

test("overfitting: none, a little, much", () => {
  expect(text({ metrics: flat(100, 101) })).toBe(
    "good: The validation bound is within 1.0 nats (1.0 %) of the training bound: no sign of overfitting.",
  );
  expect(text({ metrics: flat(100, 103) })).toContain(
    "note: At the best epoch the validation bound is 3.0 nats (3.0 %) worse",
  );
  expect(text({ metrics: flat(100, 110) })).toContain(
    "warning: At the best epoch the validation bound is 10.0 nats (10 %) worse",
  );
});

test("validation that worsened since its best epoch", () => {
  const risen = bounds([
    [120, 121],
    [110, 111],
    [105, 112],
    [100, 114],
  ]);
  expect(text({ metrics: risen })).toContain(
    "warning: Validation was best at epoch 2 and has worsened by 3.0 nats since.",
  );
  expect(text({ metrics: flat(100, 101) })).not.toContain("worsened");
});

test("a bound that still falls asks for more training, one that has settled does not", () => {
  const falling = bounds(Array.from({ length: 20 }, (_, k) => [150 - k, 151 - k]));
  expect(text({ metrics: falling })).toContain(
    "warning: The bound was still falling, by 4.0 nats over the last 4 epochs: train longer.",
  );
  expect(text({ metrics: falling, run: { name: "run", stopped: "early" } })).not.toContain("still falling");
  expect(text({ metrics: metrics(60) })).not.toContain("still falling");
  expect(text({ metrics: falling.slice(0, 5) })).not.toContain("still falling"); // too few to tell
});

test("how training ended", () => {
  const stopped = (how: "early" | "interrupted") =>
    text({ metrics: flat(100, 101), run: { name: "run", stopped: how } });
  expect(stopped("early")).toContain(
    "note: Training stopped early after 10 epochs: validation had not improved since epoch 1.",
  );
  expect(stopped("interrupted")).toContain("warning: Training was interrupted after 10 epochs; it can be resumed.");
});

test("epochs whose bound is not finite are not taken as best", () => {
  const broken = bounds([...Array.from({ length: 8 }, () => [100, 101] as const), [Number.NaN, Number.NaN]]);
  expect(text({ metrics: broken })).toContain("within 1.0 nats");
});
