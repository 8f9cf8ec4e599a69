// "My change has no effect": what the system sees of it right now, and a report to hand on.

import { api, promptPath } from "./api.js";
import { copyButton } from "./clipboard.js";
import { h, icon, id, replace } from "./dom.js";
import { drafted } from "./draft.js";
import { kindOf, stateWord } from "./member-words.js";
import { SYMPTOMS, findings, verdict } from "./help-findings.js";
import { report } from "./help-report.js";
import { live } from "./live.js";
import { session } from "./session.js";
import { duration, ms } from "./words.js";

const TICK_MS = 1000;
const ICONS = { good: "check", info: "dot", warn: "clock", bad: "alert" };
const OUTCOMES = { applied: ["has it", "good"], pending: ["not yet", "warn"], rejected: ["refused it", "bad"], skipped: ["does not hold it", ""] };

class HelpPage extends HTMLElement {
  #ends = new AbortController();
  #asked = { prompt: null, newest: null, spread: null };
  #trial = null;
  #drawn = {};
  #choice = h("div", {});
  #verdict = h("div", { class: "verdict", role: "status" });
  #found = h("ul", { class: "plain" });
  #replicas = h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Replica by replica" });
  #answers = h("div", { "aria-live": "polite" });
  #fallback = h("div", {});

