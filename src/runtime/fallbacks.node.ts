import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunError } from "../errors.ts";
import type { Backend, Model, Value } from "./backend.ts";

/** What ONNX Runtime's profile tells of a node that has run. */
interface ProfileEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly args?: {
    readonly op_name?: string;
    readonly provider?: string;
    readonly input_type_shape?: readonly TypeAndShape[];
    readonly output_type_shape?: readonly TypeAndShape[];
  };
}

/** { "float": [128, 20] } */
type TypeAndShape = Readonly<Record<string, readonly number[]>>;

/** The session options of a run that is profiled. */
export interface Profiling {
  readonly enableProfiling: true;
  readonly profileFilePrefix: string;
}

/**
 * Operators of a model that run on the processor for want of one on the graphics card, and how often each. The model is
 * compiled and run once with ONNX Runtime's profile, which names the provider of each node.
 * @param profiled a backend with these session options
 * @throws RunError where ONNX Runtime writes no profile; what the file system refuses
 */
export async function operatorsOnProcessor(
  profiled: (options: Profiling) => Backend,
  model: Model,
  feeds: Readonly<Record<string, Value>>,
): Promise<Readonly<Record<string, number>>> {
  const folder = await mkdtemp(join(tmpdir(), "vaekit-profile-"));
  try {
    const backend = profiled({ enableProfiling: true, profileFilePrefix: join(folder, "profile") });
    const executable = await backend.compile(model);
    try {
      await executable.run(feeds);
    } finally {
      await executable.release(); // ends the profile
    }
    const [file] = await readdir(folder);
    if (file === undefined) throw new RunError(`ONNX Runtime wrote no profile to ${folder}`);
    return onProcessor(JSON.parse(await readFile(join(folder, file), "utf8")) as readonly ProfileEvent[]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** How often each operator ran on the processor, the most frequent first. */
export function onProcessor(events: readonly ProfileEvent[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { cat, name, args } of events) {
    if (cat !== "Node" || !name?.endsWith("_kernel_time") || args?.provider !== "CPUExecutionProvider") continue;
    if (isAboutShapes(args)) continue;
    counts.set(args.op_name!, (counts.get(args.op_name!) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
}

/** Arithmetic on a few integers, such as shapes: ONNX Runtime has it done by the processor on purpose. */
function isAboutShapes({ op_name, input_type_shape = [], output_type_shape = [] }: NonNullable<ProfileEvent["args"]>) {
  const types = [...input_type_shape, ...output_type_shape].flatMap(Object.entries<readonly number[]>);
  return (
    op_name === "Shape" || op_name === "Size" || types.every(([type, shape]) => type === "int64" && shape.length < 2)
  );
}
