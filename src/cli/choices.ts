import type { AddHelpTextContext } from "commander";
import { choices } from "../config.choices.ts";

/** For --help: each key of the config that names a part, and the parts that there are, a line or more each. */
export function choicesHelp({ command }: AddHelpTextContext): string {
  const helper = command.createHelp();
  helper.prepareContext({ helpWidth: process.stdout.columns ?? 80 });
  const width = Math.max(
    ...Object.values(choices).flatMap(({ parts }) => Object.keys(parts).map((name) => name.length)),
  );
  const sections = Object.entries(choices).map(([key, { heading, parts }]) => {
    const items = Object.entries(parts).map(([name, said]) => helper.formatItem(name, width, said, helper));
    return [`${heading} (${key}):`, ...items].join("\n");
  });
  return `\n${sections.join("\n\n")}`;
}
