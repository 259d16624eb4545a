const signatures: readonly (readonly [start: string, content: string])[] = [
  ["\x89PNG", "a PNG image"],
  ["\xff\xd8\xff", "a JPEG image"],
  ["GIF8", "a GIF image"],
  ["BM", "a BMP image"],
  ["\x1f\x8b", "gzip"],
  ["\x93NUMPY", "a NumPy .npy file"],
  ["PK\x03\x04", "a zip archive (.npz, for one)"],
  ["PAR1", "a Parquet file"],
  ["\x89HDF", "an HDF5 file"],
  ["%PDF", "a PDF document"],
  ["BZh", "bzip2"],
  ["\xfd7zXZ", "xz"],
  ["\x28\xb5\x2f\xfd", "zstd"],
  ["\x80\x02", "a Python pickle"],
  ["\x80\x03", "a Python pickle"],
  ["\x80\x04", "a Python pickle"],
  ["\x80\x05", "a Python pickle"],
];

/** What the first bytes of a file look like, for messages: `a PNG image`, `text ("a,b,c...")`, `bytes 01 02 03 04`. */
export function describeContent(bytes: Uint8Array): string {
  const head = bytes.subarray(0, 64);
  const latin = String.fromCharCode(...head);
  const known = signatures.find(([start]) => latin.startsWith(start));
  if (known) return known[1];
  const text = new TextDecoder().decode(head, { stream: true }); // a character cut in two at the end is left out
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what text does not have.
  if (head.length > 0 && !/[\u0000-\u0008\u000e-\u001f\u007f\ufffd]/.test(text)) {
    const line = text
      .trim()
      .split(/[\r\n]/, 1)[0]!
      .slice(0, 30);
    return `text (${JSON.stringify(line)}...)`;
  }
  return `bytes ${Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
}
