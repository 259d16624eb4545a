import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { VaekitError } from "../src/errors.ts";
import { openBrowserPage } from "../test/browser-page.ts";
import { findChromium, noChromium } from "../test/chromium.ts";
import type { JaxTask } from "./browser/jax-worker.ts";
import type { Watched, WatchedTask } from "./browser/page.ts";
import type { VaekitTask } from "./browser/vaekit-worker.ts";
import type { BenchCase, CaseOptions, CaseResult, Measure } from "./case.ts";
import { checkSame, writeManifest } from "./check.ts";
import { closing, type Keep, temporaryFolder } from "./closing.ts";
import { jax, jaxThreads, threadsInWords, versionOf } from "./javascript.ts";
import { configOf, dense, imagesOf, type Levels, peerModel } from "./models.ts";
import { ownTraining } from "./ours.ts";
import type { Peer } from "./peer.ts";
import { aboutRivals, contender, fastestOf, type Rival, timeOf } from "./rival.ts";
import { firstLosses } from "./training.ts";
import { byTurns, OURS, ratios, summaries } from "./turns.ts";

const THREADS = 2;
const STEPS = 50;
const PAIRS = 10;
/** A step of jax-js takes some times as long. */
const slower = 2;
/** Trainings during which the page is watched, and steps of each, in blocks. */
const WATCHED = 3;
const WATCHED_BLOCKS = 8;

const ORT = "node_modules/onnxruntime-web/dist";
export const runtimes = { wasm: "/ort/ort.wasm.bundle.min.mjs", webgpu: "/ort/ort.webgpu.bundle.min.mjs" } as const;
/** What lets Chromium compute on a graphics card. */
const graphics = ["--enable-gpu", "--enable-unsafe-webgpu", "--enable-features=Vulkan"];
const ON_CARD = `${OURS} webgpu`;

export const browser: BenchCase = {
  name: "browser",
  about: `the step of dense in headless Chromium, WebAssembly with ${THREADS} threads, beside jax-js's; the page's longest task`,
  run: (options) => closing((keep) => run(options, keep)),
};

/** A page, and what it is asked. */
interface Asked {
  call<Answer>(name: keyof typeof import("./browser/page.ts"), ...given: readonly unknown[]): Promise<Answer>;
  /** A worker of the page, as a peer. */
  peer(name: string, script: string, task: VaekitTask | JaxTask): Promise<Peer>;
  close(): Promise<void>;
}

async function run(options: CaseOptions, keep: Keep): Promise<CaseResult> {
  const { pairs = PAIRS, length: block = STEPS, threads = THREADS, note } = options;
  if (!findChromium()) throw new VaekitError(noChromium);
  const data = await imagesOf(dense);
  const folder = await temporaryFolder(keep);
  await writeFile(`${folder}/pixels`, data.values);
  const jaxVersion = versionOf(jax, note);
  const page = keep(await openPage(folder, jaxVersion !== undefined), ({ close }) => close());
  const common = { pixels: "/data/pixels", event: data.event };

  const watched = await watchedTrainings(page, {
    ...{ ...common, settings: configOf(dense), steps: WATCHED_BLOCKS * block, threads },
    ...{ runtime: runtimes.wasm, script: "/library.js" },
  });
  note(`tasks of the page while it trains: ${watched.map(({ longestTask }) => `${longestTask} ms`).join(", ")}`);

  const settings = configOf(dense);
  const own = await page.peer(OURS, "/vaekit.js", {
    ...{ ...common, settings, device: "wasm", threads, runtime: runtimes.wasm },
  });
  const ours: Rival = { name: OURS, peer: own, version: own.version, setting: threadsInWords(threads), block };
  const card = await onGraphicsCard(folder, { ...common, settings, device: "webgpu", runtime: runtimes.webgpu }, keep);
  const rivals: Rival[] = [];
  if (jaxVersion !== undefined) {
    note("trying jax-js's settings");
    const model = peerModel(dense, data.event);
    const candidates: Rival[] = [];
    for (const count of jaxThreads()) {
      const task = { version: jaxVersion, threads: count, pixels: common.pixels, model };
      const peer = await page.peer(`jax ${count}`, "/jax.js", task);
      const { choice } = await timeOf(peer, { tune: Math.ceil(block / slower / 5) });
      const setting = `${threadsInWords(count)}, ${JSON.stringify(choice)}`;
      candidates.push({ name: jax.name, peer, version: jaxVersion, setting, block: Math.ceil(block / slower) });
    }
    rivals.push(await fastestOf(candidates, 3, note));
  }
  const onCard = card ? [{ ...ours, name: ON_CARD, peer: card }] : [];
  const difference = await checkSameLoss(data, [ours, ...onCard, ...rivals], folder);
  note(`all compute the loss of Node over four steps: relative difference ${difference.toExponential(1)}`);

  const times = await byTurns([ours, ...onCard, ...rivals].map(contender), pairs, note);
  const { [ON_CARD]: _, ...compared } = times;
  return {
    case: "browser",
    unit: "ms/step",
    results: summaries(times),
    ratios: ratios(compared),
    figures: figuresOf(watched),
    pairs,
    about: {
      step: "fetch, dynamic binarization, noise, forward, backward, Adam, in a worker of the page",
      ratio: "the other's time over ours, pair by pair: above 1 we are faster",
      "longest task": `of the page, in ${WATCHED} trainings of ${WATCHED_BLOCKS * block} steps by the library's train: it begins with the call and ends with the finished run; 0 where no task took the 50 ms from which the browser tells of it`,
      "longest wait": "for a timer of 10 ms of the same page, in the same trainings",
      webgpu: card ? "on the graphics card" : "left out: the browser finds no graphics card",
      stepsPerBlock: block,
      data: data.name,
      ...aboutRivals([ours, ...rivals]),
      lossDifference: difference,
    },
  };
}

