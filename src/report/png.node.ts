import type { Picture } from "./grid.ts";

/** The picture as a PNG file, lossless; a grey picture stays grey (one byte a pixel before compression). */
export async function encodePng(picture: Picture): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp"); // a native library: loaded only by those who write pictures
  const { width, height, channels, pixels } = picture;
  const image = sharp(pixels, { raw: { width, height, channels } });
  return image
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/** A PNG file as an address that holds the file itself, for the src of an <img>. */
export function toDataUri(png: Uint8Array): string {
  return `data:image/png;base64,${Buffer.from(png.buffer, png.byteOffset, png.byteLength).toString("base64")}`;
}
