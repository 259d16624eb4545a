const space = /[ \t\n\r]*/y;

/**
 * The members of a JSON object in the order of the text, which JSON.parse loses for names such as "10".
 * `fail` is called with what is wrong: not JSON, no object, or a name given twice in any object of the text, of which
 * JSON.parse silently keeps the last.
 */
export function parseJsonObject(text: string, fail: (what: string) => never): Map<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail(`is not JSON (${(error as Error).message.slice(0, 120)})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fail("is not a JSON object");
  const members = value as Readonly<Record<string, unknown>>;
  return new Map(outerNames(text, fail).map((name) => [name, members[name]])); // own members, "__proto__" included
}

/** Names of the outer object of a valid JSON text, after a look at the names of all objects in it. */
function outerNames(text: string, fail: (what: string) => never): string[] {
  const open: Set<string>[] = [];
  const outer: string[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text[at];
    if (character === "{") open.push(new Set());
    if (character === "}") open.pop();
    if (character !== '"') {
      at++;
      continue;
    }
    const end = stringEnd(text, at);
    const token = text.slice(at, end);
    space.lastIndex = end;
    space.test(text);
    at = space.lastIndex;
    if (text[at] !== ":") continue;
    const name = JSON.parse(token) as string;
    const names = open.at(-1)!;
    if (names.has(name)) fail(`holds ${JSON.stringify(name.slice(0, 80))} twice`);
    names.add(name);
    if (open.length === 1) outer.push(name);
  }
  return outer;
}

/** Where the string ends that begins with the quote at `begin`. */
function stringEnd(text: string, begin: number): number {
  for (let at = begin + 1; ; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
}
