const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text made safe as HTML content and as a quoted attribute's value. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** A number with thousands separators and a true minus sign: −1,234.50. */
export function formatNumber(value: number, decimals = 0): string {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return value.toLocaleString("en-US", digits).replace("-", "−");
}

/** Decimals that show the standard error's first digit, and its second where the first is 1 or 2; two without one. */
export function decimalsFor(standardError: number | null): number {
  if (standardError === null || !(standardError > 0) || !Number.isFinite(standardError)) return 2;
  const exponent = Math.floor(Math.log10(standardError));
  const digits = standardError / 10 ** exponent < 2.95 ? 2 : 1;
  return Math.min(6, Math.max(0, digits - 1 - exponent));
}

/** 42 s, 12 min 5 s, 3 h 4 min. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "unknown";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function formatPercent(share: number): string {
  const percent = share * 100;
  return `${formatNumber(percent, percent < 10 ? 1 : 0)} %`;
}

/** "1 epoch", "12 epochs". */
export function plural(count: number, noun: string): string {
  return `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;
}
