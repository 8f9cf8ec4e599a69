// Who may do what: people and API keys, for admins.

import { api } from "./api.js";
import { copyLine } from "./clipboard.js";
import { confirm, toast } from "./dialog.js";
import { h, id, replace } from "./dom.js";
import { session } from "./session.js";
import { ago, plural, when } from "./words.js";

const ROLES = [
  ["viewer", "reads: prompts, history, the fleet, the audit"],
  ["editor", "reads, saves, restores, and tries prompts out"],
  ["admin", "all of that, and archives prompts and decides who may do what"],
];
const PERSON = "[a-z0-9][a-z0-9._@+\\-]{0,63}";
const KEY = "[a-z0-9][a-z0-9._\\-]{0,63}";
const TAKEN = new Set(["admin", "promptcast"]);

class PeoplePage extends HTMLElement {
  #ends = new AbortController();
  #people = h("div", { class: "scroll" }, waiting());
  #keys = h("div", { class: "scroll" }, waiting());
  #shown = { people: h("div", { "aria-live": "polite" }), keys: h("div", { "aria-live": "polite" }) };

  connectedCallback() {
    if (!session.can("admin")) {
      this.append(h("h1", {}, "People and keys"), h("p", { class: "card" }, "Only admins see who may do what. Ask one of them if you need to do more than you can."));
      return;
    }
    this.append(h("h1", {}, "People and keys"), roles(),
      h("section", { class: "card" }, h("h2", {}, "People"),
        h("p", { class: "hint" }, "They sign in here with a name and a password. What they change carries their name."),
        this.#shown.people, this.#people, this.#adding("person")),
      h("section", { class: "card" }, h("h2", {}, "API keys"),
        h("p", { class: "hint" }, "For pipelines and the ", h("code", {}, "promptcast"), " command. What is changed with one carries the key's name. A revoked key is dead everywhere at once."),
        this.#shown.keys, this.#keys, this.#adding("key")));
    this.#load();
  }

  disconnectedCallback() {
    this.#ends.abort();
  }

  async #load() {
    await Promise.all([this.#list("/people", this.#people, (items) => this.#peopleTable(items)),
      this.#list("/keys", this.#keys, (items) => this.#keysTable(items))]);
  }

  async #list(path, place, table) {
    try {
      const { body } = await api.get(path, { signal: this.#ends.signal });
      replace(place, table(body.items));
    } catch (problem) {
      if (problem.name === "AbortError") return;
      replace(place, h("div", { class: "callout bad", role: "alert" }, h("p", {}, problem.message), h("button", { "on:click": () => this.#load() }, "Try again")));
    }
  }

  #peopleTable(items) {
    if (!items.length) return h("p", { class: "muted" }, "Nobody yet. Add yourself first: then what you change carries your name.");
    return table(["Name", "Role", "Password", "Added", ""], items.map((person) => [
      [h("strong", {}, person.name), person.name === session.who.person && h("span", { class: "badge accent" }, "you")],
      this.#rolePicker(person),
      person.has_password ? "set" : h("span", { class: "badge warn" }, "not set yet"),
      h("span", { title: when(person.added_at) }, `${ago(person.added_at)}${person.added_by ? ` by ${person.added_by}` : ""}`),
      h("div", { class: "row-actions" },
        h("button", { "aria-label": `New link for ${person.name}`, "on:click": () => this.#newLink(person) }, person.has_password ? "Reset password" : "New link"),
        h("button", { class: "quiet", "aria-label": `Remove ${person.name}`, "on:click": () => this.#remove(person) }, "Remove")),
    ]));
  }

  #rolePicker(person) {
    const picker = h("select", { "aria-label": `Role of ${person.name}`, class: "role-picker", "on:change": () => this.#setRole(person, picker) },
      ROLES.map(([name, may]) => h("option", { value: name, title: may, selected: name === person.role }, name)));
    return picker;
  }

  #keysTable(items) {
    if (!items.length) return h("p", { class: "muted" }, "No keys yet.");
    return table(["Name", "Role", "Id", "Made", ""], items.map((key) => [
      h("strong", {}, key.name), h("span", { class: "badge" }, key.role), h("code", {}, key.key),
      h("span", { title: when(key.added_at) }, `${ago(key.added_at)}${key.added_by ? ` by ${key.added_by}` : ""}`),
      h("div", { class: "row-actions" }, h("button", { class: "quiet", "aria-label": `Revoke ${key.name}`, "on:click": () => this.#revoke(key) }, "Revoke")),
    ]));
  }

  /** The form that adds one. */
  #adding(kind) {
    const isPerson = kind === "person";
    const name = h("input", { autocomplete: "off", autocapitalize: "none", spellcheck: false, maxLength: 64, placeholder: isPerson ? "ada" : "deploy-pipeline" });
    const role = h("select", {}, ROLES.map(([each]) => h("option", { defaultSelected: each === (isPerson ? "editor" : "viewer") }, each)));
    const error = h("p", { class: "error", role: "alert" });
    const button = h("button", { class: "primary", type: "submit" }, isPerson ? "Add person" : "Make key");
    return h("form", { class: "adding", novalidate: true, "on:submit": async (event) => {
      event.preventDefault();
      const wanted = name.value.trim().toLowerCase();
      error.textContent = complaint(wanted, isPerson);
      if (error.textContent || button.disabled) return name.focus();
      button.disabled = true;
      const done = await attempt(() => (isPerson ? this.#addPerson(wanted, role.value) : this.#addKey(wanted, role.value)), (text) => (error.textContent = text));
      button.disabled = false;
      if (done) event.target.reset(); // the role too: nobody becomes an admin because the last one did
    } }, labelled("Name", name), labelled("Role", role), button, error);
  }

  async #addPerson(name, role) {
    const { body } = await api.post("/people", { name, role });
    this.#show("people", `${name} is added as ${role}. Give them this link: it lets them set a password.`, body.link, untilWords(body.expires_at));
    await this.#load();
  }

  async #addKey(name, role) {
    const { body } = await api.post("/keys", { name, role });
    this.#show("keys", `The key ${name} is made. Copy its secret now.`, body.secret, "It is not kept and never shown again.");
    await this.#load();
  }

  async #newLink(person) {
    const sure = !person.has_password || (await confirm({ title: `New password for ${person.name}?`, action: "Make link",
      body: h("p", {}, "They get a one-time link by which they set a new password. Until then the present one goes on working.") }));
    if (!sure) return;
    await attempt(async () => {
      const { body } = await api.post(`/people/${encodeURIComponent(person.name)}/link`, {});
      this.#show("people", `Give this link to ${person.name}: it lets them set a password.`, body.link, untilWords(body.expires_at));
    });
  }

  async #setRole(person, picker) {
    const self = person.name === session.who.person && picker.value !== "admin";
    const sure = !self || (await confirm({ title: "Give up being an admin?", danger: true, action: `Become ${picker.value}`,
      body: h("p", {}, "You will not see this page any more, and cannot undo this yourself.") }));
    const done = sure && (await attempt(() => api.post(`/people/${encodeURIComponent(person.name)}`, { role: picker.value })));
    if (!done) return void (picker.value = person.role);
    toast(`${person.name} is ${picker.value} now.`, "good");
    if (self) await session.recall();
    else await this.#load();
  }

  async #remove(person) {
    const self = person.name === session.who.person;
    const sure = await confirm({ title: `Remove ${person.name}?`, danger: true, action: "Remove",
      body: h("p", {}, `${self ? "This is you: you will be signed out. " : ""}Their sessions end everywhere at once, and their password is erased. What they did stays in the history under their name.`) });
    if (!sure) return;
    const done = await attempt(() => api.delete(`/people/${encodeURIComponent(person.name)}`));
    if (!done) return;
    replace(this.#shown.people);
    toast(`${person.name} is removed.`, "good");
    if (self) await session.recall();
    else await this.#load();
  }

  async #revoke(key) {
    const sure = await confirm({ title: `Revoke ${key.name}?`, danger: true, action: "Revoke",
      body: h("p", {}, "Whatever uses this key is refused from now on, everywhere. It cannot be undone; a new key can be made.") });
    if (!sure || !(await attempt(() => api.delete(`/keys/${encodeURIComponent(key.key)}`)))) return;
    replace(this.#shown.keys);
    toast(`${key.name} is revoked.`, "good");
    await this.#load();
  }

  /** What is shown only once. */
  #show(where, text, secret, hint) {
    const box = h("div", { class: "callout good" }, h("p", {}, h("strong", {}, text)), copyLine(where === "keys" ? "The key's secret" : "One-time link", secret),
      h("div", { class: "row spread" }, h("p", { class: "hint" }, hint), h("button", { class: "quiet", "on:click": () => box.remove() }, "Done, hide it")));
    replace(this.#shown[where], box);
    box.scrollIntoView({ block: "nearest" });
  }
}

const waiting = () => h("p", { class: "muted" }, "Loading…");
const labelled = (label, input) => {
  input.id = id("add");
  return h("div", {}, h("label", { htmlFor: input.id }, label), input);
};
const untilWords = (iso) => `It works once${iso ? `, until ${when(iso)}` : ""}, and is not shown again.`;

function roles() {
  return h("dl", { class: "roles" }, ROLES.map(([name, may]) => h("div", {}, h("dt", {}, h("span", { class: "badge accent" }, name)), h("dd", {}, may))));
}

function table(heads, rows) {
  return h("table", { class: "people" }, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head || h("span", { class: "visually-hidden" }, "Actions"))))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, place) => h("td", { data: { label: heads[place] } }, cell))))));
}

function complaint(name, isPerson) {
  if (!name) return "Give a name.";
  if (!new RegExp(`^(?:${isPerson ? PERSON : KEY})$`, "v").test(name)) {
    return `Letters a to z, digits and ${isPerson ? ". _ @ + -" : ". _ -"}, beginning with a letter or digit; ${plural(64, "character")} at most.`;
  }
  return isPerson && TAKEN.has(name) ? `“${name}” is a name that the service uses itself.` : "";
}

/** Whether it was done; if not, `say` what the service answered. */
async function attempt(work, say = (text) => toast(text, "bad")) {
  try {
    await work();
    return true;
  } catch (problem) {
    say(problem.message);
    return false;
  }
}

customElements.define("pc-people", PeoplePage);
