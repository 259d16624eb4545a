// @ts-check
// Checks the laws of the house over src/: imports go down only, Node and browsers stay where they may be, no two files
// need each other. `node scripts/check-layers.mjs [FOLDER]` prints each breach and then exits with 1. Tests are exempt:
// they may import and use anything.
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, posix, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Each layer (a folder or file of src/) and those directly below it; what those may import, it may too. */
const BELOW = {
  errors: [],
  version: [],
  nearest: [],
  show: [],
  "json-error": [],
  config: ["errors", "nearest", "show", "json-error"],
  data: ["errors", "show"],
  storage: ["errors"],
  graph: ["errors", "nearest"],
  runtime: ["graph"],
  distributions: ["graph"],
  nn: ["graph"],
  models: ["distributions", "nn", "runtime", "config", "data", "storage"],
  evaluate: ["models", "version"],
  train: ["evaluate"], // it validates
  apps: ["train"],
  report: ["apps"],
  cli: ["report"],
  server: ["report"],
  index: ["report"], // the table of contents
  browser: ["apps"], // that of browsers
};

/** Layers for Node alone; elsewhere only files ending .node.ts are, and index.ts may list those. */
const NODE_LAYERS = ["cli", "server"];
/** Packages that do not load in a browser. */
const NODE_PACKAGES = ["onnxruntime-node", "sharp", "commander"];
const NODE_GLOBALS =
  /(?<![\w$.]|\.\s)(?:globalThis\s*\.\s*)?\b(process|Buffer|require|__dirname|__filename|setImmediate)\b(?!\s*\??:)/g;
/** Globals of pages and workers; not `window`, which convolutions have too. */
const WEB_GLOBALS = /(?<![\w$.]|\.\s)(?:globalThis\s*\.\s*)?\b(navigator|document|self)\b(?!\s*\??:)/g;
const NODE_META = /\bimport\.meta\.(?:dirname|filename)\b/g;

/**
 * @typedef {{ specifier: string, dynamic: boolean, line: number }} Import
 * @param {ReadonlyMap<string, string>} files source by path within src, with "/"
 * @returns {string[]} each breach: where, what, and the mend
 */
export function checkLayers(files) {
  /** @type {string[]} */
  const breaches = [];
  /** @type {Map<string, string[]>} */
  const graph = new Map();
  for (const [file, source] of files) {
    if (isTest(file)) continue;
    const code = blank(source);
    const imports = importsOf(source, code);
    const layer = layerOf(file);
    if (!(layer in BELOW)) {
      breaches.push(`${file}: ${layer} is in no layer; give it a place in scripts/check-layers.mjs`);
      continue;
    }
    const needed = [];
    for (const entry of imports) {
      const target = targetOf(file, entry.specifier);
      const breach = target === undefined ? checkPackage(file, entry) : checkFile(file, target, entry);
      if (breach) breaches.push(`${file}:${entry.line}: ${breach}`);
      if (target !== undefined && !entry.dynamic) needed.push(target);
    }
    graph.set(file, needed);
    if (!file.endsWith(".web.ts")) {
      for (const use of code.matchAll(WEB_GLOBALS)) {
        const mend = "a browser's globals belong in files ending .web.ts";
        breaches.push(`${file}:${lineAt(code, use.index)}: uses ${use[0]}, which Node lacks; ${mend}`);
      }
    }
    if (!isForNode(file)) {
      for (const use of [...code.matchAll(NODE_GLOBALS), ...code.matchAll(NODE_META)]) {
        breaches.push(`${file}:${lineAt(code, use.index)}: uses ${use[0]}, which a browser lacks; ${nodePlaces}`);
      }
    }
  }
  return [...breaches, ...cyclesOf(graph).map((cycle) => `${cycle.join(" → ")}: these files need each other`)];
}

const nodePlaces = `Node belongs in ${NODE_LAYERS.map((layer) => `${layer}/`).join(", ")} and files ending .node.ts`;

/**
 * @param {string} file
 * @param {Import} entry of a package
 */
function checkPackage(file, { specifier }) {
  if (isForNode(file)) return undefined;
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  if (specifier.startsWith("node:") || builtinModules.includes(name) || NODE_PACKAGES.includes(name)) {
    return `imports ${specifier}, which a browser lacks; ${nodePlaces}`;
  }
  return undefined;
}

/**
 * @param {string} file
 * @param {string} target the file it imports, within src
 * @param {Import} entry
 */
function checkFile(file, target, { specifier, dynamic }) {
  if (target.startsWith("../")) return `imports ${specifier}, which lies outside src/`;
  if (isTest(target)) return `imports the test ${target}`;
  const [from, to] = [layerOf(file), layerOf(target)];
  if (from !== to && !allBelow(from).has(to)) {
    const allowed = [...allBelow(from)].sort().join(", ");
    return `${from} may not import ${to} (${target}), only ${allowed || "nothing"}; move the code down, or pass it in`;
  }
  if (target.endsWith(".node.ts") && !dynamic && !isForNode(file) && from !== "index") {
    return `imports ${target}, which is for Node alone; use \`await import("${specifier}")\`, or pass it in`;
  }
  return undefined;
}

