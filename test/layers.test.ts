import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkLayers } from "../scripts/check-layers.mjs";

type Files = Readonly<Record<string, string>>;

function breaches(files: Files): string[] {
  return checkLayers(new Map(Object.entries(files)));
}

const wrong: readonly [name: string, files: Files, breach: RegExp][] = [
  [
    "an import upward",
    { "graph/tensor.ts": `\nimport { run } from "../runtime/program.ts";` },
    /^graph\/tensor\.ts:2: graph may not import runtime \(runtime\/program\.ts\), only errors, nearest; /,
  ],
  ["an import of types upward", { "nn/a.ts": `import type { B } from "../models/b.ts";` }, /nn may not import models/],
  ["a type's import() upward", { "nn/a.ts": `type B = import("../models/b.ts").B;` }, /nn may not import models/],
  ["a dynamic import upward", { "nn/a.ts": `await import("../models/b.ts");` }, /nn may not import models/],
  ["a re-export upward", { "nn/a.ts": `export { b } from "../models/b.ts";` }, /nn may not import models/],
  ["a re-export of all upward", { "nn/a.ts": `export * from "../models/b.ts";` }, /nn may not import models/],
  ["an import for its effect upward", { "nn/a.ts": `import "../models/b.ts";` }, /nn may not import models/],
  [
    "an import over several lines",
    { "nn/a.ts": `import {\n  b,\n} from '../models/b.ts'` },
    /nn may not import models/,
  ],
  [
    "an import sideways",
    { "nn/a.ts": `import { b } from "../distributions/b.ts";` },
    /nn may not import distributions/,
  ],
  ["data that leans on more than errors", { "data/a.ts": `import { b } from "../config.ts";` }, /only errors, show;/],
  ["errors that import", { "errors.ts": `import { b } from "./nearest.ts";` }, /only nothing;/],
  ["the table of contents as a barrel", { "cli/a.ts": `import { b } from "../index.ts";` }, /cli may not import index/],
  ["the package by its own name", { "cli/a.ts": `import { b } from "vaekit";` }, /cli may not import index/],
  [
    "the command line in the table of contents",
    { "index.ts": `export { b } from "./cli/b.ts";` },
    /may not import cli/,
  ],
  ["a test", { "nn/a.ts": `import { b } from "./b.test.ts";` }, /imports the test nn\/b\.test\.ts/],
  ["what is not in src", { "nn/a.ts": `import { b } from "../../test/b.ts";` }, /outside src/],
  ["a folder without a layer", { "zoo/a.ts": "" }, /zoo is in no layer/],
  [
    "node:",
    { "data/a.ts": `import { join } from "node:path";` },
    /^data\/a\.ts:1: imports node:path, which a browser lacks/,
  ],
  ["a builtin without node:", { "data/a.ts": `import fs from "fs/promises";` }, /imports fs\/promises/],
  [
    "a package for Node alone",
    { "runtime/a.ts": `import * as ort from "onnxruntime-node";` },
    /imports onnxruntime-node/,
  ],
  ["Node in the table of contents", { "index.ts": `import "node:fs";` }, /imports node:fs/],
  ["process", { "train/a.ts": "const a = process.env.A;" }, /uses process, /],
  ["process of globalThis", { "train/a.ts": "const a = globalThis.process;" }, /uses globalThis\.process, /],
  ["Buffer", { "train/a.ts": "\nconst a = Buffer.from([]);" }, /^train\/a\.ts:2: uses Buffer, /],
  ["process in a template", { "train/a.ts": `\`at \${\`\${process.cwd()}\`}\`` }, /uses process, /],
  ["import.meta.dirname", { "train/a.ts": "const a = import.meta.dirname;" }, /uses import\.meta\.dirname, /],
  [
    "a browser's global",
    { "train/a.ts": "\nconst a = navigator.storage;" },
    /^train\/a\.ts:2: uses navigator, which Node/,
  ],
  ["self", { "train/a.ts": "self.onmessage = a;" }, /uses self, .* belong in files ending \.web\.ts$/],
  [
    "document in a file for Node",
    { "train/a.node.ts": "const a = globalThis.document;" },
    /uses globalThis\.document, /,
  ],
  ["Node in a file for a browser", { "storage/a.web.ts": `import "node:fs";` }, /imports node:fs/],
  [
    "a Node file from one that is not",
    { "storage/a.ts": `import { b } from "./b.node.ts";` },
    /storage\/b\.node\.ts, which is for Node alone/,
  ],
  [
    "a cycle",
    {
      "nn/a.ts": `import { b } from "./b.ts";`,
      "nn/b.ts": `import { c } from "./c.ts";`,
      "nn/c.ts": `import type { B } from "./b.ts";`,
    },
    /^nn\/b\.ts → nn\/c\.ts → nn\/b\.ts: these files need each other$/,
  ],
];

test.each(wrong)("refuses %s", (_name, files, breach) => {
  const found = breaches(files);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(breach);
});

const right: readonly [name: string, files: Files][] = [
  ["imports downward, by any number of layers", { "cli/a.ts": `import { b } from "../graph/b.ts";` }],
  ["imports within a layer", { "nn/a.ts": `import { b } from "./b.ts";`, "nn/b.ts": "" }],
  ["packages for the browser too", { "models/a.ts": `import * as z from "zod";` }],
  ["Node in the command line", { "cli/a.ts": `import "node:fs"; process.exit();` }],
  ["Node in a .node.ts file", { "storage/a.node.ts": `import { b } from "./b.node.ts"; Buffer.from(b);` }],
  ["a browser in a .web.ts file", { "storage/a.web.ts": "self.onmessage = () => navigator.locks.query();" }],
  ["words that are a browser's globals too", { "nn/a.ts": "const a = { self: b.self, window: 1 }; // navigator" }],
  ["a .node.ts file loaded when asked for", { "storage/a.ts": `const { b } = await import("./b.node.ts");` }],
  ["a .node.ts file in the table of contents", { "index.ts": `export { b } from "./storage/b.node.ts";` }],
  ["anything in tests", { "graph/a.test.ts": `import "node:fs"; import "../cli/b.ts"; process.exit();` }],
  ["comments", { "nn/a.ts": `a() // import "node:fs", process\nb() /* import "../models/b.ts"; process */` }],
  ["interfaces that hold strings", { "nn/a.ts": `export interface A {\n  readonly kind: "stream";\n}` }],
  ["strings", { "nn/a.ts": `const a = 'import "node:fs"' + "process" + \`Buffer \${1} Buffer\`;` }],
  ["regular expressions", { "nn/a.ts": "const a = /process|[/'\"`]Buffer/;\nconst b = 1 / 2; // process" }],
  ["names that hold a global's", { "nn/a.ts": "a.process = { process: new ArrayBuffer(1), preprocess };" }],
  [
    "a layer that loads those who use it when asked for",
    {
      "nn/a.ts": `await import("./b.ts");`,
      "nn/b.ts": `import type { A } from "./a.ts";`,
    },
  ],
];

test.each(right)("allows %s", (_name, files) => {
  expect(breaches(files)).toEqual([]);
});

test("the command prints each breach and exits with 1", () => {
  const folder = mkdtempSync(join(tmpdir(), "vaekit-layers-"));
  try {
    mkdirSync(join(folder, "graph"));
    writeFileSync(join(folder, "graph", "a.ts"), `import "node:fs";`);
    const script = fileURLToPath(new URL("../scripts/check-layers.mjs", import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [script, folder], { encoding: "utf8" });
    expect(stderr).toMatch(/^graph\/a\.ts:1: imports node:fs/);
    expect(status).toBe(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
