// @ts-check
// `npm run build`.
import { build } from "./steps.mjs";

process.exitCode = await build();
