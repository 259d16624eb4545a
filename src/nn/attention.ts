import { UsageError } from "../errors.ts";
import { add, mul, sub } from "../graph/ops/arithmetic.ts";
import { softmax } from "../graph/ops/axis.ts";
import { asFloat } from "../graph/ops/comparison.ts";
import { matmul } from "../graph/ops/linear.ts";
import { checkOptions, type OptionNames } from "../graph/ops/options.ts";
import { reshape, transpose } from "../graph/ops/structure.ts";
import { broadcastShapes, type Dim, foldAxes, formatShape, isSymbolic, type Shape, sameShape } from "../graph/shape.ts";
import { constant, shapeError, type Tensor } from "../graph/tensor.ts";
import { dense, type Initialization, type Layer } from "./dense.ts";
import type { Scope } from "./parameters.ts";

export interface AttentionOptions {
  /** The features are cut into so many heads, neighbours together, each of which attends on its own. Default: 1. */
  readonly heads?: number;
  /** Each query attends to the keys up to its own place; queries and keys must be as many. Default: false. */
  readonly causal?: boolean;
  /**
   * 1 (or true) where a query may attend to a key, else 0: of a shape that broadcasts to (batch, queries, keys), such as
   * (batch, 1, keys) for keys that are padding. A query that may attend to none gets 0. Default: to all.
   */
  readonly mask?: Tensor;
}

const attentionOptions: OptionNames<AttentionOptions> = { heads: true, causal: true, mask: true };

/** Far below any logit, and far enough from the largest float32 for a logit to be added. */
const masked = -1e38;

/**
 * Scaled dot-product attention, softmax(Q·Kᵀ/√d)·V (Vaswani et al. 2017, eq. 1), in each of the heads:
 * query (batch, queries, heads·d), key (batch, keys, heads·d), value (batch, keys, heads·e) → (batch, queries, heads·e).
 * @throws ShapeError for shapes and options that do not fit or are not known
 */
export function attention(query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions = {}): Tensor {
  const refuse = (problem: string) =>
    shapeError("attention", problem, [query, key, value, ...(options.mask ? [options.mask] : [])]);
  checkOptions(options, attentionOptions, refuse);
  const { heads = 1, causal = false, mask } = options;
  if (![query, key, value].every(({ shape, dtype }) => shape.length === 3 && dtype === "float"))
    throw refuse("expected a query, a key and a value of floats (batch, length, features)");
  const [batch, queries, features] = query.shape as [Dim, Dim, Dim];
  const [, keys] = key.shape as [Dim, Dim];
  if (!sameShape(key.shape, [batch, keys, features]) || !sameShape(value.shape.slice(0, 2), [batch, keys]))
    throw refuse(`expected a key (${batch}, keys, ${features}) and a value (${batch}, keys, features)`);
  const sizes = [features, value.shape[2]!] as const;
  if (!(Number.isInteger(heads) && heads >= 1) || sizes.some((size) => isSymbolic(size) || size % heads !== 0))
    throw refuse(`heads: expected a divisor of the ${sizes[0]} and ${sizes[1]} features, got ${heads}`);
  const whole: Shape = [batch, queries, keys];
  if (mask && !sameShape(broadcastShapes(mask.shape, whole) ?? [], whole))
    throw refuse(`mask: expected a shape that broadcasts to ${formatShape(whole)}, got ${formatShape(mask.shape)}`);

  const scaled = mul(query, 1 / Math.sqrt((sizes[0] as number) / heads));
  const logits = matmul(byHead(scaled, heads), byHead(key, heads), { transposeB: true }); // (batch, heads, queries, keys)
  const own = mask && forHeads(asFloat(mask));
  const open = own ? add(logits, mul(sub(own, 1), -masked)) : logits;
  const weights = softmax(causal ? add(open, causalBias(queries, keys, refuse)) : open, -1);
  // Where all are masked, the softmax is as if none were.
  return together(matmul(own ? mul(weights, own) : weights, byHead(value, heads)));
}

/** (batch, length, heads·d) → (batch, heads, length, d), so that one batched product serves all heads. */
function byHead(x: Tensor, heads: number): Tensor {
  const [batch, length, features] = x.shape as [Dim, Dim, number];
  if (heads === 1) return reshape(x, [batch, 1, length, features]);
  return transpose(reshape(x, [batch, length, heads, features / heads]), [0, 2, 1, 3]);
}

/** The inverse of byHead. */
function together(x: Tensor): Tensor {
  const [batch, heads, length, features] = x.shape as [Dim, number, Dim, number];
  const turned = heads === 1 ? x : transpose(x, [0, 2, 1, 3]);
  return reshape(turned, [batch, length, heads * features]);
}

/** A mask that broadcasts to (batch, queries, keys), with an axis for the heads. */
const forHeads = (mask: Tensor): Tensor =>
  mask.shape.length < 3 ? mask : reshape(mask, mask.shape.toSpliced(1, 0, 1));

/** 0 where a query may attend to a key, else far below any logit: (queries, keys). */
function causalBias(queries: Dim, keys: Dim, refuse: (problem: string) => Error): Tensor {
  if (isSymbolic(queries) || queries !== keys)
    throw refuse(`causal: expected as many queries as keys, of static size, got ${queries} and ${keys}`);
  const values = Float64Array.from({ length: queries ** 2 }, (_, i) =>
    i % queries <= Math.floor(i / queries) ? 0 : masked,
  );
  return constant(values, [queries, queries]);
}

export interface MultiHeadOptions {
  readonly heads: number;
  readonly initialization: Initialization;
  /** As in attention. Default: false. */
  readonly causal?: boolean;
}

const multiHeadOptions: OptionNames<MultiHeadOptions> = { heads: true, initialization: true, causal: true };

/**
 * Multi-head attention (Vaswani et al. 2017, section 3.2.2): (batch, length, features) → the same; queries are made of x,
 * keys and values of the source (batch, keys, features), which is x itself by default. Declares the dense layers `query`,
 * `key`, `value` and `output`, each (features, features).
 * @throws UsageError for options; ShapeError where x, the source or the mask (as in attention) does not fit
 */
export function multiHeadAttention(
  scope: Scope,
  features: number,
  options: MultiHeadOptions,
): (x: Tensor, source?: Tensor, mask?: Tensor) => Tensor {
  const refuse = (problem: string) => new UsageError(`multiHeadAttention of ${scope.path("output")}: ${problem}`);
  checkOptions(options, multiHeadOptions, refuse);
  const { heads, initialization, causal = false } = options;
  if (!(Number.isInteger(heads) && heads >= 1 && features % heads === 0))
    throw refuse(`heads: expected a divisor of the ${features} features, got ${heads}`);
  const projection = (name: string): Layer => {
    const layer = dense(scope.at(name), features, features, { initialization });
    return (x) => {
      const rows = foldAxes(x.shape.slice(0, -1));
      if (x.shape.length !== 3 || x.shape[2] !== features || rows === undefined)
        throw shapeError("multiHeadAttention", `expected (batch, length, ${features}), got ${formatShape(x.shape)}`, [
          x,
        ]);
      return reshape(layer(reshape(x, [rows, features])), x.shape);
    };
  };
  const [query, key, value, output] = (["query", "key", "value", "output"] as const).map(projection) as [
    Layer,
    Layer,
    Layer,
    Layer,
  ];
  return (x, source = x, mask) =>
    output(attention(query(x), key(source), value(source), { heads, causal, ...(mask ? { mask } : {}) }));
}
