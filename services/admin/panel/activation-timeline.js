// `<pc-timeline>`: which version was live when. Time goes to the right, versions upwards, so that a step down is
// a restore; the same stands in a table. `versions` are items of the history; what is not loaded is left open.

import { h, id, replace, svg } from "./dom.js";
import { plain, textNodes } from "./text-view.js";
import { ago, duration, when } from "./words.js";

const HEIGHT = 132;
const PAD = { left: 44, right: 64, top: 14, bottom: 24 };
const SPANS = [["1 h", 3600e3], ["24 h", 864e5], ["7 d", 7 * 864e5], ["30 d", 30 * 864e5], ["All", Infinity]];
const ENOUGH = 6;
const TABLE_ROWS = 50;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

class Timeline extends HTMLElement {
  #all = [];
  #span = null;
  #width = 0;
  #watch = new ResizeObserver(([entry]) => this.#sized(entry.contentRect.width));
  #figure = h("div", { class: "timeline-figure" });
  #told = h("p", { class: "timeline-told", "aria-hidden": "true" });
  #spans = h("div", { class: "switch", role: "group", "aria-label": "How far back" });
  #rows = h("tbody");

  connectedCallback() {
    const name = id("timeline");
    replace(this,
      h("div", { class: "row spread" }, h("h2", { id: name }, "What was live when"), this.#spans),
      this.#figure, this.#told,
      h("details", {}, h("summary", {}, "As a table"), h("div", { class: "scroll" },
        h("table", { "aria-labelledby": name },
          h("thead", {}, h("tr", {}, ["Version", "From", "For", "By", "How"].map((text) => h("th", { scope: "col" }, text)))), this.#rows))));
    this.#watch.observe(this.#figure);
  }

  disconnectedCallback() {
    this.#watch.disconnect();
  }

  set versions(versions) {
    this.#all = activations(versions);
    this.#span ??= enough(this.#all);
    this.draw();
  }

  #sized(width) {
    if (Math.abs(width - this.#width) < 1) return;
    this.#width = width;
    this.draw();
  }

  /** Anew, for time goes on. */
  draw() {
    this.hidden = this.#all.length === 0;
    if (this.hidden) return;
    const now = Date.now();
    const from = Math.max(now - this.#span, Math.min(now - 60e3, this.#all[0].from));
    const shown = this.#all.filter(({ to }) => (to ?? now) >= from);
    replace(this.#spans, SPANS.map(([text, span]) => h("button", { type: "button", "aria-pressed": String(span === this.#span), "on:click": () => this.#choose(span) }, text)));
    if (this.#width) replace(this.#figure, this.#chart(shown, from, now));
    this.#tell(null);
    replace(this.#rows, this.#all.slice(-TABLE_ROWS).reverse().map((each) => tableRow(each, now)));
  }

  #choose(span) {
    this.#span = span;
    this.draw();
    this.#spans.querySelector('[aria-pressed="true"]').focus();
  }

  #tell(one) {
    this.#told.textContent = one ? `v${one.version}, live ${lasted(one, Date.now())}, ${one.action} ${when(one.at)} by ${one.author}${one.note ? `: ${plain(one.note)}` : ""}` : "";
  }

  #chart(shown, from, now) {
    const width = this.#width;
    const numbers = shown.map(({ version }) => version);
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const x = (time) => PAD.left + ((Math.max(from, time) - from) / (now - from)) * (width - PAD.left - PAD.right);
    const y = (version) => (high === low ? HEIGHT / 2 - 6 : HEIGHT - PAD.bottom - 6 - ((version - low) / (high - low)) * (HEIGHT - PAD.top - PAD.bottom - 6));
    const last = shown.at(-1);
    return svg("svg", { class: "timeline", width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": summary(shown, now) },
      axis(width, from, now, x),
      [...new Set([low, high])].map((version) => svg("text", { class: "tick", x: PAD.left - 8, y: y(version) + 4, "text-anchor": "end" }, `v${version}`)),
      shown.map((one, i) => step(one, shown[i - 1], x, y, now)),
      last && last.to === null && [svg("circle", { class: "now", cx: x(now), cy: y(last.version), r: 4.5 }),
        svg("text", { class: "now-label", x: x(now) + 9, y: y(last.version) + 4 }, `v${last.version} live`)],
      shown.map((one, i) => this.#target(one, shown[i + 1], x, now)));
  }

  /** The part of the chart that belongs to a version: to point at, and to go to it. */
  #target(one, next, x, now) {
    const end = x(next?.from ?? one.to ?? now);
    const target = svg("rect", { class: "target", x: x(one.from), y: 0, width: Math.max(1, end - x(one.from)), height: HEIGHT });
    target.addEventListener("pointerenter", () => this.#tell(one));
    target.addEventListener("pointerleave", () => this.#tell(null));
    target.addEventListener("click", () => this.dispatchEvent(new CustomEvent("pick", { detail: one.version })));
    return target;
  }
}

/** Every time that something became live, oldest first. */
function activations(versions) {
  return versions
    .flatMap(({ version, live_intervals: intervals }) => intervals.map((each) => ({
      ...each, version, at: each.from, from: Date.parse(each.from), to: each.to && Date.parse(each.to),
    })))
    .sort((a, b) => a.position - b.position);
}

/** The shortest span that tells something. */
function enough(all) {
  const since = Date.now() - (all.at(-ENOUGH)?.from ?? 0);
  return SPANS.find(([, span]) => span >= since)?.[1] ?? Infinity;
}

function step(one, before, x, y, now) {
  const [start, end, level] = [x(one.from), x(one.to ?? now), y(one.version)];
  const back = before && one.version < before.version;
  const open = before && before.to !== null && before.to < one.from - 1;
  return [
    before && !open && svg("line", { class: back ? "riser back" : "riser", x1: start, x2: start, y1: y(before.version), y2: level }),
    open && svg("line", { class: "riser open", x1: x(before.to), x2: start, y1: y(before.version), y2: level }),
    svg("line", { class: "tread", x1: start, x2: Math.max(start + 1.5, end), y1: level, y2: level }),
    back && svg("circle", { class: "back-dot", cx: start, cy: level, r: 3 }),
  ];
}

function axis(width, from, now, x) {
  const ticks = width < 480 ? 2 : 5;
  const days = now - from > 2 * 864e5;
  const base = HEIGHT - PAD.bottom + 4;
  const times = Array.from({ length: ticks }, (_, i) => from + ((now - from) * i) / ticks);
  return [svg("line", { class: "base", x1: PAD.left, x2: width - PAD.right, y1: base, y2: base }),
    [...times, now].map((time, i) => svg("text", { class: "tick", x: x(time), y: HEIGHT - 5, "text-anchor": i ? "middle" : "start" },
      i === ticks ? "now" : (days ? day : clock).format(time)))];
}

const lasted = ({ from, to }, now) => (to === null ? `for ${duration((now - from) / 1000)} so far` : `for ${duration((to - from) / 1000)}`);

function summary(shown, now) {
  const last = shown.at(-1);
  if (!last) return "Nothing was live in this time.";
  const backs = shown.filter(({ action }) => action === "restored").length;
  return `${shown.length} activations, ${backs} of them restores. ${last.to === null ? `v${last.version} is live, ${lasted(last, now)}.` : "Nothing is live."} The table below tells each.`;
}

function tableRow(one, now) {
  return h("tr", {}, h("td", {}, `v${one.version}`), h("td", { title: when(one.at) }, ago(one.at)), h("td", {}, lasted(one, now).slice(4)),
    h("td", {}, one.author), h("td", {}, one.action, one.note && h("span", { class: "muted" }, " · ", textNodes(one.note))));
}

customElements.define("pc-timeline", Timeline);
