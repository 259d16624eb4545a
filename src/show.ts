/** A value as a message shows it: JSON, cut short; what JSON cannot hold by its kind, such as `a Float64Array of 12`. */
export function show(value: unknown): string {
  const text = textOf(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function textOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return JSON.stringify(value.slice(0, 60));
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return typeof value === "bigint" ? `${value}n` : String(value);
  const { length } = value as { readonly length?: unknown };
  const kind = Object.prototype.toString.call(value).slice("[object ".length, -1);
  if (ArrayBuffer.isView(value)) return `a ${kind}${length === undefined ? "" : ` of ${String(length)}`}`;
  if (!isPlain(value)) return kind === "Object" ? instanceOf(value) : `a ${kind}`;
  try {
    return JSON.stringify(Array.isArray(value) ? value.slice(0, 60) : value) ?? kind;
  } catch {
    return Array.isArray(value) ? "an array" : "an object"; // it refers to itself, or holds a bigint
  }
}

function instanceOf({ constructor: made }: object): string {
  const name = typeof made === "function" ? made.name : "";
  return name === "" || name === "Object" ? "an object that inherits from another" : `a ${name}`;
}

/** An array, or an object as `{}` makes it: not of a class, not a Map. Of any realm, such as a test runner's. */
export function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** An object that is no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