  connectedCallback() {
    const { prompt, symptom } = this.route.query;
    this.symptom = symptom in SYMPTOMS ? symptom : "nothing";
    this.name = prompt ?? null;
    this.append(h("h1", {}, "My change has no effect"), h("section", { class: "card" }, this.#choice, this.#symptoms()),
      this.#verdict, h("section", { class: "card" }, h("h2", {}, "What the system sees right now"), this.#found),
      h("section", { class: "card" }, h("h2", {}, "Replica by replica"), this.#replicas), this.#reporting());
    const { signal } = this.#ends;
    live.addEventListener("change", () => this.#show(), { signal });
    const timer = setInterval(() => this.#show(), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    for (const kind of ["state", "saved", "restored", "archived"]) live.addEventListener(kind, () => this.#ask(true), { signal });
    for (const kind of ["reported", "replica"]) live.addEventListener(kind, () => this.#ask(), { signal });
    this.#ask(true);
  }

  disconnectedCallback() {
    this.#ends.abort();
  }

  get #names() {
    return [...live.prompts.keys()].sort();
  }

  /** Without a choice: the prompt that was changed last. */
  #chosen() {
    if (this.name) return this.name;
    const newest = [...live.prompts.values()].sort((a, b) => b.revision - a.revision)[0];
    return newest?.name ?? null;
  }

  async #ask(all = false) {
    const name = this.#chosen();
    if (!name || document.hidden) return this.#show();
    const { signal } = this.#ends;
    const summary = live.prompts.get(name);
    const get = (path) => api.get(path, { signal }).then(({ body }) => body, () => null);
    const wanted = [summary ? get(`/propagation/${summary.revision}`) : null];
    if (all) wanted.push(get(promptPath(name)), get(promptPath(name, "/versions?limit=1")));
    const [spread, prompt, versions] = await Promise.all(wanted);
    if (signal.aborted || name !== this.#chosen()) return;
    this.#asked = { ...this.#asked, spread, ...(all ? { prompt, newest: versions?.items[0] ?? null } : {}) };
    this.#show();
  }

  #facts() {
    const name = this.#chosen();
    return { name, summary: live.prompts.get(name), ...this.#asked, members: [...live.fleet.values()], head: live.head, silence: (member) => live.silence(member),
      drafted: drafted(session.who?.person ?? "").includes(name), names: this.#names, connected: live.connected, state: live.state, readOnly: live.readOnly };
  }

  #show() {
    const facts = this.#facts();
    this.#once("choice", [this.#names, facts.name], () => replace(this.#choice, this.#picker(facts.name)));
    if (!facts.name) return replace(this.#found, h("li", {}, live.connected ? "There is no prompt yet: make one first." : "Loading…"));
    if (!facts.spread && facts.summary) return;
    const found = findings(this.symptom, facts);
    const said = verdict(this.symptom, facts, found);
    this.#once("verdict", said, () => replace(this.#verdict, h("p", { class: `callout ${said.kind}` }, icon(ICONS[said.kind]), h("strong", {}, said.title))));
    this.#once("found", found, () => replace(this.#found, found.map(item)));
    this.#once("replicas", [facts.members.map((member) => [member, Math.floor(facts.silence(member) ?? 0)]), facts.spread], () => replace(this.#replicas, table(facts)));
  }

  #once(part, data, draw) {
    const now = JSON.stringify(data);
    if (this.#drawn[part] === now) return;
    this.#drawn[part] = now;
    draw();
  }

  #picker(chosen) {
    const names = this.#names.includes(chosen) || !chosen ? this.#names : [chosen, ...this.#names];
    const select = h("select", { id: id("prompt"), "on:change": () => this.#choose({ name: select.value }) },
      names.map((name) => h("option", { value: name, selected: name === chosen }, name)));
    return h("div", { class: "field help-prompt" }, h("label", { htmlFor: select.id }, "Which prompt did you change?"), select);
  }

  #symptoms() {
    const group = id("symptom");
    return h("fieldset", { class: "symptoms" }, h("legend", { class: "label" }, "What do you see?"),
      Object.entries(SYMPTOMS).map(([value, [title, text]]) => h("label", {},
        h("input", { type: "radio", name: group, value, checked: value === this.symptom, "on:change": () => this.#choose({ symptom: value }) }),
        h("span", {}, h("b", {}, title), h("small", { class: "muted" }, text)))));
  }

  #choose(change) {
    Object.assign(this, change);
    if (change.name) {
      this.#asked = { prompt: null, newest: null, spread: null };
      this.#trial = null;
      replace(this.#answers);
    }
    history.replaceState(null, "", `#/help?${new URLSearchParams({ prompt: this.#chosen() ?? "", symptom: this.symptom })}`);
    replace(this.#fallback);
    this.#show();
    this.#ask(true);
  }

  #reporting() {
    const question = h("input", { id: id("question"), maxLength: 2000, placeholder: "A question whose answer should have changed" });
    const ask = h("button", { type: "submit" }, "Ask every replica");
    const may = session.can("editor");
    return h("section", { class: "card" }, h("h2", {}, "Hand it on"),
      h("p", { class: "muted" }, "The report says which version is live since when, what each replica made of it, and what was found. It holds no text of the prompt."),
      may && h("form", { class: "asking", "on:submit": (event) => {
        event.preventDefault();
        this.#try(question.value.trim(), ask);
      } }, h("label", { htmlFor: question.id }, "Test question (optional)"), h("div", { class: "row" }, question, ask)),
      this.#answers,
      h("div", { class: "row" }, copyButton("Copy report", () => this.#report(), (text) => this.#byHand(text), { class: "primary" }),
        h("button", { class: "quiet", "on:click": async () => this.#byHand(await this.#report()) }, "Show it")),
      this.#fallback);
  }

  async #try(message, button) {
    if (!message || button.disabled) return;
    button.disabled = true;
    replace(this.#answers, h("p", { class: "muted" }, "Asking…"));
    try {
      const { body } = await api.post(promptPath(this.#chosen(), "/try"), { message, all: true }, { signal: this.#ends.signal });
      this.#trial = { question: message, answers: body.answers };
      replace(this.#answers, h("ul", { class: "plain told" }, body.answers.map(said)));
    } catch (problem) {
      replace(this.#answers, h("p", { class: "error" }, problem.message));
    }
    button.disabled = false;
  }

  async #report() {
    await this.#ask(true);
    const facts = this.#facts();
    return report(SYMPTOMS[this.symptom].join(": "), facts, findings(this.symptom, facts), this.#trial);
  }

  #byHand(text) {
    const area = h("textarea", { readOnly: true, rows: Math.min(24, text.split("\n").length), value: text, "aria-label": "The report", wrap: "off" });
    replace(this.#fallback, h("p", { class: "hint" }, "Select all of it and copy it:"), area);
    area.focus();
    area.select();
  }
}

function item({ kind, title, text, links }) {
  return h("li", { class: `seen ${kind}` }, h("span", { class: "seen-sign" }, kind === "info" ? h("i", { "aria-hidden": "true" }, "i") : icon(ICONS[kind])),
    h("div", {}, h("h3", { dir: "auto" }, title), h("p", { dir: "auto" }, text), links.length > 0 && h("p", { class: "row" }, links.map(([href, words]) => h("a", { href }, words)))));
}

function table({ members, spread, name, silence }) {
  if (!members.length) return h("p", { class: "muted" }, "None is there.");
  const rows = members.map((member) => {
    const row = spread?.replicas.find((each) => each.replica === member.id);
    const [words, kind] = OUTCOMES[row?.outcome] ?? ["unknown", ""];
    const silent = silence(member);
    return h("tr", {}, h("th", { scope: "row", class: "mono" }, member.id), h("td", {}, h("span", { class: `badge ${kind}` }, words)),
      h("td", { class: "number" }, ms(row?.lag_ms)), h("td", {}, member.live[name] ? `v${member.live[name].version}` : "–"),
      h("td", {}, h("span", { class: `badge ${kindOf(member)}` }, stateWord(member))),
      h("td", {}, silent === null ? "never" : silent < 3 ? "now" : `${duration(silent)} ago`));
  });
  const head = (words, kind) => h("th", { scope: "col", class: kind }, words);
  return h("table", {}, h("thead", {}, h("tr", {}, head("Replica"), head("This version"), head("Lag", "number"), head("Serves"), head("State"), head("Last heard"))), h("tbody", {}, rows));
}

function said(each) {
  return h("li", {}, h("span", { class: "mono" }, each.replica ?? "nobody"), each.version && h("span", { class: "badge accent" }, `v${each.version}`),
    each.problem ? h("span", { class: "bad" }, each.problem.detail || each.problem.code) : h("span", { dir: "auto" }, each.reply));
}

customElements.define("pc-help", HelpPage);
