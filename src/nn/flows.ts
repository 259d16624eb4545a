import { UsageError } from "../errors.ts";
import type { Flow, Through } from "../graph/flow.ts";
import { add, mul } from "../graph/ops/arithmetic.ts";
import { tanh } from "../graph/ops/functions.ts";
import { checkOptions, type OptionNames } from "../graph/ops/options.ts";
import { reshape } from "../graph/ops/structure.ts";
import { type Dim, foldAxes, isSymbolic, sameShape } from "../graph/shape.ts";
import { constant, shapeError, type Tensor } from "../graph/tensor.ts";
import type { Activation, Initialization } from "./dense.ts";
import type { Scope } from "./parameters.ts";

/*
 * Normalizing flows: invertible maps of latent vectors whose Jacobian has a determinant that is cheap to compute. A flow
 * may see a context, features of the row that z belongs to, such as those of an encoder.
 */

/** What flows made of networks have in common. */
export interface FlowOptions {
  readonly steps: number;
  /** Widths of the hidden layers of the network of each step. */
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly initialization: Initialization;
  /** Features of the context. Default: 0, none. */
  readonly context?: number;
}

const flowOptions: OptionNames<FlowOptions> = {
  steps: true,
  hidden: true,
  activation: true,
  initialization: true,
  context: true,
};

/**
 * Refuses options that are not known or no whole numbers.
 * @param least the fewest latents that the flow makes sense for
 */
export function checkFlow(
  flow: string,
  scope: Scope,
  latent: number,
  least: number,
  options: Pick<FlowOptions, "steps" | "context">,
  known: Readonly<Record<string, true>> = flowOptions,
): void {
  const refuse = (problem: string) => new UsageError(`${flow} of ${scope.path("0")}: ${problem}`);
  checkOptions(options, known, refuse);
  const counts = [
    ["latent", latent, least],
    ["steps", options.steps, 1],
    ["context", options.context ?? 0, 0],
  ] as const;
  for (const [name, value, fewest] of counts)
    if (!(Number.isInteger(value) && value >= fewest))
      throw refuse(`${name}: expected a whole number of ${fewest} or more, got ${value}`);
}

/** c·tanh(x): a log-scale that no input can make huge, with bounds c that are learned. Declares `scale` (size). */
export function logScale(scope: Scope, size: number): (x: Tensor) => Tensor {
  const scale = scope.parameter("scale", [size], { kind: "constant", value: 1 });
  return (x) => mul(tanh(x), scale);
}

/**
 * Steps one after the other, backwards for the inverse. A step takes z (rows, d), and a context (rows, features): leading
 * axes fold into the rows, and the context is repeated for each of k draws.
 */
export function composed<Step extends Flow>(name: string, steps: readonly Step[], latent: number, context = 0): Step {
  const through = (order: readonly Step[], way: "forward" | "inverse"): Through => {
    return (z, given) => {
      const inputs = given ? [z, given] : [z];
      const lead = z.shape.slice(0, -1);
      const rows = foldAxes(lead);
      if (rows === undefined || lead.length < 1 || lead.length > 2 || z.shape.at(-1) !== latent)
        throw shapeError(name, `expected z (rows, ${latent}) or (k, rows, ${latent})`, inputs);
      if (given ? context === 0 || !sameShape(given.shape, [lead.at(-1)!, context]) : context > 0)
        throw shapeError(name, `expected ${context > 0 ? `a context (rows, ${context})` : "no context"}`, inputs);
      const seen = given && lead.length === 2 ? repeated(name, given, lead[0]!, rows) : given;
      let flat = reshape(z, [rows, latent]);
      let total: Tensor | undefined;
      for (const step of order) {
        const mapped = step[way]!(flat, seen);
        flat = mapped.z;
        total = total ? add(total, mapped.logDet) : mapped.logDet;
      }
      return { z: reshape(flat, z.shape), logDet: reshape(total!, lead) };
    };
  };
  const invertible = steps.every(({ inverse }) => inverse);
  const flow: Flow = { forward: through(steps, "forward") };
  return (invertible ? { ...flow, inverse: through(steps.toReversed(), "inverse") } : flow) as Step;
}

/** (rows, features) → (k·rows, features), k times the same. */
function repeated(name: string, x: Tensor, k: Dim, rows: Dim): Tensor {
  if (isSymbolic(k)) throw shapeError(name, "the number of draws of a row must be static", [x]);
  const ones = constant(Array<number>(k).fill(1), [k, 1, 1]);
  return reshape(mul(ones, reshape(x, [1, ...x.shape])), [rows, x.shape[1]!]);
}
