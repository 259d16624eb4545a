import { accessSync, constants, existsSync, statSync } from "node:fs";
import { basename, dirname, extname } from "node:path";
import { UsageError } from "../errors.ts";

/**
 * Refuses an output file that could not be written, before long work is done for it: a wrong extension, a folder that
 * is not there or not writable. Throws a UsageError that names the option.
 */
export function checkOutputFile(flag: string, file: string, extensions: readonly string[]): void {
  if (!extensions.includes(extname(file).toLowerCase())) {
    throw new UsageError(`${flag}: expected a file name ending in ${extensions.join(" or ")}, got "${file}"`);
  }
  if (/\\|^[A-Za-z]:/.test(basename(file))) {
    throw new UsageError(
      `${flag}: expected a name without "\\" or a drive's ":", which not every system takes, got "${file}"`,
    );
  }
  const folder = dirname(file);
  if (!existsSync(folder)) throw new UsageError(`${flag}: the folder "${folder}" does not exist; create it first`);
  if (!statSync(folder).isDirectory()) throw new UsageError(`${flag}: "${folder}" is a file, not a folder`);
  if (existsSync(file) && statSync(file).isDirectory()) {
    throw new UsageError(`${flag}: expected a file, got the folder "${file}"`);
  }
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw new UsageError(`${flag}: the folder "${folder}" is not writable for you`);
  }
}

/** Prints a command's result: one JSON object with --json, else lines for people. */
export function printResult(json: boolean | undefined, result: object, lines: readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${lines.join("\n")}\n`);
}

/** Rows of a table as lines, columns apart by two spaces; numbers stand at the right of their column. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column]!;
        return column > 0 && /^[\d.,+\-−±]+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

/** 12,345. Not by toLocaleString, whose first call takes 25 ms, just before the first step of a training. */
export function formatCount(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** 4m05s, 1h02m, 12s */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (value: number) => String(value).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${pad(Math.floor((whole % 3600) / 60))}m`;
}

/** A path as a shell takes it. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
