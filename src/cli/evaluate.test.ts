import { expect, test } from "vitest";
import type { Evaluation } from "../evaluate/evaluate.ts";
import type { Figure } from "../evaluate/figures.ts";
import { evaluationLines } from "./evaluate.ts";

function lines(change: Partial<Figure>): string[] {
  const figure = (mean: number, unit: Figure["unit"] = "nats"): Figure => ({
    mean,
    standardError: 0.5,
    unit,
    measure: "probability",
    examples: 1000,
    samples: 1,
    binarization: "none",
    ...change,
  });
  const evaluation: Evaluation = {
    data: "made",
    split: "all",
    negElboNats: figure(90.25),
    distortionNats: figure(70),
    rateNats: figure(20.25),
    bitsPerDim: figure(0.25, "bits/dim"),
    rateByLatentNats: [20.25, 0],
    activeLatents: 1,
  };
  return evaluationLines(evaluation, 0.01);
}

test("figures of a probability", () => {
  expect(lines({})).toEqual([
    "made, all: 1,000 examples, binarization none",
    "",
    "−ELBO                90.25    ±0.50  nats",
    "  distortion         70.00    ±0.50  nats",
    "  rate               20.25    ±0.50  nats",
    "bits per dimension  0.2500  ±0.5000  bits/dim",
    "",
    "1 of 2 latent dimensions are active (mean KL above 0.01 nats)",
  ]);
});

test("what is no probability is called what it is", () => {
  const density = lines({ measure: "density" });
  expect(density[0]).toBe("made, all: 1,000 examples, binarization none, density");
  expect(density[5]).toMatch(/bits\/dim \(density on the data's scale\)$/);
  const crossEntropy = lines({ measure: "cross-entropy" });
  expect(crossEntropy[0]).toBe("made, all: 1,000 examples, binarization none, cross-entropy (no likelihood)");
  expect(crossEntropy[5]).toMatch(/bits\/dim$/);
});

test("one example has no standard error", () => {
  const [head, , negElbo] = lines({ examples: 1, standardError: null });
  expect(head).toBe("made, all: 1 example, binarization none");
  expect(negElbo).toMatch(/^−ELBO +90\.25 +nats$/);
});

test("the bound of several draws has a name, and what is a mean over them says so", () => {
  const figure = (mean: number, samples: number, unit: Figure["unit"] = "nats"): Figure => ({
    ...{ mean, standardError: 0.5, unit, measure: "probability", examples: 1000, samples, binarization: "none" },
  });
  const evaluation: Evaluation = {
    ...{ data: "made", split: "all", negElboNats: figure(90.25, 5), distortionNats: figure(70, 5) },
    ...{ rateNats: figure(20.25, 5), negIwaeNats: figure(88.5, 5), bitsPerDim: figure(0.25, 5, "bits/dim") },
    ...{ rateByLatentNats: null, activeLatents: null },
  };
  expect(evaluationLines(evaluation, 0.01).slice(2)).toEqual([
    "−ELBO                90.25    ±0.50  nats      mean of 5 samples",
    "  distortion         70.00    ±0.50  nats      mean of 5 samples",
    "  rate               20.25    ±0.50  nats      mean of 5 samples",
    "−IWAE bound          88.50    ±0.50  nats      5 samples",
    "bits per dimension  0.2500  ±0.5000  bits/dim  mean of 5 samples",
  ]);
  const estimated = { ...evaluation, nllNats: figure(87, 100), bitsPerDim: figure(0.24, 100, "bits/dim") };
  expect(evaluationLines(estimated, 0.01).slice(-2)).toEqual([
    expect.stringMatching(/^bits per dimension .* {2}100 samples$/),
    expect.stringMatching(/^−log p\(x\) .* {2}100 samples$/),
  ]);
});
