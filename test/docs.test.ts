import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { cases } from "../bench/cases.ts";
import { experiments } from "../bench/reproduce/experiments.ts";
import { runCommandLine } from "../src/cli/program.ts";
import { parseConfig } from "../src/config.ts";
import { VaekitError } from "../src/errors.ts";

/* What the docs show is true: configs parse, programs run, commands are known, links lead somewhere. */

// A command that was read whole, its options and their values included, arrives at the library, which is not here.
const reached = vi.hoisted(() => vi.fn());
vi.mock("../src/train/train.node.ts", () => ({ train: reached }));
vi.mock("../src/evaluate/evaluate.node.ts", () => ({ evaluateRun: reached }));
vi.mock("../src/report/report.node.ts", () => ({ writeReport: reached }));
vi.mock("../src/report/figures.node.ts", () => ({
  sampleRun: reached,
  reconstructRun: reached,
  interpolateRun: reached,
  traverseRun: reached,
}));
vi.mock("../src/apps/encode.node.ts", () => ({ encodeRun: reached }));
vi.mock("../src/apps/export.node.ts", () => ({ exportOnnx: reached }));
vi.mock("../src/apps/inspect.node.ts", () => ({ inspect: reached }));

const root = fileURLToPath(new URL("..", import.meta.url));
/** Within the repository, so that its packages are found. */
const workshop = join(root, "node_modules", ".cache", "vaekit", `docs-${process.pid}`);
const folder = mkdtempSync(join(tmpdir(), "vaekit-docs-"));

beforeAll(() => {
  mkdirSync(workshop, { recursive: true });
  for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0); // each command line adds one
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => {
  rmSync(workshop, { recursive: true });
  rmSync(folder, { recursive: true });
});

/** Fences that are nothing to run: a quotation of what a program prints. */
const LANGUAGES = ["ts", "json", "sh", "text"];

interface Page {
  readonly file: string;
  readonly text: string;
  readonly blocks: readonly { readonly language: string; readonly line: number; readonly code: string }[];
}

/** The pages written by hand; docs/results is written by `npm run reproduce`. */
const pages: readonly Page[] = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .map((name) => join("docs", name))
    .filter((name) => name.endsWith(".md") && !name.startsWith(join("docs", "results"))),
].map(readPage);

function readPage(file: string): Page {
  const text = readFileSync(join(root, file), "utf8");
  const blocks = [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(({ index, 1: language, 2: code }) => ({
    language: language ?? "",
    line: text.slice(0, index).split("\n").length + 1,
    code: code ?? "",
  }));
  return { file, text, blocks };
}

const blocksIn = (language: string) =>
  pages.flatMap(({ file, blocks }) =>
    blocks
      .filter((block) => block.language === language)
      .map(({ line, code }) => ({ place: `${file}:${line}`, file, code })),
  );

test("every fenced block is of a language that is checked here", () => {
  for (const { file, text, blocks } of pages) {
    for (const { language, line } of blocks) expect(LANGUAGES, `${file}:${line}`).toContain(language);
    expect(text.match(/^\s*```/gm) ?? [], `${file}: a fence that is not closed, or indented`).toHaveLength(
      2 * blocks.length,
    );
  }
});

test.each(blocksIn("json"))("$place: the config is one that vaekit takes", ({ place, code }) => {
  expect(() => parseConfig(JSON.parse(code), place)).not.toThrow();
});

test("relative links lead to files and headings that are there", () => {
  const headings = (file: string) =>
    [...readFileSync(file, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} -]/gu, "")
        .replaceAll(" ", "-"),
    );
  for (const { file, text } of pages) {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target!)) continue;
      const [path, heading] = target!.split("#");
      const linked = path === "" ? join(root, file) : resolve(root, dirname(file), path!);
      expect(existsSync(linked), `${file}: ${target}`).toBe(true);
      if (heading !== undefined) expect(headings(linked), `${file}: ${target}`).toContain(heading);
    }
  }
});

test("every page of docs/ is reached from the README, but for those of docs/dev, which are for those who build it", () => {
  const { text } = pages.find(({ file }) => file === "README.md")!;
  for (const { file } of pages) {
    if (/^docs[\\/](?!dev[\\/])/.test(file)) expect(text, file).toContain(`](${file.replaceAll("\\", "/")})`);
  }
});

test("every key of a config stands in the README's table", () => {
  const { text } = pages.find(({ file }) => file === "README.md")!;
  const { data, model, objective, optimizer, train } = parseConfig({}, "defaults");
  for (const [section, value] of Object.entries({ data, model, objective, optimizer, train })) {
    const row = text.split("\n").find((line) => line.startsWith(`| \`${section}\` |`)) ?? "";
    for (const key of Object.keys(value)) expect(row, section).toContain(`\`${key}\``);
  }
});

