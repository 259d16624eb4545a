import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Asked } from "./browser/opfs-page.ts";
import { type BrowserPage, openBrowserPage } from "./browser-page.ts";
import { findChromium, noChromium } from "./chromium.ts";
import { storageLaws } from "./storage-laws.ts";

/* The storage in the browser's Origin Private File System. */

const executable = findChromium();
if (!executable) console.warn(`skipped: the storage of a browser; ${noChromium}`);

type Where = "answer" | "answerInWorker";

function ask(page: Page, asked: Asked, where: Where = "answer"): Promise<unknown> {
  return page.evaluate(`import("/entry.js").then((entry) => entry.${where}(${JSON.stringify(asked)}))`);
}

describe.skipIf(!executable)("in headless Chromium", () => {
  let browser: BrowserPage;
  let page: Page;

  beforeAll(async () => {
    browser = await openBrowserPage({
      entry: "test/browser/opfs-page.ts",
      workers: { "opfs-worker": "test/browser/opfs-worker.ts" },
      isolated: true, // for the law of memory that threads share
      flags: ["--host-resolver-rules=MAP insecure.test 127.0.0.1"],
    });
    page = browser.page;
  });
  afterAll(async () => {
    await browser?.close();
  });

  /** Does something in another tab, which is closed then. */
  async function inOtherTab<T>(action: (other: Page) => Promise<T>, url = page.url()): Promise<T> {
    const other = await page.context().newPage();
    try {
      await other.goto(url);
      return await action(other);
    } finally {
      await other.close();
    }
  }

  /** All that there is in a folder, hidden or not. */
  function raw(path: string): Promise<string[]> {
    return page.evaluate(`(async () => {
      let folder = await navigator.storage.getDirectory();
      for (const part of ${JSON.stringify(path.split("/"))}) folder = await folder.getDirectoryHandle(part);
      const names = [];
      for await (const name of folder.keys()) names.push(name);
      return names.sort();
    })()`);
  }

  test.each<[string, Where]>([
    ["a page", "answer"],
    ["a worker", "answerInWorker"],
  ])("the laws of storages hold in %s", async (name, where) => {
    expect(Object.keys(storageLaws).length).toBeGreaterThan(10);
    expect(await page.evaluate("crossOriginIsolated")).toBe(true);
    expect(await ask(page, { do: "laws", path: `laws in ${name}` }, where)).toEqual({});
  });

  test("one tab or worker writes at a time, until it gives the lock back or ends", async () => {
    const [lock, release] = [
      { do: "lock", path: "runs/locked" } as const,
      { do: "release", path: "runs/locked" } as const,
    ];
    const refused = "RunError: opfs:/runs/locked is being written by this tab or another one; wait for it or stop it";
    await inOtherTab(async (other) => {
      expect(await ask(page, lock)).toBe("locked");
      expect(await ask(page, lock)).toBe(refused);
      expect(await ask(page, lock, "answerInWorker")).toBe(refused);
      expect(await ask(other, lock)).toBe(refused);
      expect(await ask(other, { do: "lock", path: "runs/other" })).toBe("locked");
      await ask(page, release);
      expect(await ask(other, lock)).toBe("locked");
      expect(await ask(page, lock)).toBe(refused);
    });
    await expect.poll(() => ask(page, lock, "answerInWorker")).toBe("locked"); // the tab that had it is closed
    expect(await ask(page, lock)).toBe(refused);
    await page.evaluate('import("/entry.js").then((entry) => entry.endWorker())');
    await expect.poll(() => ask(page, lock)).toBe("locked");
    await ask(page, release);
  });

  test.each(["close", "move"] as const)(
    "a tab closed while it writes, at %s, leaves no half of a file",
    async (call) => {
      const path = `runs/closed at ${call}`;
      const earlier = { do: "write", path, file: "model/a.json", content: "earlier" } as const;
      const file = call === "close" ? "model/a.json" : "model/new.json";
      await ask(page, earlier);
      const write = (name: string) =>
        inOtherTab(async (other) => {
          const asked = JSON.stringify({ do: "fill", path, file: name, bytes: 100_000 } satisfies Asked);
          await other.evaluate(
            `import("/entry.js").then((entry) => { const stalled = entry.stallAt("${call}"); entry.answer(${asked}); return stalled; })`,
          );
          expect(await ask(page, { do: "list", path, file: "model" })).toEqual(["a.json"]); // nor meanwhile
        });
      await write(file);
      if (call === "close") await write("model/new.json");
      expect(await ask(page, { do: "read", path, file: "model/a.json" })).toBe("earlier");
      expect(await ask(page, { do: "exists", path, file: "model/new.json" })).toBe(false);
      expect(await ask(page, { do: "list", path, file: "model" })).toEqual(["a.json"]);
      // What a closed tab has left in the way of the next new file is written over.
      if (call === "move") expect(await raw(`${path}/model`)).toEqual([".vaekit.tmp", "a.json"]);
      await ask(page, { do: "write", path, file: "model/new.json", content: "later" });
      expect(await ask(page, { do: "read", path, file: "model/new.json" })).toBe("later");
      expect(await ask(page, { do: "list", path, file: "model" })).toEqual(["a.json", "new.json"]);
    },
  );

  test("a file that is to be swapped while another tab reads it is read whole", async () => {
    const file = { path: "runs/read", file: "a" } as const;
    await ask(page, { ...file, do: "write", content: "earlier" });
    await inOtherTab(async (other) => {
      await other.evaluate(`(() => {
        const { getFile } = FileSystemFileHandle.prototype;
        FileSystemFileHandle.prototype.getFile = async function () {
          const file = await getFile.call(this);
          await new Promise((resolve) => Object.assign(globalThis, { goOn: resolve }));
          return file;
        };
      })()`);
      const reading = ask(other, { ...file, do: "read" });
      await other.waitForFunction("globalThis.goOn");
      let isWritten = false;
      const writing = ask(page, { ...file, do: "write", content: "later" }).then(() => {
        isWritten = true;
      });
      const isWaiting = () => page.evaluate("navigator.locks.query().then(({ pending }) => pending.length > 0)");
      await expect.poll(async () => isWritten || (await isWaiting())).toBe(true);
      await other.evaluate("goOn()");
      expect(await reading).toBe("earlier");
      await writing;
      expect(await ask(page, { ...file, do: "read" })).toBe("later");
    });
  });

  test("tabs and workers that append to one file lose no line, by whatever path they name it", async () => {
    const append = (path: string, file: string, content: string): Asked => ({ do: "append", path, file, content });
    await inOtherTab(async (other) => {
      const lines = ["1", "2", "3", "4", "5", "6"];
      const asked = lines.map((line, i) =>
        i % 2 ? append("runs/shared", "a", line) : append("runs", "shared/a", line),
      );
      await Promise.all(
        asked.map((each, i) => ask(i < 4 ? page : other, each, i % 3 === 0 ? "answerInWorker" : "answer")),
      );
      const read = String(await ask(page, { do: "read", path: "runs/shared", file: "a" }));
      expect(read.trimEnd().split("\n").sort()).toEqual(lines);
    });
  });

  test("when there is no more room that is said, and earlier files are untouched", async () => {
    const path = "runs/full";
    await ask(page, { do: "write", path, file: "a", content: "earlier" });
    const session = await page.context().newCDPSession(page);
    const { origin } = new URL(page.url());
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1_000_000 });
    const room =
      "no more room \\(it has stored \\d+\\.\\d MB and may store \\d+\\.\\d MB, less where the disk is full\\)";
    const reason = `the browser .*${room}; remove runs that are no longer needed \\(removeRun\\), or free space on the disk`;
    const fill = (file: string) => ask(page, { do: "fill", path, file, bytes: 3_000_000 });
    const at = "^RunError: opfs:/runs/full";
    const untouched = "; the earlier file is untouched";
    expect(await fill("a")).toMatch(new RegExp(`${at}/a: cannot be written: ${reason}${untouched}$`));
    expect(await fill("new")).toMatch(new RegExp(`${at}/new: cannot be written: ${reason}$`));
    expect(await ask(page, { do: "append", path, file: "a", content: "x".repeat(3_000_000) })).toMatch(
      new RegExp(`${at}/a: cannot be appended to: ${reason}; its earlier lines are untouched$`),
    );
    expect(await ask(page, { do: "list", path, file: "" })).toEqual(["a"]);
    await session.send("Storage.overrideQuotaForOrigin", { origin });
    await ask(page, { do: "append", path, file: "a", content: " and later" });
    expect(await ask(page, { do: "read", path, file: "a" })).toBe("earlier and later\n");
  });

  test("a place that was removed is not made again", async () => {
    // One storage for all of it, as it has to remember that there was a place.
    const said = await page.evaluate(`import("/entry.js").then(async ({ opfsStorage }) => {
      const storage = opfsStorage("runs/removed");
      await storage.write("a", "x");
      const runs = await (await navigator.storage.getDirectory()).getDirectoryHandle("runs");
      await runs.removeEntry("removed", { recursive: true });
      await storage.remove("a");
      const refused = () => "written";
      return [
        ...(await Promise.all([storage.write("a", "x"), storage.append("a", "x"), storage.lock()].map((done) => done.then(refused, String)))),
        await storage.list(""),
        await storage.exists("a"),
      ];
    })`);
    const message = "cannot be written: the folder opfs:/runs/removed was removed meanwhile";
    const refusals = ["opfs:/runs/removed/a", "opfs:/runs/removed/a", "opfs:/runs/removed"];
    expect(said).toEqual([...refusals.map((file) => `RunError: ${file}: ${message}`), [], false]);
  });

  test("places and names that cannot be", async () => {
    await ask(page, { do: "write", path: "runs", file: "file", content: "x" });
    const isFile = "a part of its path is a file, not a folder; remove or rename that file, or choose another place";
    const path = "runs/file";
    for (const asked of [
      { do: "append", path, file: "a", content: "x" },
      { do: "lock", path },
    ] as const) {
      expect(await ask(page, asked)).toMatch(isFile);
    }
    for (const wrong of ["../a", "/a", "a//b"]) {
      const message = `RunError: opfs:/: ${JSON.stringify(wrong)} is no path in it; expected names joined by "/"`;
      expect(await ask(page, { do: "list", path: wrong, file: "" })).toContain(message);
    }
    await ask(page, { do: "write", path: "", file: "top", content: "whole" });
    expect(await ask(page, { do: "read", path: "", file: "top" })).toBe("whole");
    expect(await ask(page, { do: "read", path: "", file: "none" })).toMatch("opfs:/none: cannot be read: no such file");
  });

  test("what a browser refuses is said in words", async () => {
    const reasons = {
      QuotaExceededError: "the browser gives this site no more room (it has stored ",
      AbortError: "the browser broke it off, as when there is no more room (it has stored ",
      NoModificationAllowedError: "other code of this site has it open; close the site's other tabs and try again",
      DataError: "made up; reload the page and try again",
    };
    await inOtherTab(async (other) => {
      const refuse = (call: string, name: string) =>
        other.evaluate(`${call} = () => Promise.reject(new DOMException("made up", "${name}"))`);
      const write = { do: "write", path: "runs/refused", file: "a", content: "x" } as const;
      await refuse("FileSystemFileHandle.prototype.move", "DataError");
      expect(await ask(other, write)).toMatch("a: cannot be written: made up; reload the page");
      expect(await raw(write.path)).toEqual([]); // no temporary file either
      for (const [name, reason] of Object.entries(reasons)) {
        await refuse("FileSystemWritableFileStream.prototype.write", name);
        expect(await ask(other, write)).toContain(`RunError: opfs:/runs/refused/a: cannot be written: ${reason}`);
      }
    });
  });

  test("locking removes the unfinished files that a crash has left, and nothing else", async () => {
    const path = "runs/crashed";
    const kept = ["a.json", "a.tmp", "crswap"];
    for (const folder of ["", "checkpoints/"]) {
      for (const name of ["a.json.crswap", ...kept]) {
        await ask(page, { do: "write", path, file: `${folder}${name}`, content: "x" });
      }
    }
    await ask(page, { do: "write", path, file: "checkpoints/deep.crswap/a", content: "x" }); // a folder is none of them
    expect(await ask(page, { do: "list", path, file: "" })).toEqual(["a.json", "a.tmp", "checkpoints", "crswap"]);
    expect(await raw(path)).toContain("a.json.crswap");
    expect(await ask(page, { do: "lock", path })).toBe("locked");
    expect(await raw(path)).toEqual(["a.json", "a.tmp", "checkpoints", "crswap"]);
    expect(await raw(`${path}/checkpoints`)).toEqual([...kept, "deep.crswap"]);
    await ask(page, { do: "release", path });
  });

  test("the lock's file of a directory that was brought here is not listed", async () => {
    await ask(page, { do: "write", path: "runs", file: "brought/lock", content: "{}" });
    await ask(page, { do: "write", path: "runs", file: "brought/a/lock", content: "{}" });
    expect(await ask(page, { do: "list", path: "runs/brought", file: "" })).toEqual(["a"]);
    expect(await ask(page, { do: "list", path: "runs/brought", file: "a" })).toEqual(["lock"]);
  });

  const read = { do: "read", path: "runs", file: "a" } as const;
  const calls: readonly Asked[] = [
    read,
    { ...read, do: "list" },
    { ...read, do: "exists" },
    { ...read, do: "remove" },
    { ...read, do: "write", content: "" },
    { ...read, do: "append", content: "" },
    { do: "lock", path: "runs" },
  ];
  test.each<[string, string, string, string?]>([
    [
      "on an insecure origin",
      "undefined",
      "browsers keep files for secure pages only; open the page by https://, or on localhost",
      "http://insecure.test",
    ],
    [
      "in a browser that cannot swap a file",
      "delete FileSystemFileHandle.prototype.createWritable",
      "this browser cannot replace a file as a whole; use Chromium 114, Firefox 111 or Safari 26, or a later version",
    ],
    [
      "in a browser that cannot rename",
      "delete FileSystemFileHandle.prototype.move",
      "this browser cannot replace a file as a whole",
    ],
    [
      "in a window that keeps nothing",
      'StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException("", "SecurityError"))',
      "the browser keeps no files for this page; open it in a window that is not private, and allow the site to store data",
    ],
  ])("%s every method says so", async (_name, prepare, message, origin) => {
    const url = origin ? `${origin}:${new URL(page.url()).port}/` : page.url();
    await inOtherTab(async (other) => {
      await other.evaluate(prepare);
      for (const asked of calls) {
        const said = await ask(other, asked);
        expect(said, asked.do).toMatch(/^RunError: opfs:\/runs(\/a)?: cannot be [a-z ]+: /);
        expect(said, asked.do).toContain(message);
      }
    }, url);
  });
});
