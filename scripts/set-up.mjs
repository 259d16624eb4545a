// @ts-check
// What bench/ needs before it runs: the dependencies and the kernels. With --build also dist/.
import { build, install, node } from "./steps.mjs";

const ready =
  (await install()) || (process.argv.includes("--build") ? await build() : await node("scripts/build-kernels.mjs"));
process.exitCode = ready;
