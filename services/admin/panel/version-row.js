// `<pc-version>`: one version in the history. `item` may be set again when something about it changed; what is
// open stays open. Tells `pick` (chosen for comparing, or not any more) and `back` (to be restored).

import { api, promptPath } from "./api.js";
import { h, icon, id, replace } from "./dom.js";
import { promptHash } from "./router.js";
import { session } from "./session.js";
import { plain, textNodes } from "./text-view.js";
import { ago, bytes, duration, number, plural, when } from "./words.js";
import "./diff-view.js";

class VersionRow extends HTMLElement {
  #item = null;
  #more = h("div", { class: "version-more", id: id("version"), hidden: true });
  #pick = h("input", { type: "checkbox", "on:change": () => this.#tell("pick") });
  #name = h("button", { class: "quiet version-name", type: "button", "aria-expanded": "false", "aria-controls": this.#more.id, "on:click": () => this.toggle() });
  #main = h("div", { class: "version-main" });
  #answers = h("span", { class: "version-count" });
  #size = h("span", { class: "version-count" });
  #acts = h("div", { class: "version-acts" });
  #liveVersion = null;

  connectedCallback() {
    if (this.firstChild) return;
    replace(this, h("div", { class: "version-row" }, this.#pick, this.#name, this.#main, this.#answers, this.#size, this.#acts), this.#more);
  }

  get item() {
    return this.#item;
  }

  set item(item) {
    this.#item = item;
    this.#pick.setAttribute("aria-label", `Choose v${item.version} for comparing`);
    this.#name.textContent = `v${item.version}`;
    this.#name.setAttribute("aria-label", `v${item.version}, what it changed and holds`);
    this.classList.toggle("is-live", item.live);
    replace(this.#size, bytes(item.size));
    replace(this.#answers, item.answers !== undefined && item.answers > 0 && plural(item.answers, "answer"));
    this.#answers.title = item.answers ? `${number(item.answers)} chat answers were given with it, as far as the replicas told since they started` : "";
    this.age();
    this.#offer();
  }

  /** What is live now: there is nothing to restore or compare with when it is this one. */
  set liveVersion(version) {
    if (version === this.#liveVersion) return;
    this.#liveVersion = version;
    if (this.#item) this.#offer();
  }

  get picked() {
    return this.#pick.checked;
  }

  set picked(picked) {
    this.#pick.checked = picked;
    this.classList.toggle("picked", picked);
  }

  /** Times in words, for time goes on. */
  age() {
    const { note, author, recorded_at: at } = this.#item;
    const words = lived(this.#item);
    if (this.#main.dataset.shown === `${ago(at)}${words}`) return;
    this.#main.dataset.shown = `${ago(at)}${words}`;
    replace(this.#main,
      h("div", { class: "version-note" }, h("span", { title: plain(note), class: note ? "" : "muted" }, note ? textNodes(note) : "No note"),
        this.#item.live && h("span", { class: "badge good" }, h("i", { class: "lamp" }), "live")),
      h("div", { class: "version-facts" }, author, ", ", h("time", { dateTime: at, title: when(at) }, ago(at)), words && ` · ${words}`));
  }

  toggle(open = this.#more.hidden) {
    this.#more.hidden = !open;
    this.#name.setAttribute("aria-expanded", String(open));
    if (open && !this.#more.firstChild) this.#look();
  }

  #offer() {
    const { name, version, live } = this.#item;
    const other = this.#liveVersion;
    replace(this.#acts,
      !live && other && h("a", { class: "button", href: promptHash(name, "compare", { from: version, to: other }), "aria-label": `Compare v${version} with what is live` }, "Compare with live"),
      !live && session.can("editor") && h("button", { type: "button", "on:click": () => this.#tell("back") }, icon("undo"), `Restore v${version}`));
  }

  #tell(kind) {
    this.dispatchEvent(new CustomEvent(kind, { bubbles: true, detail: this }));
  }

  /** The version, whole, and what it changed. */
  async #look() {
    const { name, version } = this.#item;
    replace(this.#more, h("p", { class: "muted" }, "Loading…"));
    try {
      const { body } = await api.get(promptPath(name, `/versions/${version}`));
      const changed = version > 1 ? (await api.get(promptPath(name, `/diff?from=${version - 1}&to=${version}`))).body : null;
      this.#show(body, changed);
    } catch (problem) {
      replace(this.#more, h("p", { class: "error" }, problem.message));
    }
  }

  #show(body, changed) {
    const diff = changed && h("pc-diff");
    const views = [changed && ["What it changed", () => diff], ["The whole text", () => whole(body)], ["When it was live", () => times(this.#item)]].filter(Boolean);
    const place = h("div");
    const tabs = views.map(([text, view]) => h("button", { type: "button", "on:click": (event) => choose(event.currentTarget, view) }, text));
    const choose = (button, view) => {
      for (const each of tabs) each.setAttribute("aria-pressed", String(each === button));
      replace(place, view());
    };
    replace(this.#more, h("div", { class: "switch version-views", role: "group", "aria-label": `Of v${body.version}` }, tabs), place);
    choose(tabs[0], views[0][1]);
    if (diff) diff.diff = changed;
  }
}

function whole({ template, config }) {
  const settings = Object.keys(config).length ? JSON.stringify(config, null, 2) : "";
  return [h("pre", { class: "whole", tabIndex: 0, "aria-label": "Prompt text" }, textNodes(template, { limit: 20000 })),
    settings && h("pre", { class: "whole", tabIndex: 0, "aria-label": "Model and parameters" }, textNodes(settings))];
}

/** "live for 3 h", "live for 2 h, 3 times", in all its times. */
function lived({ live, live_intervals: intervals }, now = Date.now()) {
  if (!intervals.length) return "";
  const seconds = intervals.reduce((sum, { from, to }) => sum + ((to ? Date.parse(to) : now) - Date.parse(from)) / 1000, 0);
  const often = intervals.length > 1 ? `, ${intervals.length} times` : "";
  const last = intervals.at(-1);
  if (live) return `live since ${ago(last.from)}${intervals.length > 1 ? `, the ${ordinal(intervals.length)} time` : ""}`;
  return seconds < 1 ? `live for a moment${often}` : `live for ${duration(seconds)}${often}`;
}

const ordinal = (n) => `${n}${["th", "st", "nd", "rd"][n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] ?? "th"}`;

function times({ live_intervals: intervals }) {
  return h("ul", { class: "times" }, intervals.map(({ from, to, action, author, note }) => {
    const seconds = ((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000;
    return h("li", {}, `${when(from)}: ${action} by ${author}, live ${to ? `for ${duration(seconds)}` : "since then"}`, note && [" · ", textNodes(note)]);
  }));
}

customElements.define("pc-version", VersionRow);
