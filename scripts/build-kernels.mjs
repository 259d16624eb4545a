// Compiles src/runtime/assembly/ (AssemblyScript) to WebAssembly and writes it, as base64, to
// src/runtime/wasm.generated.ts. Does nothing when that file is newer than its sources.
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = "src/runtime/assembly";
const source = `${folder}/index.ts`;
const target = `${root}src/runtime/wasm.generated.ts`;
const sources = [
  ...readdirSync(`${root}${folder}`).map((name) => `${root}${folder}/${name}`),
  fileURLToPath(import.meta.url),
  `${root}package.json`,
];

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (modified(target) <= Math.max(...sources.map(modified))) await build();

async function build() {
  const text = [
    `// Generated from src/runtime/assembly by scripts/build-kernels.mjs. Do not edit; not in git.`,
    ``,
    `/** The kernels' WebAssembly module, base64. */`,
    `export const wasm =`,
    `  "${await compiled()}";`,
    ``,
    `/** The same for a memory that threads share: which kind it takes is fixed in a module. */`,
    `export const sharedWasm =`,
    `  "${await compiled("--enable", "threads", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536")}";`,
    ``,
  ].join("\n");
  // By rename, so that two builds at once never leave half a file.
  writeFileSync(`${target}.${process.pid}.tmp`, text);
  renameSync(`${target}.${process.pid}.tmp`, target);
}

/**
 * The module in base64.
 * @param {readonly string[]} more options of the compiler
 */
async function compiled(...more) {
  let wasm;
  const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory", "--noExportMemory"];
  options.push(...more);
  const { error, stderr } = await asc.main([source, "--outFile", "kernels.wasm", ...options], {
    readFile: (name, folder) => {
      try {
        return readFileSync(`${root}${folder === "." ? "" : `${folder}/`}${name}`, "utf8");
      } catch {
        return null; // the compiler asks for some files that need not exist
      }
    },
    writeFile: (_name, contents) => {
      wasm = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${source} does not compile:\n${stderr}`);
  return Buffer.from(wasm).toString("base64");
}
