import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The built command line, as a user runs it. */
export const cliFile = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

export interface CliResult {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each piece of standard error, e.g. to send a signal at the right moment. */
  readonly onStderr?: (text: string, child: ChildProcess) => void;
}

/** Runs `vaekit ...args` to its end. */
export function runCli(args: readonly string[], { cwd, env, onStderr }: CliOptions = {}): Promise<CliResult> {
  if (!existsSync(cliFile)) throw new Error("the command line is not built: run `npm run build` first");
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cliFile, ...args], { cwd, env: { ...process.env, ...env } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      onStderr?.(text, child);
    });
    child.on("error", reject).on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
