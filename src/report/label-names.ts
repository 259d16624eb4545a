import type { Dataset } from "../data/dataset.ts";
import { spriteFactorNames } from "../data/sprites.ts";

/** Of the sprites, whose label is the shape, in the order of its classes. */
const spriteShapes = ["square", "ellipse", "heart"] as const;

/** What a data set's labels are called; undefined where they are but numbers. */
export function labelNamesOf({ name, factors }: Pick<Dataset, "name" | "factors">): readonly string[] | undefined {
  const drawnHere = name === "sprites" && factors?.names.join() === spriteFactorNames.join();
  return drawnHere ? spriteShapes : undefined;
}
