import { constant } from "../src/graph/tensor.ts";
import { type Composed, type Entries, none } from "./cases.ts";
import { convolutionCases, convolutionComposed } from "./cases-convolution.ts";
import { elementwiseCases, elementwiseComposed } from "./cases-elementwise.ts";
import { layersComposed } from "./cases-layers.ts";
import { tensorCases, tensorComposed } from "./cases-tensors.ts";

/* The cases that every operator is checked by (src/graph/operators.test.ts): shapes, domain, and plain JavaScript. */

/** Every operator must stand here: operators.test.ts fails for one that does not. */
export const cases: Entries = {
  ...elementwiseCases,
  ...tensorCases,
  ...convolutionCases,
  constant: none([
    {
      shapes: [],
      build: () => constant([1.5, -2, 3, 0.1, 1e-3, 7], [2, 3]),
      expected: () => ({ shape: [2, 3], data: [1.5, -2, 3, 0.1, 1e-3, 7] }),
    },
    { shapes: [], build: () => constant(0.1), expected: () => ({ shape: [], data: [0.1] }) },
    {
      shapes: [],
      build: () => constant([3, -4, 0, 2 ** 40], [2, 2], "int"),
      expected: () => ({ shape: [2, 2], data: [3, -4, 0, 2 ** 40] }),
    },
  ]),
  input: none([{ shapes: [["batch", 3]], build: (x) => x!, expected: (x) => x! }]),
  parameter: none([]), // takes values as an input does; lower.test.ts and grad.test.ts use it
};

/** Functions and layers made of operators, and what the builders simplify. */
export const composed: Composed = {
  ...elementwiseComposed,
  ...tensorComposed,
  ...convolutionComposed,
  ...layersComposed,
};
