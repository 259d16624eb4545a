import type { Emitter, Tensor } from "../tensor.ts";
import type { Geometry } from "./window.ts";

/** Emits a convolution as ONNX's own, between transposes: there the channels come before rows and columns. */
export function emitConv(
  { size, kernel, stride, dilation, before, count }: Geometry,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  emit: Emitter,
): string {
  // Rows that no window reaches are none of ONNX's padding, which is never negative.
  const after = ([0, 1] as const).map((i) =>
    Math.max(0, (count[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - size[i] - before[i]),
  );
  const transposed = (value: string, ...perm: number[]) => emit.node("Transpose", [value], { perm: { ints: perm } });
  const inputs = [transposed(emit.value(x), 0, 3, 1, 2), transposed(emit.value(weight), 3, 2, 0, 1)];
  const y = emit.node("Conv", [...inputs, ...(bias ? [emit.value(bias)] : [])], {
    kernel_shape: { ints: kernel },
    strides: { ints: stride },
    dilations: { ints: dilation },
    pads: { ints: [...before, ...after] },
  });
  return transposed(y, 0, 2, 3, 1);
}
