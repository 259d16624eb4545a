import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseConfig } from "../src/config.ts";
import { VaekitError } from "../src/errors.ts";
import { lower } from "../src/graph/lower.ts";
import { loadParts } from "../src/models/parts.ts";
import { batchLoss } from "../src/models/step.ts";
import { buildVae } from "../src/models/vae.ts";
import type { MetricsRow } from "../src/train/metrics.ts";
import { outputsOf } from "../src/train/objectives.ts";
import { readOnnx } from "../test/onnx-reader.ts";
import type { BenchCase, Measure } from "./case.ts";
import { closing, temporaryFolder } from "./closing.ts";
import { buildCommand, writeConfig } from "./command.ts";
import { MNIST, requireMnist } from "./data.ts";
import { configOf, dense } from "./models.ts";
import { medianInterval, summarize } from "./statistics.ts";

const RUNS = 12;
const NODES = 5000;

/** The parts of compiling, as compile.mjs has them: ours, and ONNX Runtime's. */
const parts = ["graph", "gradient", "lowering", "onnxruntime"] as const;
type Parts = Readonly<Record<(typeof parts)[number], number>>;

export const start: BenchCase = {
  name: "start",
  about: `seconds from the command vaekit train to its first step, and of compiling a graph of ${NODES} nodes (--length)`,

  async run({ pairs: runs = RUNS, length: nodes = NODES, threads, note }) {
    requireMnist();
    buildCommand();
    return closing(async (keep) => {
      const folder = await temporaryFolder(keep);
      const config = await writeConfig(folder, configOf(dense));
      const deep = await deepModel(nodes);
      const deepConfig = await writeConfig(await temporaryFolder(keep), deep.config);
      const first: number[] = [];
      const compiled: Parts[] = [];
      for (let i = 0; i < runs; i++) {
        first.push(await secondsToFirstStep(config, join(folder, `run-${i}`), threads));
        compiled.push(await compileAlone(deepConfig, threads));
        note(
          `run ${i + 1}: ${first.at(-1)!.toFixed(2)} s to the first step, ${totalOf(compiled.at(-1)!).toFixed(2)} s to compile`,
        );
      }
      const totals = compiled.map(totalOf);
      return {
        case: "start",
        unit: "s",
        results: {
          "first step": summarize(first),
          compile: summarize(totals),
          ...Object.fromEntries(parts.map((part) => [`compile: ${part}`, summarize(compiled.map((one) => one[part]))])),
        },
        ratios: {},
        figures: { "first step": measureOf(first), compile: measureOf(totals) },
        pairs: runs,
        about: {
          "first step":
            "from the start of the process of `vaekit train` on MNIST, dense's model, to the end of its first step",
          compile: "the training step of a deep dense model in a process of its own, once ONNX Runtime is loaded",
          nodes: deep.nodes,
          hiddenLayers: deep.layers,
        },
      };
    });
  },
};

const totalOf = (seconds: Parts): number => parts.reduce((sum, part) => sum + seconds[part], 0);

function measureOf(seconds: readonly number[]): Measure {
  const { median, low, high } = medianInterval(seconds);
  return { value: median, low, high, unit: "s" };
}

/** Whether the command has said that training begins, which it does once everything is compiled. */
export const hasBegun = (printed: string): boolean => /^[\d,]+ parameters, [\d,]+ training examples/m.test(printed);

/** From the command to its first line, and from there to the end of the one step that it takes, by its own metrics. */
async function secondsToFirstStep(config: string, run: string, threads: number | undefined): Promise<number> {
  const flags = ["--out", run, "--config", config, "--steps", "1"];
  const more = threads === undefined ? [] : ["--threads", String(threads)];
  const started = performance.now();
  const child = spawn(process.execPath, ["dist/cli/main.js", "train", MNIST, ...flags, ...more], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let printed = "";
  let began: number | undefined;
  child.stderr.setEncoding("utf8").on("data", (more: string) => {
    printed += more;
    if (began === undefined && hasBegun(printed)) began = performance.now();
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  if (code !== 0 || began === undefined) throw new VaekitError(`vaekit train: exit code ${code}\n${printed}`);
  const row = JSON.parse(await readFile(join(run, "metrics.jsonl"), "utf8")) as MetricsRow;
  return (began - started) / 1000 + secondsOfStep(row, dense.batch);
}

/** Since training began, from the rate that the row of a run of one step tells. */
export const secondsOfStep = ({ examplesPerSecond }: Pick<MetricsRow, "examplesPerSecond">, batch: number): number =>
  batch / examplesPerSecond;

async function compileAlone(config: string, threads = availableParallelism()): Promise<Parts> {
  const args = ["bench/compile.mjs", config, JSON.stringify(event), String(threads)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const [answer, messages, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on("close", resolve)),
  ]);
  if (code !== 0) throw new VaekitError(`${args.join(" ")}: exit code ${code}\n${messages}`);
  return JSON.parse(answer) as Parts;
}

/** Of the deep model: small, so that compiling is what takes the time. */
const event = [8, 8];
const width = 32;

interface Deep {
  readonly config: object;
  /** On each side. */
  readonly layers: number;
  /** Of its training step, as ONNX has it. */
  readonly nodes: number;
}

/** The dense model with the fewest layers whose training step has so many nodes or more. */
export async function deepModel(nodes: number): Promise<Deep> {
  const at = async (layers: number): Promise<Deep> => {
    const config = { model: { latent: 8, encoder: { hidden: Array.from({ length: layers }, () => width) } } };
    return { config, layers, nodes: await nodesOf(config) };
  };
  const [few, more] = [await at(2), await at(3)];
  const extra = Math.ceil((nodes - few.nodes) / (more.nodes - few.nodes));
  return extra > 0 ? at(few.layers + extra) : few;
}

async function nodesOf(settings: object): Promise<number> {
  const { model, objective } = parseConfig(settings, "bench");
  await loadParts(model);
  const vae = buildVae(model, event);
  const tensors = new Map(vae.parameters.map(({ path, tensor }) => [path, tensor]));
  const entry = { name: objective.kind, ...batchLoss(vae, objective), trains: [...tensors.keys()] };
  return readOnnx(lower(outputsOf(entry, tensors)).bytes).nodes.length;
}
