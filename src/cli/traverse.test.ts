import { expect, test } from "vitest";
import { traversalLines } from "./traverse.ts";

test("where no dimension has a KL of its own, there is no column for it", () => {
  const dimensions = [12, 3].map((dimension) => ({ dimension, klNats: null }));
  expect(traversalLines({ file: "t.png", dimensions }).slice(2)).toEqual([
    "row  dimension",
    "1           12",
    "2            3",
  ]);
});

test("traverse tells the dimension of each row of its picture, and its KL", () => {
  const dimensions = [
    { dimension: 12, klNats: 3.456 },
    { dimension: 3, klNats: 0.004 },
  ];
  expect(traversalLines({ file: "t.png", dimensions })).toEqual([
    "2 latent dimensions: t.png",
    "",
    "row  dimension  KL (nats)",
    "1           12       3.46",
    "2            3       0.00",
  ]);
  expect(traversalLines({ file: "t.png", dimensions: dimensions.slice(1) })[0]).toBe("1 latent dimension: t.png");
});
