// `<pc-history>`: every version of a prompt, newest first, and when each was live.
//
// It keeps itself true: what is saved or restored anywhere appears here, and nothing that is open closes.

import { api, promptPath } from "./api.js";
import { toast } from "./dialog.js";
import { h, icon, replace } from "./dom.js";
import { live } from "./live.js";
import { restoreVersion } from "./restoring.js";
import { go, promptHash } from "./router.js";
import { session } from "./session.js";
import { textNodes } from "./text-view.js";
import { ago, when } from "./words.js";
import "./activation-timeline.js";
import "./propagation-strip.js";
import "./version-row.js";

const PAGE = 50;
const TICK_MS = 10000;
const AHEAD = "600px";
const dayName = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });

class HistoryPage extends HTMLElement {
  #leaving = new AbortController();
  #items = new Map();
  #rows = new Map();
  #next = "";
  #loading = false;
  #refreshing = null;
  #stale = false;
  #timer = 0;
  #watch = new IntersectionObserver(([entry]) => entry.isIntersecting && this.#more(), { rootMargin: AHEAD });
  #top = h("div", { class: "history-top" });
  #under = new ResizeObserver(() => this.#stick());
  #now = h("span", { class: "row" });
  #strip = h("pc-propagation", { hidden: true });
  #timeline = h("pc-timeline", { class: "card", "on:pick": ({ detail }) => this.#visit(detail) });
  #list = h("ol", { class: "versions", "on:pick": ({ detail }) => this.#picked(detail), "on:back": ({ detail }) => this.#restore(detail.item.version) });
  #end = h("div", { class: "end" });
  #picking = h("div", { class: "picking", role: "status", hidden: true });

