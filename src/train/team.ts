import { RunError } from "../errors.ts";
import { isSymbolic } from "../graph/shape.ts";
import type { Alias } from "../runtime/kernels.ts";
import type { Command, Member } from "./member.ts";
import type { LoweredObjective, Plan } from "./plan.ts";

/* How the members of a training, one in each thread, do the same command at once: through shared memory. */

/** What a helper, the thread of another member, starts with. */
export interface HelperTask {
  readonly plan: Plan;
  /** Shared. */
  readonly memory: WebAssembly.Memory;
  readonly index: number;
  readonly control: SharedArrayBuffer;
}

/** A thread that is a member. */
export interface Helper {
  /** Resolves when it waits for commands. */
  readonly ready: Promise<void>;
  /** What it ended of, if it ended before it was told to. */
  failure(): Error | undefined;
  /** Resolves when it has ended, as it was told to or by itself. */
  ended(): Promise<void>;
}

/** How a training gets other threads. Handed in, so that a bundle for browsers, which have none, is smaller. */
export interface Helpers {
  readonly alias: Alias;
  /** Starts a thread that calls `help` with the task. */
  start(task: HelperTask): Helper;
  readonly assemble: typeof assemble;
}

export interface Team {
  /** Has every member obey; the sum of what they return, in their order. */
  together(command: Command): Promise<number>;
  release(): Promise<void>;
}

/** Floating-point operations of a batch's matrix products that a thread must have to outweigh the exchange … */
const leastFlops = 1e8;
/** … and so many rows are enough of any network (docs/dev/performance.md). */
const enoughRows = 32;

/** Bytes of a row's largest tensor, of all rows of a part together, that stay in a core's cache. */
const cacheBytes = 2 ** 20;

/** Parameters are read again for each part: its rows should move so many times more bytes. */
const outweighed = 4;

/** Floats of the gradients of all parts and objectives together: 256 MiB. */
const mostFloats = 2 ** 26;

/** How a batch is divided. */
interface Division {
  /** Threads that share its rows. */
  readonly members: number;
  /** Parts in which each computes its rows, so that what a part takes stays in the cache. */
  readonly pieces: number;
}

export const undivided: Division = { members: 1, pieces: 1 };

/** What decides how the rows of an objective are divided. */
interface Dividable {
  readonly objective: Pick<LoweredObjective["objective"], "weights">;
  readonly inputs: readonly Pick<LoweredObjective["inputs"][number], "name" | "shape">[];
  readonly cost: LoweredObjective["cost"];
}

/**
 * How the rows of a batch are divided: not at all, where an objective is not made of its examples alone, or where there
 * are too few rows or too many parameters.
 * @param floats of all parameters
 */
export function divisionFor(
  threads: number,
  batchSize: number,
  floats: number,
  objectives: readonly Dividable[],
): Division {
  const divisible = objectives.every(
    ({ objective: { weights }, inputs }) =>
      inputs.some(({ name }) => name === weights) && inputs.every(({ shape }) => !shape.slice(1).some(isSymbolic)),
  );
  if (!divisible) return undivided;
  const flops = Math.max(...objectives.map(({ cost }) => cost.flops));
  const bytes = Math.max(...objectives.map(({ cost }) => cost.largestBytes));
  const mostParts = Math.max(1, Math.floor(mostFloats / (floats * objectives.length)));
  const leastRows = Math.min(enoughRows, Math.ceil(leastFlops / Math.max(flops, 1)));
  const members = Math.max(1, Math.min(threads, mostParts, Math.floor(batchSize / leastRows)));
  const rows = Math.max(1, Math.floor(Math.max(cacheBytes, outweighed * 4 * floats) / bytes));
  const most = Math.min(Math.floor(mostParts / members), Math.floor(batchSize / members)); // a row at least
  const pieces = Math.max(1, Math.min(Math.round(batchSize / members / rows), most));
  return { members, pieces };
}

/** A team of one. */
export function alone(member: Member): Team {
  return { together: (command) => member.obey(command), release: () => member.release() };
}

/**
 * The first member, with as many helpers as the plan has others, once all of them wait for commands.
 * @throws what kept a helper from that; nothing is left behind
 */
