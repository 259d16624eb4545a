import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { VaekitError } from "../src/errors.ts";
import { type Peer, startPeer } from "./peer.ts";
import { median } from "./statistics.ts";

const SCRIPT = "bench/peers/pytorch_vae.py";
/** Where Debian keeps its kinds of OpenBLAS; whichever is fastest is taken, whatever the system's default is. */
const BLAS = ["pthread", "openmp"].map((kind) => `/usr/lib/${multiarch()}/openblas-${kind}`);

/** PyTorch in its fastest setting. */
export interface Pytorch {
  readonly peer: Peer;
  /** In words: threads, BLAS, how the threads wait, how the step is written. */
  readonly setting: string;
  readonly version: string;
}

interface Setting {
  readonly threads: number;
  readonly wait: "active" | "passive";
  /** The folder of a BLAS; undefined for the one that PyTorch was built with. */
  readonly blas: string | undefined;
}

/** The VAE that is timed, as the peer's script takes it. */
export interface PytorchModel {
  /** Height, width, channels. */
  readonly event: readonly [number, number, number];
  readonly batch: number;
  readonly latent: number;
  readonly hidden: readonly number[];
  readonly activation: "relu" | "tanh";
  /** Channels, kernel, stride and padding of each convolution. */
  readonly layers: readonly (readonly number[])[];
  readonly binarize: boolean;
}

/**
 * Tries every setting on the model, writes the step in every way for the fastest three, and keeps the fastest.
 * @param steps about a second of them
 */
export async function fastestPytorch(
  pixels: string,
  model: PytorchModel,
  steps: number,
  note: (line: string) => void,
): Promise<Pytorch> {
  const { python, version } = findPytorch();
  const quick: { readonly setting: Setting; readonly seconds: number }[] = [];
  for (const setting of settings()) {
    const peer = await start(python, setting, pixels, model);
    try {
      await time(peer, { run: 3 });
      const few = Math.ceil(steps / 20);
      const first = (await time(peer, { run: few })).seconds / few;
      const hopeless = quick.some(({ seconds }) => first > 5 * seconds); // as spinning threads are on a busy machine
      const seconds = hopeless
        ? first
        : (await time(peer, { run: Math.ceil(steps / 2) })).seconds / Math.ceil(steps / 2);
      note(`  PyTorch, ${describe(setting)}: ${(1000 * seconds).toFixed(2)} ms`);
      quick.push({ setting, seconds });
    } finally {
      await peer.close();
    }
  }
  quick.sort((a, b) => a.seconds - b.seconds);
  const candidates: (Pytorch & { readonly times: number[] })[] = [];
  for (const { setting } of quick.slice(0, 3)) {
    const peer = await start(python, setting, pixels, model);
    const { choice } = await time(peer, { tune: Math.ceil(steps / 5) });
    candidates.push({ peer, setting: `${describe(setting)}, ${JSON.stringify(choice)}`, version, times: [] });
  }
  // By turns: a busy moment of the machine would otherwise decide.
  for (let round = 0; round < 5; round++)
    for (const { peer, times } of candidates) times.push((await time(peer, { run: Math.ceil(steps / 2) })).seconds);
  candidates.sort((a, b) => median(a.times) - median(b.times));
  for (const { setting, times } of candidates)
    note(`  PyTorch, ${setting}: ${((1000 * median(times)) / Math.ceil(steps / 2)).toFixed(2)} ms`);
  const [best, ...others] = candidates;
  for (const { peer } of others) await peer.close();
  if (!best) throw new VaekitError("PyTorch: no setting could be measured");
  return best;
}

function settings(): Setting[] {
  const cores = availableParallelism();
  const threads = [...new Set([1, 2, 4, 8, cores])].filter((count) => count <= cores);
  const found = BLAS.filter((folder) => existsSync(folder));
  const blas = found.length > 0 ? found : [undefined];
  return threads.flatMap((count) =>
    blas.flatMap((folder) =>
      (["active", "passive"] as const)
        .filter((wait) => count > 1 || wait === "passive") // one thread has none to wait for
        .map((wait) => ({ threads: count, wait, blas: folder })),
    ),
  );
}

function start(python: string, { threads, wait, blas }: Setting, pixels: string, model: PytorchModel): Promise<Peer> {
  const count = String(threads);
  return startPeer(python, [SCRIPT, count, pixels, JSON.stringify(model)], {
    OMP_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    OMP_WAIT_POLICY: wait,
    ...(blas === undefined ? {} : { LD_LIBRARY_PATH: blas }),
  });
}

async function time(peer: Peer, question: object) {
  return (await peer.ask(question)) as { readonly seconds: number; readonly choice?: object };
}

function describe({ threads, wait, blas }: Setting): string {
  return `${threads} thread${threads === 1 ? "" : "s"}, ${blas?.split("/").at(-1) ?? "its own BLAS"}, waiting ${wait}`;
}

/** The first Python that has PyTorch with a fast BLAS. */
function findPytorch(): { readonly python: string; readonly version: string } {
  const named = process.env["VAEKIT_PYTHON"];
  for (const python of named ? [named] : ["python3", "/usr/bin/python3"]) {
    const script = "import torch; print(torch.__version__); print(torch.__config__.show())";
    const { status, stdout } = spawnSync(python, ["-c", script], { encoding: "utf8" });
    if (status !== 0) continue;
    // Debian's is built with the reference BLAS, some twenty times slower: no peer.
    if (stdout.includes("BLAS_INFO=generic") && !BLAS.some((folder) => existsSync(folder))) {
      throw new VaekitError(
        `${python}: its PyTorch has no fast BLAS; run scripts/install-pytorch.sh, which installs one`,
      );
    }
    return { python, version: stdout.split("\n")[0] ?? "" };
  }
  throw new VaekitError(
    `${named ?? "python3"}: has no PyTorch; run scripts/install-pytorch.sh, or set VAEKIT_PYTHON to a Python that has it`,
  );
}

function multiarch(): string {
  return process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
}
