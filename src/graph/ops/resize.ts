import { apply, constant, type Operator, type Tensor } from "../tensor.ts";
import { matmul } from "./linear.ts";
import { reshape } from "./structure.ts";
import { imageSize, type Pair, refusal, wholePair } from "./window.ts";

/* Images in another size. */

type Matrix = readonly (readonly number[])[];

const matrixOf = (rows: Matrix): Tensor => constant(rows.flat(), [rows.length, rows[0]!.length]);
const turned = (rows: Matrix): Matrix => rows[0]!.map((_, j) => rows.map((row) => row[j]!));

/** Up to so many channels, a row of pixels is one vector of a product; more are its columns. */
const fewChannels = 4;

/**
 * Each row of the result a weighted sum of the rows of the image, then each column likewise:
 * rows (new height, height), columns (new width, width); (batch, height, width, channels) → images. Gradients are those
 * of the products. An infinite pixel makes NaN of all of its row and column.
 */
export function resample(x: Tensor, rows: Matrix, columns: Matrix): Tensor {
  const [batch, height, width, channels] = x.shape as [Tensor["shape"][number], number, number, number];
  const [newHeight, newWidth] = [rows.length, columns.length];
  const high = matmul(matrixOf(rows), reshape(x, [batch, height, width * channels])); // (batch, new height, width·channels)
  const result = [batch, newHeight, newWidth, channels];
  if (channels > fewChannels) return matmul(matrixOf(columns), reshape(high, [batch, newHeight, width, channels])); // (…, new width, channels)
  // each of the weights for each channel alone, (width·channels, new width·channels)
  const spread = turned(columns).flatMap((row) =>
    Array.from({ length: channels }, (_, own) =>
      row.flatMap((weight) => Array.from({ length: channels }, (_, channel) => (channel === own ? weight : 0))),
    ),
  );
  return reshape(matmul(high, matrixOf(spread)), result);
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Which row of an image of this size each row of its enlargement repeats. */
const repeated = (size: number, factor: number): Matrix =>
  range(size * factor).map((i) => range(size).map((j) => (Math.floor(i / factor) === j ? 1 : 0)));

export const upsampleNearestOperator: Operator = {
  name: "upsampleNearest",
  infer([x], { factor }) {
    const [fy, fx] = factor as readonly [number, number];
    const [batch, height, width, channels] = x!.shape as [Tensor["shape"][number], number, number, number];
    return { shape: [batch, height * fy, width * fx, channels], dtype: "float" };
  },
  // a pixel gets the sum of its repetitions' gradients
  gradient: (node, dy) => {
    const [fy, fx] = node.attributes.factor as readonly [number, number];
    const [, height, width] = node.inputs[0]!.shape as readonly [unknown, number, number];
    return [resample(dy, turned(repeated(height, fy)), turned(repeated(width, fx)))];
  },
  lower(node, emit) {
    const [fy, fx] = node.attributes.factor as readonly [number, number];
    const [, height, width, channels] = node.inputs[0]!.shape as readonly [unknown, number, number, number];
    const index = range(height * fy).flatMap((y) =>
      range(width * fx).map((x) => Math.floor(y / fy) * width + Math.floor(x / fx)),
    );
    const pixels = emit.node("Reshape", [emit.value(node.inputs[0]!), emit.ints([-1, height * width, channels])]);
    const gathered = emit.node("Gather", [pixels, emit.ints(index)], { axis: { int: 1 } });
    return emit.node("Reshape", [gathered, emit.ints([-1, height * fy, width * fx, channels])]);
  },
};

/** Every pixel repeated: (batch, height, width, channels) → (batch, factor·height, factor·width, channels). */
export function upsampleNearest(x: Tensor, factor: Pair): Tensor {
  const refuse = refusal("upsampleNearest", [x]);
  imageSize(x, refuse);
  const [fy, fx] = wholePair("factor", factor, 1, refuse);
  return fy === 1 && fx === 1 ? x : apply(upsampleNearestOperator, [x], { factor: [fy, fx] });
}

/** The weights of the two rows between which each row of the enlargement lies. */
function interpolated(size: number, factor: number): Matrix {
  return range(size * factor).map((i) => {
    const at = Math.min(Math.max((i + 0.5) / factor - 0.5, 0), size - 1);
    const below = Math.floor(at);
    return range(size).map((j) => (j === below ? 1 - (at - below) : j === below + 1 ? at - below : 0));
  });
}

/**
 * Linear interpolation between pixels: (batch, height, width, channels) → (batch, factor·height, factor·width,
 * channels). A pixel's value is that at its middle (ONNX Resize's half_pixel, PyTorch's align_corners=False): row i of
 * the result is taken at (i + ½)/factor − ½ of the image, or at its edge row where that lies outside.
 */
export function upsampleBilinear(x: Tensor, factor: Pair): Tensor {
  const refuse = refusal("upsampleBilinear", [x]);
  const [height, width] = imageSize(x, refuse);
  const [fy, fx] = wholePair("factor", factor, 1, refuse);
  return fy === 1 && fx === 1 ? x : resample(x, interpolated(height, fy), interpolated(width, fx));
}
