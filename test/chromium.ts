import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/**
 * The Chromium to test with: VAEKIT_CHROMIUM, or the first known name on the PATH. Undefined when there is none,
 * which is an error where CI=true, so that no test is left out there unnoticed.
 */
export function findChromium(): string | undefined {
  const named = process.env.VAEKIT_CHROMIUM;
  if (named) {
    if (!isExecutable(named)) throw new Error(`VAEKIT_CHROMIUM: ${named} is not an executable file`);
    return named;
  }
  const folders = ["/usr/bin", ...(process.env.PATH ?? "").split(delimiter)];
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
  if (!found && process.env.CI === "true") throw new Error(noChromium);
  return found;
}

/** What to say when a test is left out. */
export const noChromium =
  "no Chromium found: install it with `bash scripts/install-chromium.sh`, or set VAEKIT_CHROMIUM to its path";

/** @param flags added to the command line; with --enable-gpu among them, a graphics card is used where there is one */
export function launchChromium(executablePath: string, flags: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      ...(flags.includes("--enable-gpu") ? [] : ["--disable-gpu"]),
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...flags,
    ],
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
