import { lower } from "../graph/lower.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Backend, DeviceArray, Executable, Model, Value } from "../runtime/backend.ts";
import { carried, fresh, lengthOf } from "./device-graphs.ts";
import { type Slot, viewOf } from "./layout.ts";

/** Where the processor keeps an array: parts of one of its flat buffers. */
export interface Home {
  readonly buffer: Float32Array;
  readonly slots: readonly Slot[];
  readonly shape: readonly number[];
}

export interface Graph {
  readonly executable: Executable;
  readonly inputs: readonly string[];
}

type Values = Readonly<Record<string, Value>>;

/** The arrays on a device, by name, and the graphs that read and replace them. */
export interface DeviceArrays {
  /** The graph of a name, compiled when it is first needed: outputs with `fresh` before their name stay on the device. */
  graph(name: string, outputs: () => Readonly<Record<string, Tensor>>): Promise<Graph>;
  /** A graph that was lowered already. */
  open(model: Model, inputs: readonly string[], keep: readonly string[]): Promise<Graph>;
  /**
   * Runs with what the device holds, what is given, and what is still at home. When all of it has run, new arrays take
   * the place of the old, which are released. Returns what came back.
   */
  launch(graph: Graph, given?: Values): Promise<Values>;
  /** Brings arrays from their homes to the device, where it holds them not. */
  upload(names: readonly string[]): Promise<void>;
  /** Brings all arrays that have a home there, and releases them. */
  download(): Promise<void>;
  /** Lets an array take the name, and place, of another. */
  rename(from: string, to: string): void;
  drop(names: Iterable<string>): void;
  /** Releases all arrays, and all graphs, also those that are being opened. */
  release(): Promise<void>;
}

export function deviceArrays(backend: Backend, threads: number, homes: ReadonlyMap<string, Home>): DeviceArrays {
  const held = new Map<string, DeviceArray>();
  const graphs = new Map<string, Promise<Graph>>();
  const opening: Promise<Graph>[] = [];

  const hold = (name: string, array: DeviceArray) => {
    held.get(name)?.release();
    held.set(name, array);
  };
  const drop = (names: Iterable<string>) => {
    for (const name of names) {
      held.get(name)?.release();
      held.delete(name);
    }
  };
  const open: DeviceArrays["open"] = (model, inputs, keep) => {
    const graph = backend.compile(model, { threads, keep }).then((executable) => ({ executable, inputs }));
    opening.push(graph);
    return graph;
  };
  const compile = (outputs: Readonly<Record<string, Tensor>>): Promise<Graph> => {
    const lowered = lower(outputs);
    const keep = Object.keys(outputs).filter((name) => name.startsWith(fresh));
    return open(
      lowered,
      lowered.inputs.map(({ name }) => name),
      keep,
    );
  };
  const graph: DeviceArrays["graph"] = (name, outputs) => {
    const found = graphs.get(name) ?? compile(outputs());
    graphs.set(name, found);
    return found;
  };

  const launch: DeviceArrays["launch"] = async ({ executable, inputs }, given = {}) => {
    const fed = inputs.map((name) => [name, held.get(name) ?? given[name] ?? readFrom(homes.get(name)!)] as const);
    const { values, kept } = await executable.runKeeping(Object.fromEntries(fed));
    for (const [name, array] of Object.entries(kept))
      hold(name.startsWith(fresh) ? name.slice(fresh.length) : name, array);
    return values;
  };
  const carry = (names: readonly string[], prefix: string): Promise<Graph> =>
    graph(`${prefix} ${names}`, () =>
      carried(
        names.map((name) => ({ name, shape: homes.get(name)!.shape })),
        prefix,
      ),
    );

  return {
    graph,
    open,
    launch,
    async upload(names) {
      const missing = names.filter((name) => !held.has(name));
      if (missing.length > 0) await launch(await carry(missing, fresh));
    },
    async download() {
      const names = [...held.keys()].filter((name) => homes.has(name)).sort();
      if (names.length === 0) return;
      const values = await launch(await carry(names, home));
      for (const name of names) writeTo(homes.get(name)!, values[`${home}${name}`]!);
      drop(names);
    },
    rename(from, to) {
      const array = held.get(from)!;
      held.delete(from);
      hold(to, array);
    },
    drop,
    async release() {
      drop([...held.keys()]);
      const settled = await Promise.allSettled(opening); // one that was refused was told where it was needed
      await Promise.all(
        settled.map((one) => (one.status === "fulfilled" ? one.value.executable.release() : undefined)),
      );
    },
  };
}

/** Stands before the names of outputs that come back from the device. */
const home = "home:";

function readFrom({ buffer, slots, shape }: Home): Value {
  const data = new Float32Array(lengthOf(slots));
  let offset = 0;
  for (const slot of slots) {
    data.set(viewOf(buffer, slot), offset);
    offset += slot.length;
  }
  return { data, shape };
}

function writeTo({ buffer, slots }: Home, { data }: Value): void {
  let offset = 0;
  for (const slot of slots) {
    viewOf(buffer, slot).set((data as Float32Array).subarray(offset, offset + slot.length));
    offset += slot.length;
  }
}
