/** A chart of the report as a picture of its own: on white, its colours fixed. */
export function standaloneSvg(svg: string): string {
  return `${svg
    .replaceAll(/var\(--[\w-]+, (#[0-9a-f]+)\)/g, "$1")
    .replace(/^<svg[^>]*>/, (open) => `${open}<rect width="100%" height="100%" fill="#ffffff"/>`)}\n`;
}
