import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Another program in a process of its own, which answers each line of JSON by one. It sleeps between questions. */
export interface Peer {
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
  await answer(); // it says that it is ready
  child.kill("SIGSTOP");
  return {
    async ask(question) {
      child.kill("SIGCONT");
      child.stdin!.write(`${JSON.stringify(question)}\n`);
      const answered = await answer();
      child.kill("SIGSTOP");
      return answered;
    },
    close: () => close(child),
  };
}

function close(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.on("close", () => resolve());
    child.kill("SIGKILL"); // it has nothing to lose, and a stopped one hears nothing else
  });
}
