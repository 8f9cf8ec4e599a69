// Numbers and times in words that people read at a glance.

const whole = new Intl.NumberFormat("en");
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];

/** Milliseconds: "2.14 ms", "340 ms", "1.20 s". */
export function ms(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 1000) return `${(value / 1000).toFixed(value < 10000 ? 2 : 1)} s`;
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** Seconds as one number and unit: "40 s", "3 min", "2 h", "5 d". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const [, size, unit] = STEPS.find(([below]) => seconds < below);
  return `${Math.max(0, Math.floor(seconds / size))} ${unit}`;
}

/** How long ago: "now", "3 min ago". */
export function ago(iso, now = Date.now()) {
  if (!iso) return "–";
  const seconds = (now - Date.parse(iso)) / 1000;
  return seconds < 2 ? "now" : `${duration(seconds)} ago`;
}

/** The same within a sentence: "a moment ago". */
export const past = (iso) => ago(iso).replace(/^now$/, "a moment ago");

/** The moment itself, in this browser's words. */
export const when = (iso) => (iso ? date.format(new Date(iso)) : "–");

/** A size: "812 B", "2.1 KB". */
export function bytes(count) {
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${(count / 1000).toFixed(1)} KB` : `${(count / 1e6).toFixed(1)} MB`;
}

/** "1 replica", "3 replicas". */
export const plural = (count, one, many = `${one}s`) => `${whole.format(count)} ${count === 1 ? one : many}`;

/** A whole number with separators. */
export const number = (value) => whole.format(value);
