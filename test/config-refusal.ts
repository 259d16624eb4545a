import { expect } from "vitest";
import { parseConfig } from "../src/config.ts";
import { UsageError } from "../src/errors.ts";

/** The message of the UsageError that an action throws. */
export function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error("expected a UsageError");
}

/** What a config is refused with, a line for each defect. */
export const refused = (value: unknown): string[] => messageOf(() => parseConfig(value, "c.json")).split("\n");