/** The page, with what lies in a folder at /data/. */
export async function openPage(folder: string, withJax: boolean, flags: readonly string[] = []): Promise<Asked> {
  const { page, close } = await openBrowserPage({
    entry: "bench/browser/page.ts",
    workers: {
      library: "src/train/worker.web.ts",
      vaekit: "bench/browser/vaekit-worker.ts",
      ...(withJax ? { jax: "bench/browser/jax-worker.ts" } : {}),
    },
    isolated: true, // else there are no threads
    files: { "/ort/": ORT, "/data/": folder },
    flags,
  });
  const call: Asked["call"] = (name, ...given) =>
    page.evaluate(`import("/entry.js").then((entry) => entry.${name}(...${JSON.stringify(given)}))`);
  return {
    call,
    async peer(name, script, task) {
      return {
        version: await call<string>("start", name, script, task),
        ask: (question) => call("ask", name, question),
        close: () => call("end", name),
      };
    },
    close,
  };
}

/** Our training on the graphics card, in a browser of its own; undefined where there is none. */
async function onGraphicsCard(folder: string, task: VaekitTask, keep: Keep): Promise<Peer | undefined> {
  const page = await openPage(folder, false, graphics);
  if (await page.call<boolean>("hasGraphicsCard"))
    return keep(page, ({ close }) => close()).peer(ON_CARD, "/vaekit.js", task);
  await page.close();
  return undefined;
}

/** @throws VaekitError where the browser does not tell of long tasks */
async function watchedTrainings(page: Asked, task: WatchedTask): Promise<Watched[]> {
  const busy = await page.call<Watched>("watchBusy", 100);
  if (!(busy.longestTask >= 100 && busy.longestGap >= 100))
    throw new VaekitError(`a task of 100 ms was told of as ${JSON.stringify(busy)}: this browser cannot be watched`);
  const watched: Watched[] = [];
  for (let i = 0; i < WATCHED; i++) watched.push(await page.call<Watched>("watchTraining", task));
  return watched;
}

function figuresOf(watched: readonly Watched[]): Record<string, Measure> {
  const most = (values: readonly number[]): Measure => ({ value: Math.max(...values), unit: "ms" });
  return {
    "longest task": most(watched.map(({ longestTask }) => longestTask)),
    "longest wait": most(watched.map(({ longestGap }) => longestGap)),
  };
}

/** Largest relative difference of the losses before each of four steps on one batch, from the same weights, from Node's. */
async function checkSameLoss(data: Levels, rivals: readonly Rival[], folder: string): Promise<number> {
  const here = await ownTraining(configOf(dense), data, undefined);
  try {
    here.nextBatch();
    const { parameters, layout, inputs } = here.program;
    const files = await writeManifest(folder, parameters, layout, { x: inputs.x!, noise: inputs.noise! });
    const addresses = Object.entries(files).map(([name, file]) => [name, `/data/${basename(file)}`]);
    const losses = await firstLosses(here);
    const differences: number[] = [];
    for (const rival of rivals)
      differences.push(await checkSame(rival, Object.fromEntries(addresses), losses, `${rival.name}: the loss`));
    return Math.max(...differences);
  } finally {
    await here.release();
  }
}