  connectedCallback() {
    const { signal } = this.#leaving;
    replace(this, h("h1", { class: "visually-hidden" }, `Change history of ${this.route.name}`), this.#top, this.#timeline, this.#list, this.#end, this.#picking);
    this.#list.classList.toggle("reading", !session.can("editor"));
    this.#under.observe(document.querySelector(".top"));
    for (const kind of ["saved", "restored", "archived"]) {
      live.addEventListener(kind, ({ detail }) => detail.prompt === this.route.name && this.#refresh(), { signal });
    }
    live.addEventListener("state", () => this.#items.size && this.#refresh(), { signal });
    this.#timer = setInterval(() => this.#age(), TICK_MS);
    this.#more();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    this.#watch.disconnect();
    this.#under.disconnect();
    this.#leaving.abort();
  }

  /** The way back stays in sight, below the page's own bar however high that is. */
  #stick() {
    this.#top.style.top = `${document.querySelector(".top").offsetHeight}px`;
  }

  #path(rest) {
    return promptPath(this.route.name, `/versions${rest}`);
  }

  async #page(cursor) {
    return (await api.get(this.#path(`?limit=${PAGE}${cursor && `&cursor=${cursor}`}`), { signal: this.#leaving.signal })).body;
  }

  /** The next older page. */
  async #more() {
    if (this.#loading || this.#next === null) return;
    this.#loading = true;
    this.#foot("Loading…");
    try {
      const { items, next } = await this.#page(this.#next);
      this.#next = next;
      this.#take(items);
      this.#foot();
    } catch (problem) {
      if (!this.#leaving.signal.aborted) this.#foot(problem.message);
    } finally {
      this.#loading = false;
    }
  }

  /** What is new, and what is not live any more; one at a time, and once more when something came meanwhile. */
  #refresh() {
    this.#stale = true;
    this.#refreshing ??= this.#freshen().catch((problem) => {
      if (!this.#leaving.signal.aborted) toast(problem.message, "bad");
    }).finally(() => (this.#refreshing = null));
  }

  async #freshen() {
    while (this.#stale) {
      this.#stale = false;
      const { items } = await this.#page("");
      const fresh = new Set(items.map(({ version }) => version));
      const touched = [...this.#items.values()].filter((item) => item.live).map((item) => item.version);
      touched.push(live.prompts.get(this.route.name)?.version);
      const older = touched.filter((version) => this.#items.has(version) && !fresh.has(version));
      const rest = await Promise.all(older.map((version) => api.get(this.#path(`/${version}`), { signal: this.#leaving.signal })));
      this.#take([...items, ...rest.map(({ body }) => body)]);
    }
  }

  #take(items) {
    for (const item of items) this.#items.set(item.version, item);
    const sorted = [...this.#items.values()].sort((a, b) => b.version - a.version);
    const now = sorted.find((item) => item.live) ?? null;
    this.#lay(sorted, now);
    this.#timeline.versions = sorted;
    this.#head(now, sorted);
  }

  /** Rows in order under their days; those that are there stay, so that focus and what is open stay. */
  #lay(sorted, now) {
    const wanted = [];
    let day = null;
    for (const item of sorted) {
      const its = dayName.format(new Date(item.recorded_at));
      if (its !== day) wanted.push(this.#part(`day ${its}`, () => h("li", { class: "version-day" }, h("h2", {}, its))));
      const row = this.#part(item.version, () => h("li", {}, h("pc-version")));
      row.classList.toggle("first", its !== day);
      row.firstChild.item = item;
      row.firstChild.liveVersion = now?.version ?? null;
      wanted.push(row);
      day = its;
    }
    wanted.forEach((row, i) => row.classList.toggle("last", !wanted[i + 1] || wanted[i + 1].classList.contains("version-day")));
    wanted.forEach((row, i) => this.#list.children[i] !== row && this.#list.insertBefore(row, this.#list.children[i] ?? null));
  }

  #part(key, make) {
    if (!this.#rows.has(key)) this.#rows.set(key, make());
    return this.#rows.get(key);
  }

  /** What is live, and the way back: it stays in sight. */
  #head(now, sorted) {
    const before = previous(sorted, now);
    const since = now?.live_intervals.at(-1);
    replace(this.#now, now
      ? [h("span", { class: "badge good" }, h("i", { class: "lamp" }), "live"), h("strong", { class: "mono" }, `v${now.version}`),
        h("span", { class: "muted" }, "since ", h("time", { dateTime: since.from, title: when(since.from) }, ago(since.from)), ` by ${since.author}`)]
      : [h("span", { class: "badge warn" }, "not live"), h("span", { class: "muted" }, sorted.some((item) => item.live) || this.#next === null ? "No replica serves this prompt." : "The live version is further down.")]);
    replace(this.#top, this.#now, h("span", { class: "muted history-note" }, since?.note ? textNodes(since.note) : ""),
      before && session.can("editor") && h("button", { type: "button", class: "way-back", "on:click": () => this.#restore(before) }, icon("undo"), `Restore previous (v${before})`),
      this.#strip);
  }

  #foot(text) {
    if (this.#next === null) {
      this.#watch.disconnect();
      replace(this.#end, this.#items.size ? "This is where it began." : "Nothing was saved yet.");
      return;
    }
    replace(this.#end, h("button", { type: "button", disabled: text === "Loading…", "on:click": () => this.#more() }, text === "Loading…" ? text : "Load more"),
      text && text !== "Loading…" && h("p", { class: "error", role: "alert" }, text));
    this.#watch.unobserve(this.#end);
    if (!text) this.#watch.observe(this.#end);
  }

  #age() {
    for (const { firstChild: row } of this.#rows.values()) row.age?.();
    for (const time of this.#top.querySelectorAll("time")) time.textContent = ago(time.dateTime);
    this.#timeline.draw();
  }

  /** Two at most: a third takes the place of the one chosen first. */
  #chosen = [];
  #picked(row) {
    this.#chosen = this.#chosen.filter((each) => each !== row);
    row.picked = row.picked;
    if (row.picked) this.#chosen.push(row);
    if (this.#chosen.length > 2) this.#chosen.shift().picked = false;
    this.#picking.hidden = this.#chosen.length === 0;
    const [from, to] = this.#chosen.map((each) => each.item.version).sort((a, b) => a - b);
    replace(this.#picking,
      h("span", {}, to ? `v${from} and v${to}` : `v${from}: choose another one to compare it with`),
      h("span", { class: "row" }, to && h("button", { class: "primary", type: "button", "on:click": () => go(promptHash(this.route.name, "compare", { from, to })) }, "Compare"),
        h("button", { class: "quiet", type: "button", "on:click": () => this.#clear() }, "Clear")));
  }

  #clear() {
    for (const row of this.#chosen) row.picked = false;
    this.#chosen = [];
    this.#picking.hidden = true;
    this.#list.querySelector("input")?.focus();
  }

  #visit(version) {
    const row = this.#rows.get(version)?.firstChild;
    row?.toggle(true);
    row?.scrollIntoView({ block: "center" });
  }

  async #restore(version) {
    if (await restoreVersion(this.route.name, version, this.#strip)) this.#refresh();
  }
}

/** The version that was live before this one became so, as far as it is loaded. */
function previous(sorted, now) {
  const position = now?.live_intervals.at(-1).position;
  if (!position) return null;
  const earlier = sorted
    .filter((item) => item !== now)
    .flatMap(({ version, live_intervals: intervals }) => intervals.map((each) => ({ version, position: each.position })))
    .filter((each) => each.position < position);
  return earlier.sort((a, b) => b.position - a.position)[0]?.version ?? null;
}

customElements.define("pc-history", HistoryPage);
