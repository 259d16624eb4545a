import type * as SpritesCode from "../data/sprites.ts";
import type * as TransferCode from "../storage/transfer.web.ts";
import type { withModel } from "./with-model.web.ts";

/*
 * Functions of a page whose code is loaded when one of them is first called: not every page that trains draws sprites,
 * opens a trained model or carries runs elsewhere. What each does is said where its code stands.
 */

/** Functions of code that is loaded. Once it is, a call begins as one of the code itself does: at once, not a turn later. */
function from<Code extends object>(load: () => Promise<Code>) {
  let code: Code | undefined;
  return <Name extends keyof Code>(name: Name): Code[Name] => {
    const call = async (...given: readonly unknown[]) => {
      code ??= await load();
      return (code[name] as (...given: readonly unknown[]) => unknown)(...given);
    };
    return call as Code[Name];
  };
}

type WithModel = typeof withModel;
const ofModel = from(async () => (await import("./with-model.web.ts")).withModel);
export const load: WithModel["load"] = ofModel("load");
export const encode: WithModel["encode"] = ofModel("encode");
export const generate: WithModel["generate"] = ofModel("generate");
export const interpolate: WithModel["interpolate"] = ofModel("interpolate");
export const reconstruct: WithModel["reconstruct"] = ofModel("reconstruct");
export const traverse: WithModel["traverse"] = ofModel("traverse");

const ofStorage = from<typeof TransferCode>(() => import("../storage/transfer.web.ts"));
export const listRuns: typeof TransferCode.listRuns = ofStorage("listRuns");
export const readRun: typeof TransferCode.readRun = ofStorage("readRun");
export const removeRun: typeof TransferCode.removeRun = ofStorage("removeRun");
export const writeRun: typeof TransferCode.writeRun = ofStorage("writeRun");

const ofSprites = from<typeof SpritesCode>(() => import("../data/sprites.ts"));
export const sprites: typeof SpritesCode.sprites = ofSprites("sprites");