/**
 * All layers that a layer may import, itself not among them.
 * @param {string} layer
 * @returns {Set<string>}
 */
function allBelow(layer) {
  const direct = BELOW[/** @type {keyof typeof BELOW} */ (layer)] ?? [];
  return new Set([...direct, ...direct.flatMap((lower) => [...allBelow(lower)])]);
}

/**
 * One cycle for each import that closes one.
 * @param {ReadonlyMap<string, readonly string[]>} graph
 * @returns {string[][]} each from a file back to that file
 */
function cyclesOf(graph) {
  /** @type {string[][]} */
  const cycles = [];
  const done = new Set();
  /** @type {string[]} */
  const path = [];
  const visit = (/** @type {string} */ file) => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file]);
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}

/**
 * Every import and re-export, those of types and `import()` included.
 * @param {string} source
 * @param {string} code the same, blanked
 * @returns {Import[]}
 */
function importsOf(source, code) {
  const declared = /\b(?:import|(?:import|export)\b[^;"'`()=]*?\bfrom)\s*(["'])( *)\1/g;
  const called = /\bimport\s*\(\s*(["'`])( *)\1/g;
  const found = (/** @type {RegExp} */ pattern, /** @type {boolean} */ dynamic) =>
    [...code.matchAll(pattern)].map((match) => {
      const end = match.index + match[0].length - 1;
      const specifier = source.slice(end - (match[2]?.length ?? 0), end);
      return { specifier, dynamic, line: lineAt(code, end) };
    });
  return [...found(declared, false), ...found(called, true)];
}

/**
 * The source with comments, and what strings, templates' text and regular expressions hold, replaced by spaces, so
 * that what is left is code, each character where it was.
 * @param {string} source
 */
function blank(source) {
  let code = "";
  /** How many braces are open in each `${}` that we are in. @type {number[]} */
  const holes = [];
  let at = 0;
  const take = (/** @type {RegExp} */ pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0] ?? source.slice(at);
  };
  const keep = (/** @type {string} */ text) => {
    code += text;
    at += text.length;
  };
  const hide = (/** @type {string} */ text, edge = 0) => {
    const inner = text.slice(edge, text.length - edge).replace(/[^\n]/g, " ");
    keep(text.slice(0, edge) + inner + text.slice(text.length - edge));
  };
  const template = () => {
    hide(take(/(?:\\[\s\S]|\$(?!\{)|[^\\`$])*/y));
    if (source[at] === "`") keep("`");
    else if (at < source.length) {
      keep("${");
      holes.push(0);
    }
  };
  while (at < source.length) {
    const character = source[at] ?? "";
    const depth = holes.at(-1);
    if (source.startsWith("//", at)) hide(take(/[^\n]*/y));
    else if (source.startsWith("/*", at)) hide(take(/\/\*[\s\S]*?\*\//y));
    else if (character === '"') hide(take(/"(?:\\[\s\S]|[^"\\\n])*"?/y), 1);
    else if (character === "'") hide(take(/'(?:\\[\s\S]|[^'\\\n])*'?/y), 1);
    else if (character === "/" && /(?:^|[=(,;:!&|?{}[+]|=>|\breturn|\btypeof)\s*$/.test(code.slice(-80))) {
      hide(take(/\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/?/y), 1);
    } else if (character === "`") {
      keep("`");
      template();
    } else if (character === "}" && depth === 0) {
      holes.pop();
      keep("}");
      template();
    } else {
      if (depth !== undefined && (character === "{" || character === "}")) {
        holes[holes.length - 1] = depth + (character === "{" ? 1 : -1);
      }
      keep(character);
    }
  }
  return code;
}

/** @param {string} file */
function isTest(file) {
  return file.endsWith(".test.ts");
}

/** @param {string} file */
function isForNode(file) {
  return file.endsWith(".node.ts") || NODE_LAYERS.includes(layerOf(file));
}

/** A folder's name, or a file's up to its first dot: config.schema.ts belongs to config. */
function layerOf(/** @type {string} */ file) {
  return /^[^/.]*/.exec(file)?.[0] ?? file;
}

/**
 * The file within src that an import means; undefined for a package.
 * @param {string} file
 * @param {string} specifier
 */
function targetOf(file, specifier) {
  if (specifier === "vaekit" || specifier.startsWith("vaekit/")) return "index.ts";
  return specifier.startsWith(".") ? posix.join(posix.dirname(file), specifier) : undefined;
}

/**
 * @param {string} text
 * @param {number} index
 */
function lineAt(text, index) {
  return text.slice(0, index).split("\n").length;
}

/** @param {string} folder */
function readSources(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const paths = names.map((name) => name.replaceAll("\\", "/")).filter((path) => path.endsWith(".ts"));
  // AssemblyScript, which is not TypeScript, is another compiler's.
  const own = paths.filter((path) => !path.startsWith("runtime/assembly/")).sort();
  return new Map(own.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const files = readSources(process.argv[2] ?? fileURLToPath(new URL("../src", import.meta.url)));
  const breaches = checkLayers(files);
  for (const breach of breaches) console.error(breach);
  if (breaches.length === 0) console.log(`${files.size} files keep to their layers`);
  process.exitCode = breaches.length > 0 ? 1 : 0;
}
