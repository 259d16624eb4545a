import { expect, test } from "vitest";
import { messageOf } from "../test/config-refusal.ts";
import { parseConfigText } from "./config.ts";

test.each([
  ['{\n  // latent\n  "model": {}\n}', "c.json:2:3: not JSON: comments are not supported; remove them"],
  [
    '{"model": {"latent": 3,}}',
    'c.json:1:24: not JSON: expected a key in double quotes, got "}" after a comma; remove the comma',
  ],
  ['{"model": {}', 'c.json:1:13: not JSON: expected "," or "}", got the end of the file'],
  ["", "c.json:1:1: not JSON: expected a value, got the end of the file"],
  [
    "{'a': 1}",
    "c.json:1:2: not JSON: expected a key in double quotes, got a single quote; strings stand in double quotes",
  ],
  ["{} x", 'c.json:1:4: not JSON: expected the end of the file, got "x"'],
  ['{"a": NaN}', 'c.json:1:7: not JSON: expected a value, got "NaN"'],
  ['{"a": [1, 2}', 'c.json:1:12: not JSON: expected "," or "]", got "}"'],
])("text that is not JSON is refused with line and column: %j", (text, message) => {
  expect(messageOf(() => parseConfigText(text, "c.json"))).toBe(message);
});

test("a JSON text is read, with or without a byte order mark", () => {
  expect(parseConfigText('\uFEFF{"model": {"latent": 3}}', "c")).toEqual({ model: { latent: 3 } });
});

test("the place of a JSON error is found wherever a text is cut", () => {
  const text = JSON.stringify({ a: [1, -2.5e3, 'x\\"\u00e9'], b: { c: null, d: [true, false, []] } }, null, 1);
  for (let length = 0; length < text.length; length++) {
    expect(messageOf(() => parseConfigText(text.slice(0, length), "c"))).toMatch(/^c:\d+:\d+: not JSON: expected /);
  }
});
