import sharp from "sharp";
import { expect, test } from "vitest";
import type { Picture } from "./grid.ts";
import { encodePng, toDataUri } from "./png.node.ts";

async function roundTrip(picture: Picture) {
  const png = await encodePng(picture);
  const { channels } = await sharp(png).metadata();
  const image = sharp(png).toColourspace(picture.channels === 1 ? "b-w" : "srgb");
  return { channels, pixels: new Uint8Array(await image.raw().toBuffer()) };
}

test.each([1, 3] as const)("a PNG of %i channels holds the picture's very pixels", async (channels) => {
  const pixels = Uint8Array.from({ length: 5 * 4 * channels }, (_, k) => (k * 97) % 256);
  const back = await roundTrip({ width: 5, height: 4, channels, pixels });
  expect(back).toEqual({ channels, pixels });
});

test("a data URI holds the file, also when the bytes are a part of a larger buffer", () => {
  const bytes = Uint8Array.of(9, 1, 2, 3, 9).subarray(1, 4);
  expect(toDataUri(bytes)).toBe("data:image/png;base64,AQID");
});
