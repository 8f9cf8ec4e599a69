// `<pc-compare>`: any two versions of a prompt beside each other, and the way to make either live.

import { api, promptPath } from "./api.js";
import { h, icon, id, replace } from "./dom.js";
import { live } from "./live.js";
import { restoreVersion } from "./restoring.js";
import { promptHash } from "./router.js";
import { session } from "./session.js";
import { plain, textNodes } from "./text-view.js";
import { ago, when } from "./words.js";
import "./diff-view.js";
import "./propagation-strip.js";

const PAGE = 200;
const MOST = 1000; // versions offered for choosing; older ones are reached from the history

class ComparePage extends HTMLElement {
  #leaving = new AbortController();
  #asked = null;
  #versions = [];
  #from = 0;
  #to = 0;
  #choosers = h("div", { class: "compare-sides" });
  #place = h("div", { class: "compare-diff" });
  #strip = h("pc-propagation", { class: "card", hidden: true });

  connectedCallback() {
    const { name, query } = this.route;
    this.#from = Number(query.from) || 0;
    this.#to = Number(query.to) || 0;
    replace(this,
      h("div", { class: "row spread compare-head" }, h("h1", {}, "Compare"), h("a", { class: "way-up", href: promptHash(name, "history") }, icon("back"), "Change history")),
      this.#choosers, this.#strip, this.#place);
    const { signal } = this.#leaving;
    for (const kind of ["saved", "restored", "archived"]) {
      live.addEventListener(kind, ({ detail }) => detail.prompt === name && this.#load(), { signal });
    }
    this.#load();
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  async #load() {
    try {
      this.#versions = await allVersions(this.route.name, this.#leaving.signal);
      this.#settle();
      this.#choose();
      await this.#compare();
    } catch (problem) {
      if (!this.#leaving.signal.aborted) this.#failed(problem);
    }
  }

  /** Without a choice: what is live, and what was there before it. */
  #settle() {
    const known = this.#versions.map(({ version }) => version);
    const now = this.#versions.find((each) => each.live)?.version ?? known[0];
    this.#to ||= now;
    this.#from ||= known.find((version) => version < this.#to) ?? this.#to;
  }

  #choose() {
    const held = document.activeElement?.dataset?.choice;
    replace(this.#choosers,
      this.#side("Before", this.#from, (version) => this.#move(version, this.#to)),
      h("button", { class: "swap", type: "button", title: "Swap", "aria-label": "Swap the two versions", data: { choice: "swap" }, "on:click": () => this.#move(this.#to, this.#from) }, "⇄"),
      this.#side("After", this.#to, (version) => this.#move(this.#from, version)));
    if (held) this.#choosers.querySelector(`[data-choice="${held}"]`)?.focus();
  }

  #side(label, version, choose) {
    const name = id("version");
    const known = this.#versions.find((each) => each.version === version);
    const select = h("select", { id: name, data: { choice: label }, "on:change": () => choose(Number(select.value)) },
      !known && h("option", { value: version }, `v${version}`),
      this.#versions.map((each) => h("option", { value: each.version, selected: each.version === version }, described(each))));
    return h("div", { class: "card compare-side" }, h("label", { htmlFor: name }, label), select, known && this.#facts(known));
  }

  #facts(version) {
    return [h("p", { class: "compare-note" }, version.note ? textNodes(version.note) : h("span", { class: "muted" }, "No note")),
      h("div", { class: "row spread" },
        h("span", { class: "muted" }, `${version.author}, `, h("time", { dateTime: version.recorded_at, title: when(version.recorded_at) }, ago(version.recorded_at))),
        version.live ? h("span", { class: "badge good" }, h("i", { class: "lamp" }), "live")
          : session.can("editor") && h("button", { type: "button", "on:click": () => restoreVersion(this.route.name, version.version, this.#strip) }, icon("undo"), `Restore v${version.version}`))];
  }

  /** The place changes with the choice, so that it can be passed on; the page stays. */
  #move(from, to) {
    [this.#from, this.#to] = [from, to];
    history.replaceState(null, "", promptHash(this.route.name, "compare", { from, to }));
    this.#choose();
    this.#compare().catch((problem) => this.#failed(problem));
  }

  async #compare() {
    this.#asked?.abort();
    this.#asked = new AbortController();
    const signal = AbortSignal.any([this.#asked.signal, this.#leaving.signal]);
    try {
      const { body } = await api.get(promptPath(this.route.name, `/diff?from=${this.#from}&to=${this.#to}`), { signal });
      const shown = this.#place.querySelector("pc-diff") ?? document.createElement("pc-diff");
      if (!shown.isConnected) replace(this.#place, shown);
      shown.diff = body;
    } catch (problem) {
      if (!signal.aborted) throw problem;
    }
  }

  #failed(problem) {
    replace(this.#place, h("p", { class: "callout bad", role: "alert" }, problem.message));
  }
}

function described({ version, live: isLive, author, recorded_at: at, note }) {
  const words = plain(note);
  return [`v${version}${isLive ? " (live)" : ""}`, author, ago(at), words.length > 60 ? `${words.slice(0, 60)}…` : words].filter(Boolean).join(" · ");
}

async function allVersions(name, signal) {
  const found = [];
  for (let next = ""; next !== null && found.length < MOST;) {
    const { body } = await api.get(promptPath(name, `/versions?limit=${PAGE}${next && `&cursor=${next}`}`), { signal });
    found.push(...body.items);
    next = body.next;
  }
  return found;
}

customElements.define("pc-compare", ComparePage);
