import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";

/** Another program in a process of its own, which answers each line of JSON by one. It sleeps between questions. */
export interface Peer {
  /** Of the library that it runs. */
  readonly version: string;
  ask(question: object): Promise<unknown>;
  /** Ends it. */
  close(): Promise<void>;
}

/**
 * Starts a peer and puts it to sleep. Asleep it is stopped by the system (SIGSTOP): threads that spin while they wait
 * for work would else take the processor from what is measured meanwhile.
 */
export async function startPeer(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Peer> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...environment } });
  const kill = () => child.kill("SIGKILL"); // it has nothing to lose, and a stopped one hears nothing else
  process.on("exit", kill); // none stays behind, stopped
  child.on("close", () => process.off("exit", kill));
  const ended = new Promise<never>((_, reject) => {
    child.on("error", (error) => reject(new Error(`${command}: ${error.message}`)));
    child.on("close", (code) => reject(new Error(`${command} ${args[0] ?? ""} ended with exit code ${code}`)));
  });
  ended.catch(() => {}); // an end that nobody waits for is no error
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    const { value, done } = await Promise.race([lines.next(), ended]);
    if (done) return ended;
    return JSON.parse(value);
  };
  const { ready: version } = (await answer()) as { readonly ready: string };
  const sleep = () => {
    child.kill("SIGSTOP");
    hold(child, false);
  };
  sleep();
  return {
    version,
    async ask(question) {
      hold(child, true);
      child.kill("SIGCONT");
      child.stdin!.write(`${JSON.stringify(question)}\n`);
      const answered = await answer();
      sleep();
      return answered;
    },
    close: () => close(child),
  };
}

/** A peer that nobody waits for does not keep this process from ending, as where a case fails. */
function hold(child: ChildProcess, held: boolean): void {
  for (const handle of [child, child.stdin as Socket, child.stdout as Socket]) {
    if (held) handle.ref();
    else handle.unref();
  }
}

function close(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    hold(child, true);
    child.on("close", () => resolve());
    child.kill("SIGKILL");
  });
}
