// All prompts: what is live, since when, by whom: `<pc-prompts>`. With one prompt only, the start is that prompt.

import { drafted } from "./draft.js";
import { h, id, replace } from "./dom.js";
import { live } from "./live.js";
import { go, promptHash } from "./router.js";
import { session } from "./session.js";
import { ago, plural, when } from "./words.js";

const MANY = 8;
const REFRESH_MS = 5000;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

customElements.define("pc-prompts", class extends HTMLElement {
  #leaving = null;
  #timer = 0;
  #search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search prompts", "on:input": () => this.#show() });
  #list = h("div");
  #count = h("span", { class: "muted", role: "status" });

  connectedCallback() {
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    replace(this, h("div", { class: "row spread page-head" }, h("div", { class: "row" }, h("h1", {}, "Prompts"), this.#count),
      h("div", { class: "row" }, this.#search, session.can("editor") && h("button", { class: "primary", "on:click": () => create() }, "New prompt"))), this.#list);
    for (const kind of ["state", "saved", "restored", "archived"]) live.addEventListener(kind, () => this.#show(), { signal });
    this.#timer = setInterval(() => this.#age(), REFRESH_MS);
    this.#show();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    this.#leaving.abort();
  }

  #age() {
    for (const time of this.querySelectorAll("time")) time.textContent = ago(time.dateTime);
  }

  #show() {
    const all = [...live.prompts.values()].sort((a, b) => a.name.localeCompare(b.name, "en"));
    if (all.length === 1 && !all[0].archived && /^#?\/?$/.test(location.hash)) return location.replace(promptHash(all[0].name));
    const term = this.#search.value.trim().toLowerCase();
    const found = all.filter((prompt) => `${prompt.name} ${prompt.note} ${prompt.author}`.toLowerCase().includes(term));
    const [living, archived] = [found.filter((each) => !each.archived), found.filter((each) => each.archived)];
    this.#search.hidden = all.length < MANY;
    this.#count.textContent = term ? `${found.length} of ${all.length}` : all.length ? plural(living.length, "live", "live") : "";
    const drafts = new Set(drafted(session.who?.person ?? ""));
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    replace(this.#list,
      living.length > 0 && h("section", { class: "card listing" }, table(living, drafts)),
      !all.length && empty(), all.length > 0 && !found.length && h("p", { class: "muted" }, "None is called like that."),
      archived.length > 0 && h("section", {}, h("h2", { class: "muted" }, "Archived"), h("div", { class: "card listing" }, table(archived, drafts))));
    if (focused) this.#list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
});

function table(prompts, drafts) {
  return h("table", { class: "prompts" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Prompt"), h("th", { scope: "col" }, prompts[0].archived ? "State" : "Live"),
      h("th", { scope: "col" }, "Since"), h("th", { scope: "col" }, "By"), h("th", { scope: "col", class: "wide-only" }, "Note"))),
    h("tbody", {}, prompts.map((prompt) => row(prompt, drafts.has(prompt.name)))));
}

function row(prompt, draft) {
  const { name, version, archived, recorded_at: at, author, note } = prompt;
  return h("tr", {},
    h("td", {}, h("a", { class: "mono", href: promptHash(name) }, name), draft && h("span", { class: "badge warn" }, "unsaved draft")),
    h("td", {}, archived ? h("span", { class: "badge" }, "archived") : h("span", { class: "badge good" }, `v${version}`)),
    h("td", {}, h("time", { dateTime: at, title: when(at) }, ago(at))), h("td", {}, author), h("td", { class: "muted wide-only" }, h("span", { class: "clip" }, note)));
}

function empty() {
  if (!live.connected) return h("p", { class: "muted" }, "Connecting…");
  return h("div", { class: "card empty" }, h("h2", {}, "No prompt yet"),
    h("p", { class: "muted" }, session.can("editor") ? "The first one goes live everywhere the moment it is saved." : "Somebody who may edit has to write the first one."),
    session.can("editor") && h("button", { class: "primary", "on:click": () => create() }, "Write the first prompt"));
}

/** Ask for a name, then go to the page of that prompt: it exists from its first save. */
function create() {
  const title = id("new");
  const field = id("name");
  const error = h("p", { class: "error", role: "alert" });
  const input = h("input", { id: field, class: "mono", maxLength: 64, autocomplete: "off", spellcheck: false, placeholder: "support-bot" });
  const dialog = h("dialog", { "aria-labelledby": title });
  const made = (event) => {
    event.preventDefault();
    const name = input.value.trim();
    const taken = live.prompts.has(name);
    error.textContent = taken ? "There is one of that name." : NAME.test(name) ? "" : "Small letters, digits, dots, dashes and underlines; at most 64, the first a letter or a digit.";
    if (error.textContent) return input.focus();
    dialog.close();
    go(promptHash(name));
  };
  replace(dialog, h("form", { method: "dialog", "on:submit": made }, h("h2", { id: title }, "New prompt"),
    h("div", { class: "field" }, h("label", { htmlFor: field }, "Name"), input, h("p", { class: "hint" }, "Clients ask for it by this name. It cannot be changed later."), error),
    h("div", { class: "actions" }, h("button", { type: "button", "on:click": () => dialog.close() }, "Cancel"), h("button", { class: "primary" }, "Go on"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}
