import type { Backend, DeviceArray, Value } from "../src/runtime/backend.ts";
import { cpuBackend } from "../src/runtime/ort.node.ts";

/* For tests: a device with memory of its own that is none. */

export interface Watched {
  readonly backend: Backend;
  /** Arrays that are on the device now. */
  live(): number;
  /** Names of what runs were fed with from outside the device since the last call. */
  fed(): ReadonlySet<string>;
  /** Lets the next run that keeps an output of this name fail. */
  failAt(name: string): void;
}

/** The processor, whose kept outputs count as arrays on a device: they may be fed until they are released, once. */
export async function residentBackend(options: Partial<Backend> = {}): Promise<Watched> {
  const inner = await cpuBackend(1);
  const alive = new Set<unknown>();
  let names = new Set<string>();
  let failing: string | undefined;
  const watched = (array: DeviceArray): DeviceArray => {
    alive.add(array.handle);
    return {
      ...array,
      release() {
        if (!alive.delete(array.handle)) throw new Error("released twice");
        array.release();
      },
    };
  };
  const check = (feeds: Readonly<Record<string, Value | DeviceArray>>) => {
    for (const [name, value] of Object.entries(feeds)) {
      if ("data" in value) names.add(name);
      else if (!alive.has(value.handle)) throw new Error(`"${name}" is fed after its release`);
    }
  };
  const backend: Backend = {
    ...inner,
    device: "resident",
    resident: true,
    async compile(model, given) {
      const executable = await inner.compile(model, given);
      return {
        ...executable,
        async runKeeping(feeds) {
          check(feeds);
          if (failing !== undefined && given?.keep?.includes(failing)) {
            failing = undefined;
            throw new Error("the device failed");
          }
          const { values, kept } = await executable.runKeeping(feeds);
          return {
            values,
            kept: Object.fromEntries(Object.entries(kept).map(([name, array]) => [name, watched(array)])),
          };
        },
      };
    },
    ...options,
  };
  return {
    backend,
    live: () => alive.size,
    fed() {
      const last = names;
      names = new Set();
      return last;
    },
    failAt(name) {
      failing = name;
    },
  };
}
