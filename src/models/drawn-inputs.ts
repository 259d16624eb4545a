import { times } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";

/**
 * An input that an objective takes beside x, noise and weight, and how it is drawn: anew at each step, from a key of its
 * own name, so that the numbers are the same wherever a run is trained, with any number of threads, and after a resume.
 */
export interface DrawnInput {
  readonly name: string;
  /**
   * normals: standard normal numbers (samples·batch, columns), keyed by example as the noise is. permutations: (batch,
   * columns), in each column the rows of the batch in a random order of its own; the rows of padding stay where they are,
   * and no other row gets one of theirs.
   */
  readonly kind: "normals" | "permutations";
  readonly columns: number;
  /** Of normals, all rows of the first sample first; 1 of permutations. */
  readonly samples: number;
}

/** The tensor of such an input. */
export const drawnTensor = ({ name, columns, samples }: DrawnInput): Tensor =>
  input(name, [times("batch", samples), columns]);

/** How many numbers it holds for each row of a batch. */
export const drawnWidth = ({ columns, samples }: DrawnInput): number => columns * samples;
