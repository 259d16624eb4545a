import type { Kernels, Place } from "./kernels.ts";
import type { Key } from "./philox.ts";

/** Numbers for the rows of a batch that are still to be drawn or converted. Plain data: it can be sent to another thread. */
export type Drawing =
  /** As `Kernels.unitInterval`: out and pixels (rows, columns). */
  | { readonly kind: "unitInterval"; readonly out: Place; readonly pixels: Place; readonly columns: number }
  /** As `Kernels.binarize`: out and pixels (rows, columns), example (rows). */
  | (Keyed & { readonly kind: "binarize"; readonly pixels: Place })
  /** As `Kernels.normals`: out (samples, rows, columns), example (rows). */
  | (Keyed & { readonly kind: "normals"; readonly samples: number });

interface Keyed {
  readonly out: Place;
  readonly key: Key;
  readonly step: number;
  readonly example: Place;
  readonly columns: number;
}

/** Draws for some rows of the batch. What is drawn for a row does not depend on the others. */
export function perform(
  kernels: Pick<Kernels, "unitInterval" | "binarize" | "normals" | "float32At" | "uint32At" | "uint8At">,
  drawing: Drawing,
  from: number,
  to: number,
): void {
  const { columns } = drawing;
  const numbers = (sample: number) => {
    const { out } = drawing;
    const rows = drawing.kind === "normals" ? drawing.example.length : 0;
    const [first, end] = [sample * rows + from, sample * rows + to];
    return kernels.float32At({ byteOffset: out.byteOffset + 4 * first * columns, length: (end - first) * columns });
  };
  const pixels = ({ byteOffset }: Place) =>
    kernels.uint8At({ byteOffset: byteOffset + from * columns, length: (to - from) * columns });
  const examples = ({ byteOffset }: Place) =>
    kernels.uint32At({ byteOffset: byteOffset + 4 * from, length: to - from });
  switch (drawing.kind) {
    case "unitInterval":
      kernels.unitInterval(numbers(0), pixels(drawing.pixels));
      break;
    case "binarize":
      kernels.binarize(
        numbers(0),
        pixels(drawing.pixels),
        drawing.key,
        drawing.step,
        examples(drawing.example),
        columns,
      );
      break;
    case "normals":
      for (let sample = 0; sample < drawing.samples; sample++)
        kernels.normals(numbers(sample), drawing.key, drawing.step, examples(drawing.example), columns, sample, 1);
  }
}
