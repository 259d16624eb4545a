import { expect, test } from "vitest";
import { openBrowserPage } from "./browser-page.ts";
import { findChromium, noChromium } from "./chromium.ts";
import { drawAll } from "./draws.ts";

const executable = findChromium();
if (!executable) console.warn(`skipped: the browser's draws are not compared with Node's; ${noChromium}`);

test.skipIf(!executable)("a browser draws what Node draws, bit for bit", { timeout: 60_000 }, async () => {
  const { page, close } = await openBrowserPage({ entry: "test/draws.ts", isolated: false });
  try {
    // As text: vitest rewrites import() in code.
    const drawn = await page.evaluate<ReturnType<typeof drawAll>>(
      'import("/entry.js").then((draws) => draws.drawAll())',
    );
    const expected = drawAll();
    expect(Object.keys(drawn)).toEqual(["normals", "uniforms", "binarized"]);
    for (const [kind, bytes] of Object.entries(expected)) {
      expect(drawn[kind]?.length, kind).toBe(bytes.length);
      const different = bytes.filter((byte, i) => byte !== drawn[kind]?.[i]).length;
      expect(different, `${kind}: bytes that differ`).toBe(0);
    }
  } finally {
    await close();
  }
});
