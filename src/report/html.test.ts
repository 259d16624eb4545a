import { beforeAll, expect, test } from "vitest";
import { reportInput } from "../../test/fixtures/report-input.ts";
import { UsageError } from "../errors.ts";
import { type Charts, drawCharts } from "./charts.ts";
import { renderReport } from "./html.ts";
import type { ReportFigure, ReportInput } from "./input.ts";

const SECTIONS = [
  "findings",
  "training",
  "samples",
  "reconstructions",
  "kl",
  "traversals",
  "interpolations",
  "latent-means",
  "figures",
  "words",
  "details",
];
const EMPTY: ReportInput = { run: { name: "run" }, data: { name: "data", event: [2] }, metrics: [] };

let input: ReportInput;
let charts: Charts;
let html: string;

beforeAll(async () => {
  input = await reportInput();
  charts = await drawCharts(input);
  html = renderReport(input, charts);
});

function sections(page: string): string[] {
  return Array.from(page.matchAll(/<section id="([^"]+)"/g), (match) => match[1] ?? "");
}

/** Elements closed in the order they were opened; returns what is wrong. */
function nestingFault(page: string): string | undefined {
  const open: string[] = [];
  for (const [tag, close, name = "", rest = ""] of page.matchAll(/<(\/?)([a-zA-Z][\w-]*)((?:"[^"]*"|[^">])*)>/g)) {
    if (["meta", "img", "br"].includes(name) || rest.endsWith("/")) continue;
    if (close === "") open.push(name);
    else if (open.pop() !== name) return `${tag} closes another element`;
  }
  return open.length === 0 ? undefined : `<${open.at(-1)}> is not closed`;
}

test("the page holds all sections, each reached from the navigation", () => {
  expect(sections(html)).toEqual(SECTIONS);
  for (const id of SECTIONS) expect(html).toContain(`<a href="#${id}">`);
});

