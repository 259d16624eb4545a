import * as z from "zod/mini";
import { choice, expected, orNull, section, text } from "./config.fields.ts";
import { type ConditionKind, conditionKinds } from "./config.parts.ts";

/* What a model is conditional on (Sohn et al. 2015): its keys, their defaults, and what of them does not go together. */

export interface ConditionConfig {
  /** "label", factors of the data, or columns of its continuous conditions. */
  readonly on: readonly (string | { readonly name: string; readonly as: ConditionKind })[];
  /** Whether q(z|x, c) sees the condition; p(x|z, c) always does. */
  readonly encoder: boolean;
  /** Whether the prior is p(z|c). */
  readonly prior: boolean;
}

const name = text('a name such as "label"');
const yesOrNo = (value: boolean) => z._default(z.boolean(expected("true or false")), value);
const conditions = expected('a list of conditions such as ["label"]');

export const condition = orNull(
  section({
    on: z
      .array(
        z.union(
          [name, section({ name, as: choice(conditionKinds) })],
          expected('a name such as "label", or {"name": "age", "as": "number"}'),
        ),
        conditions,
      )
      .check(z.minLength(1, conditions)),
    encoder: yesOrNo(true),
    prior: yesOrNo(false),
  }),
);

export const conditionName = (one: ConditionConfig["on"][number]): string => (typeof one === "string" ? one : one.name);

/** Keys that are right one by one and wrong together. */
export function conditionContradictions(
  { condition, prior }: { readonly condition: ConditionConfig | null; readonly prior: { readonly kind: string } },
  file: string | null,
): string[] {
  if (!condition)
    return file === null
      ? []
      : [`data.conditions: "${file}" is for model.condition, which is null; name its columns in model.condition.on`];
  const found: string[] = [];
  const names = condition.on.map(conditionName);
  const twice = names.find((own, i) => names.indexOf(own) < i);
  if (twice !== undefined) found.push(`model.condition.on: "${twice}" stands there twice; once is enough`);
  if (condition.prior && prior.kind !== "standard-normal")
    found.push(
      `model.condition.prior: p(z|c) is a normal that takes the place of "standard-normal", got model.prior.kind "${prior.kind}"; set one of the two back`,
    );
  // Each component is the posterior of a pseudo-input, and that is of no class.
  if (condition.encoder && prior.kind === "vampprior")
    found.push(
      'model.prior.kind: "vampprior" is a mixture of posteriors of pseudo-inputs, which have no conditions for the encoder to see; set model.condition.encoder to false, or take the prior "mixture"',
    );
  return found;
}
