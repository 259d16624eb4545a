import { createRequire } from "node:module";

/** vaekit's own version, from its package.json: one folder up, from src/ and from dist/ alike. */
export const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };
