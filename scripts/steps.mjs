// @ts-check
// What `npm start`, `npm test` and `npm run build` have in common. Plain Node: this runs before node_modules exists.
import { spawn } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Runs a command in the repository root, on this terminal. Ctrl-C reaches it by itself; it ends as it sees fit.
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<number>} its exit code
 */
export function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit" });
    const stay = () => {};
    const pass = () => child.kill("SIGTERM");
    process.on("SIGINT", stay).on("SIGTERM", pass);
    const done = (/** @type {number} */ code) => {
      process.off("SIGINT", stay).off("SIGTERM", pass);
      resolve(code);
    };
    child.on("error", (error) => {
      console.error(`${command}: ${error.message}`);
      done(1);
    });
    child.on("close", (code) => done(code ?? 1));
  });
}

/**
 * Runs a script with this Node.
 * @param {string} script
 * @param {readonly string[]} args
 */
export function node(script, ...args) {
  return run(process.execPath, [script, ...args]);
}

/**
 * Runs the command that an installed package brings.
 * @param {string} name of the package
 * @param {readonly string[]} args
 */
export function tool(name, ...args) {
  const folder = join(root, "node_modules", name);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const [first] = typeof bin === "string" ? [bin] : Object.values(bin);
  return node(join(folder, first), ...args);
}

/** Installs the locked dependencies when they are missing or older than the lock. */
export async function install() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Node ${process.versions.node}: vaekit needs Node 20.19 or later`);
    return 1;
  }
  const installed = join(root, "node_modules", ".package-lock.json");
  if (modified(installed) >= modified(join(root, "package-lock.json"))) return 0;
  console.log("installing the dependencies");
  // npm tells the scripts it runs where it is: on Windows it cannot be started by name.
  const npm = process.env.npm_execpath;
  return npm?.endsWith(".js") ? node(npm, "ci") : run("npm", ["ci"]);
}

/** Builds dist/ from src/: the kernels, the JavaScript and its types, the config's JSON Schema. */
export async function build() {
  const started = Date.now();
  if ((await node("scripts/build-kernels.mjs")) !== 0) return 1;
  if ((await tool("typescript", "-p", "tsconfig.build.json")) !== 0) return 1;
  // Files whose source is gone go too; the others stay, since a command may be running from them.
  const kept = removeStale(join(root, "dist"), join(root, "src"));
  const { configJsonSchema } = await import(pathToFileURL(join(root, "dist", "config.json-schema.js")).href);
  writeFileSync(join(root, "dist", "config.schema.json"), `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  chmodSync(join(root, "dist", "cli", "main.js"), 0o755);
  console.log(`built dist/ (${kept} modules) in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return 0;
}

/**
 * Removes compiled files whose source is no longer there.
 * @param {string} output
 * @param {string} source
 * @returns {number} how many modules are left
 */
function removeStale(output, source) {
  let modules = 0;
  for (const entry of readdirSync(output, { withFileTypes: true })) {
    const path = join(output, entry.name);
    if (entry.isDirectory()) {
      if (existsSync(join(source, entry.name))) modules += removeStale(path, join(source, entry.name));
      else rmSync(path, { recursive: true });
      continue;
    }
    const compiled = /^(.+?)(\.d\.ts|\.js)(\.map)?$/.exec(entry.name);
    if (!compiled) continue;
    if (!existsSync(join(source, `${compiled[1]}.ts`))) rmSync(path);
    else if (entry.name.endsWith(".js")) modules++;
  }
  return modules;
}

/** @param {string} path */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
