import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { startPeer } from "./peer.ts";
import { fastestOf, type Rival, timeOf } from "./rival.ts";

/** Where the peers in JavaScript live, with packages of their own. */
const FOLDER = "bench/peers/js";
const INSTALL = "node scripts/install-js-peers.mjs";

/** A library and its package. */
interface Installed {
  readonly name: string;
  /** The package that it needs. */
  readonly needs: string;
}

export const jax: Installed = { name: "jax-js", needs: "@jax-js/jax" };

/** The version that is installed of a library; undefined where none is, which a line says. */
export function versionOf({ name, needs }: Installed, note: (line: string) => void): string | undefined {
  const file = join(FOLDER, "node_modules", needs, "package.json");
  if (existsSync(file)) return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
  note(`${name} is left out: ${needs} is not installed; ${INSTALL} installs it`);
  return undefined;
}

/** The numbers of threads that jax-js is tried with. */
export const jaxThreads = (): readonly number[] => [...new Set([1, availableParallelism()])];

export const threadsInWords = (threads: number): string => `${threads} thread${threads === 1 ? "" : "s"}`;

interface JavaScriptPeer extends Installed {
  readonly script: string;
  /** Each way of starting it, in words and as arguments before the data's. */
  readonly starts: readonly { readonly words: string; readonly args: readonly string[] }[];
}

function javaScriptPeers(): readonly JavaScriptPeer[] {
  return [
    {
      name: "tfjs",
      needs: "@tensorflow/tfjs-backend-wasm",
      script: "tfjs.mjs",
      starts: [{ words: "1 thread, as its WebAssembly backend has it in Node", args: [] }],
    },
    {
      ...jax,
      script: "jax.mjs",
      starts: jaxThreads().map((threads) => ({ words: threadsInWords(threads), args: [String(threads)] })),
    },
  ];
}

/** Their steps take some ten times as long: so many times fewer make a block. */
const slower = 8;

/**
 * tfjs and jax-js, each in its fastest setting, on the VAE with one dense hidden layer; one that is not installed is left
 * out, and a line says so.
 * @param args the file of pixels and the model
 * @param block steps of ours in about a second
 */
export async function fastestJavaScript(
  args: readonly string[],
  block: number,
  note: (line: string) => void,
): Promise<Rival[]> {
  const rivals: Rival[] = [];
  for (const library of javaScriptPeers()) {
    if (!versionOf(library, note)) continue;
    const { name, script, starts } = library;
    note(`trying ${name}'s settings`);
    const steps = Math.ceil(block / slower);
    const candidates: Rival[] = [];
    for (const { words, args: before } of starts) {
      const peer = await startPeer(process.execPath, [join(FOLDER, script), ...before, ...args], {});
      const { choice } = await timeOf(peer, { tune: Math.ceil(steps / 5) });
      const setting = `${words}, ${JSON.stringify(choice)}`;
      candidates.push({ name, peer, setting, version: peer.version, block: steps });
    }
    rivals.push(await fastestOf(candidates, 3, note));
  }
  return rivals;
}
