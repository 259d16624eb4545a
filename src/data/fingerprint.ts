import { DataError } from "../errors.ts";
import { checkExamples } from "./check.ts";
import type { Dataset, Examples } from "./dataset.ts";

/**
 * The examples with their fingerprint computed: a data set.
 * @throws DataError for what is no data set otherwise
 */
export async function fingerprinted(examples: Examples): Promise<Dataset> {
  checkExamples(examples, "examples");
  return { ...examples, fingerprint: await fingerprint(examples.values, examples.event) };
}

const chunkBytes = 2 ** 22;

/** Hashed in chunks, whose hashes are hashed, since the platform copies what it hashes. */
async function fingerprint(values: Uint8Array | Float32Array, event: readonly number[]): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new DataError("this page cannot compute SHA-256, which browsers allow on https and localhost only");
  }
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const type = values instanceof Uint8Array ? "uint8" : "float32";
  const parts = [`${type} ${event.join("x")}`];
  for (let at = 0; at < bytes.length; at += chunkBytes) parts.push(await sha256(bytes.subarray(at, at + chunkBytes)));
  return (await sha256(new TextEncoder().encode(parts.join("\n")))).slice(0, 16);
}

/** In hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
