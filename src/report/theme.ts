/** Every colour of the report, for light and for dark pages. Charts use them too, as custom properties of the page. */
const COLOURS = {
  page: ["#f7f7f5", "#0f1216"],
  surface: ["#ffffff", "#171b21"],
  sunken: ["#f1f1ee", "#1d222a"],
  ink: ["#1a1d21", "#e9ecef"],
  muted: ["#5d6670", "#9da7b3"],
  line: ["#e2e3e0", "#2b313a"],
  accent: ["#2f5fd0", "#82a8ff"],
  second: ["#d9601a", "#ff9d62"],
  good: ["#1f8a5b", "#4cc38a"],
  warning: ["#b7791f", "#f0b94d"],
  inactive: ["#c3c8ce", "#48515d"],
} as const;

export type Colour = keyof typeof COLOURS;

/** Ten colours told apart on light and dark pages alike (Observable's categorical ten). */
export const CATEGORIES = [
  "#4269d0",
  "#efb118",
  "#ff725c",
  "#6cc5b0",
  "#3ca951",
  "#ff8ab7",
  "#a463f2",
  "#97bbf5",
  "#9c6b4e",
  "#9498a0",
] as const;

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

/** A colour for an SVG attribute: follows the page's theme, and is the light one in a file of its own. */
export function themed(colour: Colour): string {
  return `var(--${colour}, ${COLOURS[colour][0]})`;
}

/** The declarations of all colours, for a CSS rule. */
export function declarations(theme: "light" | "dark"): string {
  const column = theme === "light" ? 0 : 1;
  return Object.entries(COLOURS)
    .map(([name, colours]) => `--${name}: ${colours[column]};`)
    .join(" ");
}