export async function assemble(
  member: Member,
  plan: Plan,
  memory: WebAssembly.Memory,
  start: Helpers["start"],
): Promise<Team> {
  const control = createControl(plan);
  const started: Helper[] = [];
  const team = lead(member, started, control, plan);
  try {
    for (let index = 1; index < plan.members; index++) started.push(start({ plan, memory, index, control }));
    await Promise.all(started.map(({ ready }) => ready));
    return team;
  } catch (error) {
    await team.release();
    throw error;
  }
}

// The control block: the turn and the length of the command's text; each helper's answer, in a cache line of its own; the
// text.
const line = 64;
const answerAt = (index: number): number => index * line;
const textAt = (members: number): number => members * line;
const textBytes = ({ members, pieces }: Divided): number => 4096 + 32 * members * pieces;

type Divided = Pick<Plan, "members" | "pieces">;

/** A control block for a plan's members. */
function createControl(plan: Divided): SharedArrayBuffer {
  return new SharedArrayBuffer(textAt(plan.members) + textBytes(plan));
}

/** How long a thread looks for a change before it sleeps, or lets others of its thread run. */
const spinMilliseconds = 2;

/** Whether the turn came while it was looked for. */
function seen(turns: Int32Array, turn: number): boolean {
  const began = performance.now();
  do {
    for (let i = 0; i < 200; i++) if (((Atomics.load(turns, 0) - turn) | 0) >= 0) return true; // turns run over 2³¹
  } while (performance.now() - began < spinMilliseconds);
  return false;
}

/** A helper's turns, until the end: at each it obeys a command. */
export async function help(member: Member, { index, plan, control }: HelperTask): Promise<void> {
  const turns = new Int32Array(control);
  const answer = answerOf(control, index);
  for (let turn = 1; ; turn = (turn + 1) | 0) {
    while (!seen(turns, turn)) Atomics.wait(turns, 0, (turn - 1) | 0);
    const command = readCommand(control, plan.members);
    if (command === "end") return;
    answer.result[0] = await member.obey(command);
    Atomics.store(answer.turn, 0, turn);
  }
}

/** Leads helpers, whose answers it waits for. */
function lead(member: Member, helpers: readonly Helper[], control: SharedArrayBuffer, plan: Divided): Team {
  const turns = new Int32Array(control);
  const answers = Array.from({ length: plan.members - 1 }, (_, i) => answerOf(control, i + 1));
  let turn = 0;
  const tell = (command: Command | "end") => {
    writeCommand(control, plan, command);
    turn = (turn + 1) | 0;
    Atomics.store(turns, 0, turn);
    Atomics.notify(turns, 0);
  };
  const answered = async (i: number): Promise<void> => {
    while (!seen(answers[i]!.turn, turn)) {
      await new Promise((resolve) => setTimeout(resolve)); // lets the end of a thread be heard of
      const failure = helpers[i]!.failure();
      if (failure) throw failure;
    }
  };
  return {
    async together(command) {
      tell(command);
      const own = await member.obey(command).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      for (const i of answers.keys()) await answered(i); // also where it failed: no command overtakes another
      if ("error" in own) throw own.error;
      return answers.reduce((sum, { result }) => sum + result[0]!, own.value);
    },
    async release() {
      tell("end");
      await Promise.all([member.release(), ...helpers.map((helper) => helper.ended())]);
    },
  };
}

/** The last turn that a helper has done, and what came of it. */
const answerOf = (control: SharedArrayBuffer, index: number) => ({
  turn: new Int32Array(control, answerAt(index), 1),
  result: new Float64Array(control, answerAt(index) + 8, 1),
});

// As text: a command is some hundred bytes, and settings may be added without a thought for their place.
function writeCommand(control: SharedArrayBuffer, plan: Divided, command: Command | "end"): void {
  const text = new TextEncoder().encode(JSON.stringify(command));
  if (text.length > textBytes(plan))
    throw new RunError(`a command of ${text.length} bytes is too long for the threads of a training`);
  new Uint8Array(control, textAt(plan.members)).set(text);
  new Int32Array(control, 4, 1)[0] = text.length;
}

function readCommand(control: SharedArrayBuffer, members: number): Command | "end" {
  const length = new Int32Array(control, 4, 1)[0]!;
  const text = new Uint8Array(control, textAt(members), length).slice(); // decoders refuse shared memory
  return JSON.parse(new TextDecoder().decode(text)) as Command | "end";
}
