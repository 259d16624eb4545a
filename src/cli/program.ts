import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { UsageError, VaekitError } from "../errors.ts";
import { register as registerEncode } from "./encode.ts";
import { register as registerEvaluate } from "./evaluate.ts";
import { register as registerExport } from "./export.ts";
import { register as registerInspect } from "./inspect.ts";
import { register as registerInterpolate } from "./interpolate.ts";
import { register as registerReconstruct } from "./reconstruct.ts";
import { register as registerReport } from "./report.ts";
import { register as registerSample } from "./sample.ts";
import { describeLostOutput, isClosedPipe, NOBODY_READS, tolerate } from "./streams.ts";
import { register as registerTrain } from "./train.ts";
import { register as registerTraverse } from "./traverse.ts";

// Each command imports the library inside its action, so that --help loads nothing but commander.

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

/** Runs one command line, without the program's own name, and returns its exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const lostOutput = tolerate(process.stdout);
  tolerate(process.stderr);
  const program = createProgram();
  let command = "";
  program.hook("preAction", (_, running) => {
    command = running.name();
  });
  const code = await run(program, argv);
  const lost = await lostOutput();
  if (!lost || code !== DONE) return code;
  if (isClosedPipe(lost)) return PRINTING.includes(command) ? NOBODY_READS : DONE;
  process.stderr.write(`error: ${await describeLostOutput(lost)}\n`);
  return FAILED;
}

/** Commands whose product is what they print. The others leave files, and print where. */
const PRINTING: readonly string[] = ["evaluate", "inspect"];

async function run(program: Command, argv: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(argv, { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : DONE; // train sets it when a signal stops it
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : WRONG_USAGE;
    process.stderr.write(`${describeError(error)}\n`);
    return error instanceof UsageError ? WRONG_USAGE : FAILED;
  }
}

function createProgram(): Command {
  const program = new Command("vaekit")
    .description("Variational autoencoders: train on your own data, evaluate in nats, generate, embed and export.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .showHelpAfterError("Run the command with --help to see what it takes.")
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .exitOverride();

  program.commandsGroup("Train and judge:");
  registerTrain(program);
  registerEvaluate(program);
  registerReport(program);
  program.commandsGroup("Make pictures:");
  registerSample(program);
  registerReconstruct(program);
  registerInterpolate(program);
  registerTraverse(program);
  program.commandsGroup("Use elsewhere:");
  registerEncode(program);
  registerExport(program);
  registerInspect(program);

  return program.addHelpText(
    "after",
    `
DATA is an IDX file (.gz or not), a folder with the four MNIST-named files, or "sprites", which is drawn on the spot.
RUN is the directory that train writes.

Examples:
  vaekit train sprites --out runs/sprites --epochs 5
  vaekit evaluate runs/sprites --samples 100
  vaekit sample runs/sprites -n 100 --out samples.png

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 or 143 stopped by a signal (training can be resumed),
141 nobody read what evaluate or inspect printed.`,
  );
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return version;
}

/** What a user sees of an error: the message alone when it is theirs to mend, the stack when it is ours. */
function describeError(error: unknown): string {
  if (error instanceof VaekitError) return `error: ${error.message}`;
  if (isSystemError(error)) return `error: ${error.message}`; // a full disk, a missing right
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `error: this is a bug in vaekit; please report it with what follows\n${stack}`;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "code" in error;
}
