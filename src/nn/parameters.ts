import { UsageError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import { parameter, type Tensor } from "../graph/tensor.ts";

/** How a parameter starts. Draws are keyed by the parameter's path, so adding a layer leaves the others' as they were. */
export type Initializer =
  | { readonly kind: "normal"; readonly standardDeviation: number }
  | { readonly kind: "uniform"; readonly limit: number }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "values"; readonly values: Float32Array };

/** A declared parameter. State, such as running statistics, is changed by updates and not by the gradient. */
export interface ParameterSpec {
  readonly path: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  readonly role: "trained" | "state";
  readonly tensor: Tensor;
}

/** A place in the tree of parameters, at which layers declare theirs. */
export interface Scope {
  /** The path of what is declared here under a name: "encoder.hidden.0" for "hidden.0" at "encoder". */
  path(name: string): string;
  /** A scope below this one: "encoder" at "hidden" is "encoder.hidden". */
  at(name: string): Scope;
  parameter(name: string, shape: readonly number[], initializer: Initializer): Tensor;
  state(name: string, shape: readonly number[], initializer: Initializer): Tensor;
}

/** An empty tree and its root scope. Declaring a path twice is an error: tied weights pass the tensor on instead. */
export function parameterTree(): { readonly root: Scope; readonly specs: readonly ParameterSpec[] } {
  const specs: ParameterSpec[] = [];
  const declare = (
    path: string,
    shape: readonly number[],
    initializer: Initializer,
    role: ParameterSpec["role"],
  ): Tensor => {
    if (specs.some((spec) => spec.path === path))
      throw new UsageError(`parameter ${path} is declared twice; pass its tensor on to share it`);
    if (initializer.kind === "values" && initializer.values.length !== staticSize(shape))
      throw new UsageError(`parameter ${path}: ${initializer.values.length} initial values for shape (${shape})`);
    const tensor = parameter(path, shape);
    specs.push({ path, shape, initializer, role, tensor });
    return tensor;
  };
  const scope = (prefix: string): Scope => ({
    path: (name) => prefix + name,
    at: (name) => scope(`${prefix}${name}.`),
    parameter: (name, shape, initializer) => declare(prefix + name, shape, initializer, "trained"),
    state: (name, shape, initializer) => declare(prefix + name, shape, initializer, "state"),
  });
  return { root: scope(""), specs };
}

export const zeros: Initializer = { kind: "constant", value: 0 };

/** The weight that a parameter is, or, of `weightNormalized`, a part of: "a.weight" for "a.weight.direction". */
export const weightOf = (path: string): string => path.replace(/\.weight\.(direction|length)$/, ".weight");

/**
 * A change of state that is not a gradient step: state ← decay·state + (1 − decay)·value, where value is the total, or,
 * given a count, total / count. Totals and counts add up over ranks and accumulated batches, which means would not.
 */
export interface StateUpdate {
  readonly path: string;
  /** In the state's shape. */
  readonly total: Tensor;
  /** In the state's shape or its leading axes, down to a scalar: a count for each code of a codebook (codes, width). */
  readonly count?: Tensor;
  readonly decay: number;
}
