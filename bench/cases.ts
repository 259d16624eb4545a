import { browser } from "./browser.ts";
import type { BenchCase } from "./case.ts";
import { cli } from "./cli.ts";
import { encode } from "./encode.ts";
import { memory } from "./memory.ts";
import { nll } from "./nll.ts";
import { residual } from "./residual.ts";
import { scaling } from "./scaling.ts";
import { start } from "./start.ts";
import { steps } from "./steps.ts";

/** What `npm run bench` measures. */
export const cases: readonly BenchCase[] = [...steps, residual, encode, browser, cli, start, scaling, nll, memory];
