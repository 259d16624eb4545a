import { load } from "../models/open.web.ts";
import { encode } from "./encode.ts";
import { generate } from "./generate.ts";
import { interpolate } from "./interpolate.ts";
import { reconstruct } from "./reconstruct.ts";
import { traverse } from "./traverse.ts";

/** What a page does with a trained model, together, as it is loaded. */
export const withModel = { load, encode, generate, interpolate, reconstruct, traverse };
