import { suggest } from "../../nearest.ts";
import type { Refuse } from "./window.ts";

/** The names of an interface's options: one entry for each, or it does not compile. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/** Refuses an option that is not known, naming the nearest that is: a misspelt one would change nothing, unnoticed. */
export function checkOptions(options: object, known: Readonly<Record<string, true>>, refuse: Refuse): void {
  const stranger = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (stranger !== undefined) throw refuse(`${stranger}: unknown option; ${suggest(stranger, Object.keys(known))}`);
}
