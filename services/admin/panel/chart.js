// A chart of reload lags: one dot for each reload, on a logarithmic scale that says its numbers.

import { svg } from "./dom.js";
import { ms, plural } from "./words.js";

const WIDTH = 260;
const HEIGHT = 62;
const LEFT = 46;
const RIGHT = 6;
const EDGE = 7;
const SLOTS = 32;

/** The decades (powers of ten, ms) that hold all of `lags`: so that several charts can be compared. */
export function decades(lags) {
  if (!lags.length) return [0, 1];
  const low = Math.floor(Math.log10(Math.max(0.1, Math.min(...lags))));
  const high = Math.ceil(Math.log10(Math.max(0.1, ...lags) * 1.001));
  return [low, Math.max(high, low + 1)];
}

/** What the chart shows, in words. */
export function inWords(lags) {
  if (!lags.length) return "no reload seen yet";
  return `${plural(lags.length, "reload")}: median ${ms(median(lags))}, slowest ${ms(Math.max(...lags))}`;
}

/** The middle one. */
export function median(lags) {
  const sorted = [...lags].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `points`: `[{position, lag}]`, oldest first; the newest stands at the right. */
export function lagChart(points, [low, high], name) {
  const shown = points.slice(-SLOTS);
  const step = (WIDTH - LEFT - RIGHT) / (SLOTS - 1);
  const x = (number) => WIDTH - RIGHT - (shown.length - 1 - number) * step;
  const y = (lag) => HEIGHT - EDGE - ((Math.log10(Math.max(lag, 10 ** low)) - low) / (high - low)) * (HEIGHT - 2 * EDGE);
  const path = shown.map((point, number) => `${number ? "L" : "M"}${x(number).toFixed(1)} ${y(point.lag).toFixed(1)}`).join("");
  return svg("svg", { class: "lag-chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
    "aria-label": `Reload lags of ${name}, ${inWords(shown.map((point) => point.lag))}` },
  grid(low, high, y),
  svg("path", { d: path || null }),
  shown.map((point, number) => dot(point, x(number), y(point.lag), number === shown.length - 1)));
}

function grid(low, high, y) {
  const every = high - low > 3 ? 2 : 1;
  const powers = Array.from({ length: high - low + 1 }, (_, number) => low + number);
  return powers.filter((power) => (power - low) % every === 0).map((power) => [
    svg("line", { x1: LEFT, x2: WIDTH, y1: y(10 ** power), y2: y(10 ** power) }),
    svg("text", { x: LEFT - 6, y: y(10 ** power) + 3.5, "text-anchor": "end" }, decade(power))]);
}

const decade = (power) => (power >= 3 ? `${10 ** (power - 3)} s` : `${10 ** power} ms`);

function dot(point, cx, cy, last) {
  return svg("circle", { cx, cy, r: last ? 3 : 1.9 },
    svg("title", {}, `position ${point.position}: ${ms(point.lag)}`));
}
