import * as z from "zod/mini";

/* Descriptions of the config lie apart from its schema, so that a browser need not load them. Here both meet. */

/** What editors show of a place in the config, and of what is within. */
export type Description =
  | string
  | {
      readonly text?: string;
      /** Of a section. */
      readonly keys?: Readonly<Record<string, Description>>;
      /** Of each kind of section that may stand here; "*" is one of any other kind, or of none. */
      readonly kinds?: Readonly<Record<string, Description>>;
      /** Of each element of a list. */
      readonly each?: Description;
    };

type Texts = z.core.$ZodRegistry<z.core.JSONSchema.BaseSchema>;

/**
 * The description of each schema within `schema`, for `z.toJSONSchema`.
 * @throws Error naming a key that has none (but `kind`, which may go without), and what describes nothing
 */
export function describe(schema: z.core.$ZodType, description: Description): Texts {
  const texts: Texts = z.registry();
  const visit = (outer: z.core.$ZodType, said: Description, path: string): void => {
    const { text, keys = {}, kinds = {}, each } = typeof said === "string" ? { text: said } : said;
    const known = texts.get(outer)?.description;
    if (known !== undefined && known !== text) throw new Error(`${path}: its schema is described otherwise elsewhere`);
    if (text !== undefined) texts.add(outer, { description: text });
    const inner = unwrapped(outer)._zod.def;
    const shape = inner.type === "object" ? inner.shape : {};
    const options = inner.type === "union" ? optionsByKind(inner.options) : {};
    for (const [key, within] of Object.entries(shape)) {
      const of = keys[key];
      if (of !== undefined) visit(within, of, `${path}.${key}`);
      else if (key !== "kind") throw new Error(`${path}.${key}: a key without a description`);
    }
    for (const [kind, option] of Object.entries(options)) visit(option, kinds[kind] ?? {}, `${path}[${kind}]`);
    if (inner.type === "array") visit(inner.element, each ?? {}, `${path}[]`);
    const strays = [...strangers(keys, shape), ...strangers(kinds, options)];
    if (each !== undefined && inner.type !== "array") strays.push("each");
    if (strays.length > 0) throw new Error(`${path}: described, but not there: ${strays.join(", ")}`);
  };
  visit(schema, description, "config");
  return texts;
}

/** What is within defaults and null. */
function unwrapped(schema: z.core.$ZodType): z.core.$ZodTypes {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "default":
    case "prefault":
    case "optional":
    case "nullable":
      return unwrapped(def.innerType);
    default:
      return schema as z.core.$ZodTypes;
  }
}

/** The sections of a union, by their `kind`. */
function optionsByKind(options: readonly z.core.$ZodType[]): Record<string, z.core.$ZodType> {
  const sections = options.flatMap((option) => {
    const { def } = (option as z.core.$ZodTypes)._zod;
    if (def.type !== "object") return [];
    const kind = (def.shape.kind as z.core.$ZodTypes | undefined)?._zod.def;
    return [[kind?.type === "literal" ? String(kind.values[0]) : "*", option]];
  });
  return Object.fromEntries(sections);
}

const strangers = (given: object, known: object) => Object.keys(given).filter((key) => !Object.hasOwn(known, key));
