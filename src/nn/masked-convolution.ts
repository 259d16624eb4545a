import { conv2d } from "../graph/ops/convolution.ts";
import { checkOptions, type OptionNames } from "../graph/ops/options.ts";
import type { Pair } from "../graph/ops/window.ts";
import { formatShape } from "../graph/shape.ts";
import { shapeError } from "../graph/tensor.ts";
import type { Initialization, Layer } from "./dense.ts";
import { maskedWeight, range, refusalAt } from "./masked.ts";
import { type Initializer, type Scope, zeros } from "./parameters.ts";

/* In a file of its own, since flows of masked dense layers need no convolution. */

export interface MaskedConvOptions {
  /** "A" leaves out the pixel itself, as the first layer of a network must; "B" sees it. */
  readonly mask: "A" | "B";
  /** The window's size, odd: one number for both axes or [height, width]. */
  readonly kernel: Pair;
  readonly initialization: Initialization;
  /**
   * The channels are cut into so many colours, neighbours together, of which those of one pixel have an order as well:
   * a colour sees those before it and, with mask B, itself. Default: 1.
   */
  readonly colours?: number;
  /** Default: 1. */
  readonly dilation?: Pair;
  /** How the bias starts; false for none. Default: 0. */
  readonly bias?: Initializer | false;
}

const maskedConvOptions: OptionNames<MaskedConvOptions> = {
  mask: true,
  kernel: true,
  initialization: true,
  colours: true,
  dilation: true,
  bias: true,
};

const two = (pair: Pair): readonly [number, number] => (typeof pair === "number" ? [pair, pair] : pair);

/**
 * The masked convolution of PixelCNN (van den Oord et al. 2016, section 3.4): (batch, height, width, inputs) → (batch,
 * height, width, outputs), where an output sees the pixels above it, and those to its left in its own row; of its own
 * pixel what the mask says. A stack of them does not see pixels above and far to the right ("blind spot").
 *
 * Declares `weight` ((kernel height + 1)/2, kernel width, inputs, outputs) and `bias` (outputs): rows of the kernel below
 * the pixel would all be masked, and are left out.
 * @throws UsageError for options that do not fit or are not known; ShapeError where x does not fit
 */
export function maskedConv(scope: Scope, inputs: number, outputs: number, options: MaskedConvOptions): Layer {
  const refuse = refusalAt("maskedConv", scope);
  checkOptions(options, maskedConvOptions, refuse);
  const { mask, kernel, initialization, colours = 1, dilation = 1, bias = zeros } = options;
  const [height, width] = two(kernel);
  if (mask !== "A" && mask !== "B") throw refuse(`mask: expected "A" or "B", got ${JSON.stringify(mask)}`);
  if (![height, width].every((size) => Number.isInteger(size) && size >= 1 && size % 2 === 1))
    throw refuse(`kernel: expected an odd number, or two [height, width], got [${kernel}]`);
  if (!(Number.isInteger(colours) && colours >= 1 && inputs % colours === 0 && outputs % colours === 0))
    throw refuse(`colours: expected a divisor of the ${inputs} inputs and ${outputs} outputs, got ${colours}`);
  const [above, left] = [(height - 1) / 2, (width - 1) / 2];
  const shape = [above + 1, width, inputs, outputs];
  const sees = (input: number, output: number) => {
    const [from, to] = [Math.floor((input * colours) / inputs), Math.floor((output * colours) / outputs)];
    return from < to || (from === to && mask === "B");
  };
  const values = range(above + 1).flatMap((row) =>
    range(width).flatMap((column) =>
      range(inputs).flatMap((input) =>
        range(outputs).map((output) => {
          const before = row < above || column < left;
          return before || (column === left && sees(input, output)) ? 1 : 0;
        }),
      ),
    ),
  );
  const weight = maskedWeight(scope, shape, values, initialization);
  const offset = bias && scope.parameter("bias", [outputs], bias);
  const [down, across] = two(dilation);
  const padding = [
    [above * down, 0],
    [left * across, left * across],
  ] as const;
  return (x) => {
    if (x.shape.at(-1) !== inputs)
      throw shapeError("maskedConv", `expected ${inputs} channels, got ${formatShape(x.shape)}`, [x]);
    return conv2d(x, weight, { padding, dilation, ...(offset ? { bias: offset } : {}) });
  };
}
