// @ts-check
// `npm start`: set-up, build, and a first model from nothing: trained on the built-in sprites, with its report.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { build, install, node, root } from "./steps.mjs";

/** The first of runs/sprites, runs/sprites-2, … that is free: earlier runs are kept. */
function freeRun() {
  for (let number = 1; ; number++) {
    const run = join("runs", number === 1 ? "sprites" : `sprites-${number}`);
    if (!existsSync(join(root, run))) return run;
  }
}

/** @returns {Promise<number>} the exit code */
async function start() {
  for (const step of [install, build]) {
    const code = await step();
    if (code !== 0) return code;
  }
  const run = freeRun();
  const commands = [
    ["train", "sprites", "--out", run, "--minutes", "1"],
    ["report", run],
  ];
  for (const command of commands) {
    console.log(`\n> vaekit ${command.join(" ")}`);
    const code = await node(join("dist", "cli", "main.js"), ...command);
    if (code !== 0) return code;
  }
  console.log(`\nThe report: ${join(root, run, "report.html")}`);
  return 0;
}

process.exitCode = await start();
