// What both JavaScript peers have in common as programs: they answer each line of JSON by one, as answers.mjs does.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { answers } from "./answers.mjs";

/**
 * Answers until standard input ends.
 * @param {{ version: string } & import("./answers.mjs").Library} library
 * @param {string[]} args the file of grey levels, and the model as JSON
 */
export async function serve({ version, ...library }, [file, json]) {
  const answer = answers(library, readFileSync(file), JSON.parse(json), floats);
  console.log(JSON.stringify({ ready: version }));
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  }
  process.exit();
}

async function floats(path) {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
