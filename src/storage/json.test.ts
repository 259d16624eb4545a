import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJsonObject } from "./json.ts";

function fail(what: string): never {
  throw new Error(what);
}

test("members are those of JSON.parse, in the order of the text", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(4), (object, indent) => {
      const text = JSON.stringify(object, null, indent);
      const members = parseJsonObject(text, fail);
      const parsed = JSON.parse(text) as Record<string, unknown>;
      expect([...members.keys()]).toEqual(Object.keys(parsed));
      for (const [name, value] of members) expect(value).toEqual(parsed[name]);
    }),
  );
  expect([...parseJsonObject('{"b": 1, "10": {"x": "\\"{"}, "9": [], "__proto__": 2}', fail)]).toEqual([
    ["b", 1],
    ["10", { x: '"{' }],
    ["9", []],
    ["__proto__", 2],
  ]);
});

test.each([
  ['{"a": 1, "a": 1}', 'holds "a" twice'],
  ['{"a": 1, "\\u0061": 2}', 'holds "a" twice'],
  ['{"x": {"b": 1, "c": [{}], "b" : 2}}', 'holds "b" twice'],
  ["[]", "is not a JSON object"],
  ["null", "is not a JSON object"],
  ["3", "is not a JSON object"],
  ['{"a": 1', "is not JSON ("],
  ["", "is not JSON ("],
])("%s is refused", (text, message) => {
  expect(() => parseJsonObject(text, fail)).toThrow(message);
});

test("equal names in different objects are no duplicates", () => {
  const text = '{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}], "c": "\\"a\\": a"}';
  expect(Object.fromEntries(parseJsonObject(text, fail))).toEqual(JSON.parse(text));
});
