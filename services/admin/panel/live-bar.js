// What is live, since when and by whom; and the way back, one click away: `<pc-live-bar>`.

import { previousVersion } from "./content.js";
import { h, icon, replace } from "./dom.js";
import { live } from "./live.js";
import { session } from "./session.js";
import { past, when } from "./words.js";

const REFRESH_MS = 1000;

/** Tells `restored` with the answer of a restore, null when nothing came of it; `strip` shows how it spreads. */
customElements.define("pc-live-bar", class extends HTMLElement {
  #content = null;
  #previous = null;
  #asked = null;
  #timer = 0;
  #time = h("time");
  #back = h("button", { type: "button", class: "way-back", "on:click": () => this.#restore() });

  /** What is live, as `liveContent` gives it. */
  set content(content) {
    const moved = content.revision !== this.#content?.revision;
    this.#content = content;
    this.#show();
    if (moved) this.#lookBack();
  }

  connectedCallback() {
    this.#timer = setInterval(() => this.#age(), REFRESH_MS);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    this.#asked?.abort();
  }

  #show() {
    const { state, version, author, note, recorded_at: at } = this.#content;
    this.#time.dateTime = at ?? "";
    this.#time.title = when(at);
    this.#age();
    if (state === "new") return replace(this, h("div", { class: "live-words" }, h("span", { class: "badge accent" }, "new"), h("span", {}, "Not saved yet. The first save makes v1 live.")));
    const words = state === "archived"
      ? [h("span", { class: "badge warn" }, "archived"), h("span", {}, "No replica serves it since ", this.#time, ". A save brings it back.")]
      : [h("span", { class: "badge good" }, h("i", { class: "lamp" }), "live"), h("strong", { class: "live-version" }, `v${version}`),
        h("span", { class: "muted" }, "since ", this.#time, " by ", h("span", { class: "author" }, author))];
    replace(this, h("div", { class: "live-words" }, words, note && h("q", { class: "live-note", title: note }, note)), this.#back);
    this.#offer();
  }

  #age() {
    const text = past(this.#content?.recorded_at);
    if (this.#time.textContent !== text) this.#time.textContent = text;
  }

  async #lookBack() {
    this.#asked?.abort();
    const { signal } = (this.#asked = new AbortController());
    this.#previous = null;
    this.#offer();
    try {
      const { name, state } = this.#content;
      const found = state === "live" ? await previousVersion(name, this.#content, signal) : null;
      if (signal.aborted) return;
      this.#previous = found;
      this.#offer();
    } catch (problem) {
      if (!signal.aborted) this.#back.title = problem.message;
    }
  }

  #offer() {
    const may = session.can("editor") && this.#content.state === "live";
    this.#back.hidden = !may || this.#previous === null;
    this.#back.disabled = Boolean(live.readOnly);
    replace(this.#back, icon("undo"), `Restore previous (v${this.#previous})`);
  }

  async #restore() {
    const { restoreVersion } = await import("./restoring.js"); // with all that draws differences
    this.dispatchEvent(new CustomEvent("restored", { detail: await restoreVersion(this.#content.name, this.#previous, this.strip) }));
  }
});
