/** Where a text stops being JSON, and what is wrong there. Lines and columns count from 1. */
export interface JsonErrorPlace {
  readonly line: number;
  readonly column: number;
  readonly problem: string;
}

// Engines word JSON.parse's errors differently and mostly leave out the place, so the text is walked once more.

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids just these inside a string.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORD = /true|false|null/y;

/** The first place at which `text` cannot be JSON. For a text that JSON.parse refused. */
export function locateJsonError(text: string): JsonErrorPlace {
  const { offset, problem } = walk(text);
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1, problem };
}

function walk(text: string): { offset: number; problem: string } {
  let offset = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = offset;
    const matched = pattern.test(text);
    if (matched) offset = pattern.lastIndex;
    return matched;
  };
  const fail = (expected: string): never => {
    throw { offset, problem: describe(text, offset, expected) };
  };
  const value = (expected: string): void => {
    skip(SPACE);
    if (text[offset] === "{") members("}", true);
    else if (text[offset] === "[") members("]", false);
    else if (!skip(STRING) && !skip(NUMBER) && !skip(WORD)) fail(expected);
    skip(SPACE);
  };
  const members = (end: "}" | "]", keyed: boolean): void => {
    offset++;
    skip(SPACE);
    if (text[offset] === end) {
      offset++;
      return;
    }
    for (;;) {
      skip(SPACE);
      if (keyed) {
        if (!skip(STRING)) fail("a key in double quotes");
        skip(SPACE);
        if (text[offset] !== ":") fail('":"');
        offset++;
      }
      value("a value");
      if (text[offset] === end) {
        offset++;
        return;
      }
      if (text[offset] !== ",") fail(`"," or "${end}"`);
      offset++;
    }
  };
  try {
    value("a value");
    return { offset, problem: describe(text, offset, "the end of the file") };
  } catch (place) {
    if (place instanceof Error) throw place;
    return place as { offset: number; problem: string };
  }
}

function describe(text: string, offset: number, expected: string): string {
  const rest = text.slice(offset);
  if (rest === "") return `expected ${expected}, got the end of the file`;
  if (rest.startsWith("//") || rest.startsWith("/*") || rest.startsWith("#"))
    return "comments are not supported; remove them";
  if (/^[}\]]/.test(rest) && /,\s*$/.test(text.slice(0, offset))) {
    return `expected ${expected}, got "${rest[0]}" after a comma; remove the comma`;
  }
  if (rest.startsWith("'")) return `expected ${expected}, got a single quote; strings stand in double quotes`;
  if (rest.startsWith('"')) return `expected ${expected}, got ${rest.split("\n", 1)[0]?.slice(0, 40)}`;
  return `expected ${expected}, got "${/^[\w.+-]+|^./su.exec(rest)?.[0].slice(0, 40)}"`;
}