/** What follows the prompt in `sh` blocks, and code in the text that begins as a command does. */
const commands = pages.flatMap(({ file, text, blocks }) => {
  const prose = text.replaceAll(/^```.*\n[\s\S]*?^```$/gm, "");
  const inline = [...prose.matchAll(/`((?:vaekit|npm) [^`\n]+)`/g)].map(([, line]) => line!);
  const fenced = blocks.flatMap(({ language, code }) => (language === "sh" ? code.split("\n") : []));
  return [...new Set([...fenced, ...inline])]
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "")
    .map((line) => ({ file, line }));
});

/** A line's words as a shell makes them: quotes hold a word together. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_quoted, single?: string, double?: string) => single ?? double ?? ""),
  );
}

/** Runs a command line here, and tells its exit code and what it wrote to standard error. */
async function run(line: string): Promise<{ readonly code: number; readonly stderr: string }> {
  const written: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => written.push(String(text)) > 0);
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const code = await runCommandLine(words(line).slice(1));
  return { code, stderr: written.join("") };
}

const vaekitCommands = commands.filter(({ line }) => line.startsWith("vaekit "));
/** `vaekit train` in a sentence is a name, and nothing to run. */
const isName = ({ line }: { readonly line: string }) => words(line).length === 2;

test("commands that are named are there", async () => {
  for (const { file, line } of vaekitCommands.filter(isName)) {
    expect((await run(line)).stderr, `${file}: ${line}`).not.toMatch(/unknown (command|option)/);
  }
});

test.each(vaekitCommands.filter((command) => !isName(command)))("$file: $line", async ({ line }) => {
  const directory = words(line).find((word) => word.startsWith("runs/"));
  if (directory) mkdirSync(join(folder, directory), { recursive: true });
  writeFileSync(join(folder, "config.json"), "{}");
  reached.mockReset().mockRejectedValue(new VaekitError("reached"));
  const before = process.cwd();
  process.chdir(folder);
  try {
    expect(await run(line)).toEqual({ code: 1, stderr: "error: reached\n" }); // wrong usage would be 2
  } finally {
    process.chdir(before);
  }
  const [options] = reached.mock.calls[0] as [{ readonly set?: readonly string[] } | string];
  if (typeof options === "object" && options.set) expect(settingsOf(options.set)).not.toThrow();
});

/** Settings given by --set are read after the command line was. */
function settingsOf(set: readonly string[]): () => void {
  return () => {
    for (const setting of set) {
      const [key, value] = [setting.slice(0, setting.indexOf("=")), setting.slice(setting.indexOf("=") + 1)];
      const config = key.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), asJson(value));
      parseConfig(config, setting);
    }
  };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

test("commands of npm are scripts of the package, and what they are given is known", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
  const others = commands.filter(({ line }) => !line.startsWith("vaekit "));
  for (const { file, line } of others) {
    const [program, verb, ...rest] = words(line);
    if (program === "bash") expect(existsSync(join(root, verb!)), `${file}: ${line}`).toBe(true);
    else expect(program, `${file}: ${line}`).toBe("npm");
    if (program !== "npm" || verb === "link" || verb === "install") continue;
    const script = verb === "run" ? rest[0]! : verb!;
    expect(Object.keys(scripts), `${file}: ${line}`).toContain(script);
    const given = rest[rest.indexOf("--") + 1]!;
    if (script === "reproduce") expect([...experiments.map(({ name }) => name), "NAME"], line).toContain(given);
    if (script === "bench")
      expect(
        cases.map(({ name }) => name),
        `${file}: ${line}`,
      ).toContain(given);
  }
});

test("the programs are right by the compiler", () => {
  const programs = blocksIn("ts");
  const files = programs.map(({ place, code }) => {
    const file = join(workshop, `${place.replaceAll(/\W+/g, "-")}.mts`);
    writeFileSync(file, code);
    return file;
  });
  const names = join(workshop, "names.mts");
  writeFileSync(names, sameNames());
  const config = join(workshop, "tsconfig.json");
  const compilerOptions = {
    rootDir: root,
    noUnusedLocals: false,
    paths: {
      vaekit: [join(root, "src", "index.ts")],
      "vaekit/browser": [join(root, "src", "browser.ts")],
    },
  };
  writeFileSync(
    config,
    JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, files: [...files, names], include: [] }),
  );
  let complaints = "";
  try {
    execFileSync(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", config], {
      encoding: "utf8",
    });
  } catch (error) {
    complaints = (error as { readonly stdout: string }).stdout;
  }
  expect(complaints).toBe("");
});

/** Programs for a page run in test/browser-docs.test.ts. */
const isForPages = ({ code }: { readonly code: string }) => code.includes('from "vaekit/browser"');

test.each(blocksIn("ts").filter((block) => !isForPages(block)))(
  "$place: the program is plain JavaScript, for node FILE.mjs",
  ({ place, file, code }) => {
    const name = join(workshop, `${place.replaceAll(/\W+/g, "-")}.mjs`);
    writeFileSync(name, code);
    const { status, stderr } = spawnSync(process.execPath, ["--check", name], { encoding: "utf8" });
    expect(status, stderr).toBe(0);
    expect(readPage(file).text, "says how to run it").toMatch(/`node \w+\.mjs`/);
  },
);

test("settings in brackets or braces are quoted, which some shells take for a pattern", () => {
  for (const { file, text } of pages) {
    for (const [, setting] of text.matchAll(/--set\s+(\S+=[[{]\S*)/g)) expect(setting, file).toMatch(/^'/);
  }
  for (const { file, line } of vaekitCommands) expect(line.replaceAll(/'[^']*'/g, ""), file).not.toMatch(/[[{}\]]/);
});

test("no page begins one run twice", () => {
  for (const { file } of pages) {
    const begun = vaekitCommands
      .filter((command) => command.file === file && /^vaekit train .*--out/.test(command.line))
      .filter(({ line }) => !line.includes("--resume"))
      .map(({ line }) => words(line)[words(line).indexOf("--out") + 1]);
    expect(begun, file).toEqual([...new Set(begun)]);
  }
});

/** A program that is right when the table of docs/evaluate.md names each figure of an evaluation, and no other. */
function sameNames(): string {
  const { text } = pages.find(({ file }) => file === join("docs", "evaluate.md"))!;
  const named = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => `${name}: true`);
  return `import type { RunEvaluation } from "vaekit";
    type About = "run" | "epoch" | "step" | "data" | "split";
    ({ ${named.join(", ")} }) satisfies Record<Exclude<keyof RunEvaluation, About>, true>;`;
}

/** Programs show what one would write; here `train` is held to what takes a moment. Everything else is as it is. */
const SMALL = `
  import { train as trainFully } from ${JSON.stringify(join(root, "src", "index.ts"))};
  export * from ${JSON.stringify(join(root, "src", "index.ts"))};
  const set = ["model.encoder.hidden=[8]", "train.batchSize=20"];
  const few = ({ data }) => (typeof data === "string" ? ["data.examples=60"] : []); // else they are split already
  export const train = (options) => trainFully({ ...options, epochs: 1, threads: 1, set: [...set, ...few(options)] });
`;

const programPages = pages.filter(({ blocks }) =>
  blocks.some((block) => block.language === "ts" && !isForPages(block)),
);

test.each(programPages)(
  "$file: the programs run, one after the other",
  async ({ file, blocks }) => {
    const here = join(folder, basename(file, ".md"));
    mkdirSync(join(here, "photos"), { recursive: true });
    for (let i = 0; i < 4; i++) {
      const create = { width: 70 + i, height: 50, channels: 3 as const, background: { r: 60 * i, g: 99, b: 7 } };
      await sharp({ create })
        .png()
        .toFile(join(here, "photos", `${i}.png`));
    }
    await sharp({ create: { width: 9, height: 9, channels: 4, background: { r: 1, g: 1, b: 1, alpha: 0.5 } } })
      .greyscale()
      .jpeg()
      .toFile(join(here, "photos", "grey.jpg"));
    for (const { language, line, code } of blocks) {
      if (language !== "ts") continue;
      const program = await bundled(code, `${basename(file, ".md")}-${line}`);
      const printed = execFileSync(process.execPath, [program], { cwd: here, encoding: "utf8" });
      expect(printed).not.toMatch(/NaN|undefined|Infinity/);
    }
    if (file === join("docs", "data.md")) await checkPhotos(here);
    if (file === "README.md") expect(existsSync(join(here, "runs", "first", "report.html"))).toBe(true);
  },
  240_000,
);

/** The file that the program of docs/data.md wrote, read by vaekit. */
async function checkPhotos(here: string): Promise<void> {
  const { loadSplits } = await import("../src/data/load.node.ts");
  const { train, validation, test } = await loadSplits(join(here, "photos-images-idx4-ubyte"), {});
  expect([train, validation, test].map(({ count, event }) => [count, ...event])).toEqual([
    [3, 64, 64, 3],
    [1, 64, 64, 3],
    [1, 64, 64, 3],
  ]);
  const all = [train, validation, test].flatMap(({ values, count }) =>
    Array.from({ length: count }, (_, i) => values.subarray(i * 64 * 64 * 3, i * 64 * 64 * 3 + 3).join()),
  );
  expect(all).toEqual(expect.arrayContaining(["0,99,7", "60,99,7", "120,99,7", "180,99,7"]));
}

/** A program compiled with src/ in it, and where it was written. */
async function bundled(code: string, name: string): Promise<string> {
  const [source, small, outfile] = ["mts", "small.mjs", "mjs"].map((end) => join(workshop, `${name}.run.${end}`));
  writeFileSync(source!, code);
  writeFileSync(small!, SMALL);
  await build({
    entryPoints: [source!],
    outfile: outfile!,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "silent",
    plugins: [
      {
        name: "vaekit",
        setup(bundler) {
          bundler.onResolve({ filter: /^vaekit$/ }, () => ({ path: small! }));
          // A module that asks where it is hears where its source is.
          bundler.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => ({
            contents: readFileSync(path, "utf8").replaceAll(
              "import.meta.url",
              JSON.stringify(pathToFileURL(path).href),
            ),
            loader: "ts",
          }));
        },
      },
    ],
  });
  return outfile!;
}

test("nothing of one machine stands in the docs", () => {
  for (const { file, text } of pages) {
    expect(text, relative(root, file)).not.toMatch(/(?:^|[\s`"'(])(?:\/work\/|\/home\/|\/tmp\/|\/root\/|[A-Z]:\\)/m);
  }
});