test("the page needs nothing else: no script, no request", () => {
  const rest = html.replaceAll(/xmlns(:xlink)?="[^"]*"/g, "").replaceAll(/data:image\/png;base64,[A-Za-z0-9+/=]+/g, "");
  const loads = /https?:|\/\/[a-z]|<script|<link|<iframe|@import|\son[a-z]+=|javascript:/gi;
  expect(Array.from(rest.matchAll(loads), (match) => match[0])).toEqual([]);
  for (const [, address] of html.matchAll(/\b(?:src|href)="([^"]*)"/g)) {
    expect(address).toMatch(/^(#[\w-]+|data:image\/png;base64,[A-Za-z0-9+/=]+)$/);
  }
  for (const [, target] of html.matchAll(/url\(([^)]*)\)/g)) expect(target).toMatch(/^#/);
});

test("elements nest, and ids are unique", () => {
  expect(nestingFault(html)).toBeUndefined();
  expect(nestingFault("<p><b></p></b>")).toBeDefined();
  expect(nestingFault("<p>")).toBeDefined();
  const ids = Array.from(html.matchAll(/\sid="([^"]+)"/g), (match) => match[1]);
  expect(new Set(ids).size).toBe(ids.length);
});

test("figures stand with unit, standard error, examples, samples and binarization", () => {
  expect(html).toContain('86.91 <span class="unit">nats</span>');
  expect(html).toContain("± 0.23 standard error<br>10,000 test examples<br>k = 5,000, dynamic binarization");
  expect(html).toContain('0.1599 <span class="unit">bits/dim</span>');
  expect(html).toContain("distortion 64.9 (72 %)");
  expect(html).toContain('27 <span class="unit">of 50</span>');
  expect(html).toContain("12 min 4 s");
  expect(html).toContain("<td>Effective samples</td>");
});

test("traversals are in the order of their KL, which stands beside them", () => {
  const shown = Array.from(html.matchAll(/<b>z<sub>\d+<\/sub><\/b><small>([\d.]+) nats<\/small>/g), (match) =>
    Number(match[1]),
  );
  expect(shown).toHaveLength(8);
  expect(shown).toEqual([...shown].sort((a, b) => b - a));
});

test("five words are explained", () => {
  const words = /<section id="words">.*?<\/section>/s.exec(html)?.[0] ?? "";
  const explained = Array.from(words.matchAll(/<dt>([^<]+)<\/dt><dd>[^<]{40,}<\/dd>/g), (match) => match[1]);
  expect(explained).toEqual(["ELBO", "Distortion", "Rate", "Nat", "Bits per dimension"]);
});

test("with several draws the page tells of their bound: card, figure, curve and word", () => {
  const values = { ...input.figures!.values };
  const { negElboNats: single } = values;
  const figures = {
    split: "test",
    values: {
      ...values,
      negElboNats: { ...single!, samples: 5 },
      negIwaeNats: { ...single!, mean: 88.31, samples: 5 },
    },
  };
  const objective = { kind: "iwae", samples: 5, gradient: "reparameterized" } as const;
  const page = renderReport({ ...input, figures, objective }, charts);
  expect(page).toMatch(/<dt>−IWAE bound<\/dt><dd><div class="value">88\.31 .*?k = 5, dynamic binarization/);
  expect(page).toContain("mean of 5 draws, dynamic binarization");
  expect(page).toMatch(/<tr><td>−IWAE bound<\/td><td class="number">88\.31/);
  expect(page).toContain("The negative IWAE bound of 5 draws (lower is better)");
  expect(page).toContain("<dt>IWAE bound</dt>");
  expect(page).toContain("What training lowers: −IWAE bound of 5 draws.");
  expect(html).toContain("Training lowers it.");
  expect(html).not.toContain("IWAE");
});

test("traversals without a KL of their own are not said to be ordered by it", () => {
  const page = renderReport({ ...input, traversals: input.traversals!.map(({ klNats: _, ...row }) => row) }, charts);
  expect(page).toContain("those whose codes vary most come first");
  expect(page).not.toContain("and KL, greatest first");
  expect(html).toContain("its dimension's number and KL, greatest first");
});

test("every image has a text in its place, and a size", () => {
  const images = Array.from(html.matchAll(/<img [^>]*>/g), (match) => match[0]);
  expect(images).toHaveLength(11);
  for (const image of images) expect(image).toMatch(/ alt="[^"]+" width="\d+" height="\d+">$/);
});

test("both themes and print are declared", () => {
  expect(html).toContain("@media (prefers-color-scheme: dark)");
  expect(html).toContain("@media print");
  expect(html).toContain("image-rendering: pixelated");
});

test("what the input lacks is left out", () => {
  const page = renderReport(EMPTY, { curves: [] });
  expect(sections(page)).toEqual([]);
  expect(page).not.toContain('cards">');
  expect(nestingFault(page)).toBeUndefined();
  const { samples, reconstructions, ...rest } = input;
  expect(sections(renderReport(rest, charts))).toEqual(
    SECTIONS.filter((id) => id !== "samples" && id !== "reconstructions"),
  );
  expect(samples).toBeDefined();
  expect(reconstructions).toBeDefined();
});

test("before an evaluation, the best epoch's validation terms are shown and named so", () => {
  const { figures: _, ...rest } = input;
  const page = renderReport(rest, charts);
  expect(page).toContain("validation, epoch 57");
  expect(page).toMatch(/<dt>−ELBO<\/dt>/);
  expect(page.replace(/<section id="words">.*?<\/section>/s, "")).not.toContain("log p(x)");
});

test("every string of the user's is escaped", () => {
  const evil = `"><script>alert('x')</script>&`;
  const png = input.samples?.[0]?.png ?? "";
  const picture = { title: evil, caption: evil, alt: evil, png, width: 1, height: 1 };
  const figure = { mean: 1, standardError: 0.1, unit: "nats", examples: 1, samples: 1, binarization: evil } as const;
  const page = renderReport(
    {
      run: { name: evil, summary: evil, date: evil },
      data: { name: evil, event: [2], binarization: evil, fingerprint: evil },
      metrics: input.metrics,
      figures: { split: evil, values: { nllNats: figure, [evil]: figure } },
      samples: [picture],
      traversals: [{ dimension: 0, klNats: 1, picture }],
      config: { [evil]: evil, list: [evil] },
      environment: { [evil]: evil },
    },
    { curves: [{ title: evil, note: evil, svg: "" }] },
  );
  expect(page.includes("<script")).toBe(false);
  expect(page.includes("alert('x')")).toBe(false);
  expect(nestingFault(page)).toBeUndefined();
});

test("a picture that would be fetched is refused", () => {
  const picture = { title: "one", alt: "one", png: "https://example.org/one.png", width: 1, height: 1 };
  expect(() => renderReport({ ...EMPTY, samples: [picture] }, { curves: [] })).toThrow(
    new UsageError(
      'picture "one": expected a PNG as a data URI (data:image/png;base64,...), got "https://example.org/one.png"',
    ),
  );
});

test("the config is JSON that can be read back", () => {
  const shown = /<pre>(.*?)<\/pre>/s.exec(html)?.[1] ?? "";
  const json = shown.replace(/<[^>]+>/g, "").replaceAll("&quot;", '"');
  expect(JSON.parse(json)).toEqual(input.config);
  expect(json).toContain('"hidden": [200, 200]');
});

test("the bound is split into its parts only where they are shares of one whole", () => {
  const split = (change: Partial<ReportFigure>) => {
    const values = { ...input.figures?.values };
    const { distortionNats } = values;
    if (distortionNats === undefined) throw new Error("the fixture has a distortion");
    const figures = { split: "test", values: { ...values, distortionNats: { ...distortionNats, ...change } } };
    return renderReport({ ...input, figures }, charts).includes('class="bar"');
  };
  expect(split({})).toBe(true);
  expect(split({ mean: -10 })).toBe(false); // a density's nats
  expect(split({ binarization: "static" })).toBe(false);
  expect(split({ examples: 100 })).toBe(false);
});
