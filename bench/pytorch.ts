import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { VaekitError } from "../src/errors.ts";
import { type Peer, startPeer } from "./peer.ts";
import { fastestOf, type Rival, timeOf } from "./rival.ts";

/** Where Debian keeps its kinds of OpenBLAS; whichever is fastest is taken, whatever the system's default is. */
const BLAS = ["pthread", "openmp"].map((kind) => `/usr/lib/${multiarch()}/openblas-${kind}`);

/** A program of bench/peers, with what it is called with beside the number of threads. */
export interface PytorchProgram {
  readonly script: string;
  readonly args: readonly string[];
}

interface Setting {
  readonly threads: number;
  readonly wait: "active" | "passive";
  /** The folder of a BLAS; undefined for the one that PyTorch was built with. */
  readonly blas: string | undefined;
}

/**
 * Tries every setting on the program's work, writes the work in every way for the fastest three, and keeps the fastest.
 * @param block units of work in about a second
 */
export async function fastestPytorch(
  program: PytorchProgram,
  block: number,
  note: (line: string) => void,
): Promise<Rival> {
  const python = findPytorch();
  note("trying PyTorch's settings");
  const quick: { readonly setting: Setting; readonly seconds: number }[] = [];
  for (const setting of settings()) {
    const peer = await start(python, setting, program);
    try {
      await timeOf(peer, { run: 3 });
      const few = Math.ceil(block / 20);
      const first = (await timeOf(peer, { run: few })).seconds / few;
      const hopeless = quick.some(({ seconds }) => first > 5 * seconds); // as spinning threads are on a busy machine
      const many = Math.ceil(block / 2);
      const seconds = hopeless ? first : (await timeOf(peer, { run: many })).seconds / many;
      note(`  PyTorch, ${describe(setting)}: ${(1000 * seconds).toFixed(2)} ms`);
      quick.push({ setting, seconds });
    } finally {
      await peer.close();
    }
  }
  quick.sort((a, b) => a.seconds - b.seconds);
  const rivals: Rival[] = [];
  for (const { setting } of quick.slice(0, 3)) {
    const peer = await start(python, setting, program);
    const { choice } = await timeOf(peer, { tune: Math.ceil(block / 5) });
    rivals.push({
      ...{ name: "pytorch", peer, version: peer.version, block },
      setting: `${describe(setting)}, ${JSON.stringify(choice)}`,
    });
  }
  return fastestOf(rivals, 5, note);
}

/** Ways to start a program on all cores, one with each BLAS that there is: for what depends little on settings. */
export function pytorchOnAllCores(program: PytorchProgram) {
  const python = findPytorch();
  return installedBlas().map((blas) => {
    const setting: Setting = { threads: availableParallelism(), wait: "passive", blas };
    return { setting: describe(setting), start: () => start(python, setting, program) };
  });
}

function installedBlas(): readonly (string | undefined)[] {
  const found = BLAS.filter((folder) => existsSync(folder));
  return found.length > 0 ? found : [undefined];
}

function settings(): Setting[] {
  const cores = availableParallelism();
  const threads = [...new Set([1, 2, 4, 8, cores])].filter((count) => count <= cores);
  return threads.flatMap((count) =>
    installedBlas().flatMap((folder) =>
      (["active", "passive"] as const)
        .filter((wait) => count > 1 || wait === "passive") // one thread has none to wait for
        .map((wait) => ({ threads: count, wait, blas: folder })),
    ),
  );
}

function start(python: string, { threads, wait, blas }: Setting, { script, args }: PytorchProgram): Promise<Peer> {
  const count = String(threads);
  return startPeer(python, [script, count, ...args], {
    OMP_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    OMP_WAIT_POLICY: wait,
    PYTHONDONTWRITEBYTECODE: "1", // files of its own in bench/peers would make the tree dirty
    ...(blas === undefined ? {} : { LD_LIBRARY_PATH: blas }),
  });
}

function describe({ threads, wait, blas }: Setting): string {
  return `${threads} thread${threads === 1 ? "" : "s"}, ${blas?.split("/").at(-1) ?? "its own BLAS"}, waiting ${wait}`;
}

/** The first Python that has PyTorch with a fast BLAS. */
function findPytorch(): string {
  const named = process.env["VAEKIT_PYTHON"];
  for (const python of named ? [named] : ["python3", "/usr/bin/python3"]) {
    const script = "import torch; print(torch.__config__.show())";
    const { status, stdout } = spawnSync(python, ["-c", script], { encoding: "utf8" });
    if (status !== 0) continue;
    // Debian's is built with the reference BLAS, some twenty times slower: no peer.
    if (stdout.includes("BLAS_INFO=generic") && !BLAS.some((folder) => existsSync(folder))) {
      throw new VaekitError(
        `${python}: its PyTorch has no fast BLAS; run scripts/install-pytorch.sh, which installs one`,
      );
    }
    return python;
  }
  throw new VaekitError(
    `${named ?? "python3"}: has no PyTorch; run scripts/install-pytorch.sh, or set VAEKIT_PYTHON to a Python that has it`,
  );
}

function multiarch(): string {
  return process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
}
