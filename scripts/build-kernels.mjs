// Compiles src/runtime/assembly/ (AssemblyScript) to WebAssembly and writes it, in hexadecimal, to src/runtime/: to
// wasm.generated.ts and, for a memory that threads share, to wasm-shared.generated.ts, which browsers do without. Does
// nothing when these files are newer than their sources.
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = "src/runtime/assembly";
const source = `${folder}/index.ts`;
const targets = [
  { file: `${root}src/runtime/wasm.generated.ts`, memory: "one thread's memory", options: [] },
  {
    file: `${root}src/runtime/wasm-shared.generated.ts`,
    memory: "a memory that threads share",
    options: ["--enable", "threads", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
  },
];
const sources = [
  ...readdirSync(`${root}${folder}`).map((name) => `${root}${folder}/${name}`),
  fileURLToPath(import.meta.url),
  `${root}package.json`,
];

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const newest = Math.max(...sources.map(modified));
for (const target of targets) if (modified(target.file) <= newest) await build(target);

/** @param {(typeof targets)[number]} target */
async function build({ file, memory, options }) {
  const text = [
    `// Generated from src/runtime/assembly by scripts/build-kernels.mjs. Do not edit; not in git.`,
    ``,
    `/** The kernels' WebAssembly module for ${memory}, in hexadecimal. */`,
    `export const wasm =`,
    `  "${await compiled(options)}";`,
    ``,
  ].join("\n");
  // By rename, so that two builds at once never leave half a file.
  writeFileSync(`${file}.${process.pid}.tmp`, text);
  renameSync(`${file}.${process.pid}.tmp`, file);
}

/**
 * The module in hexadecimal: longer than base64, but a compressed bundle is smaller by a kilobyte, since what is equal
 * in the module then is so in the text.
 * @param {readonly string[]} more options of the compiler
 */
async function compiled(more) {
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
  return Buffer.from(wasm).toString("hex");
}
