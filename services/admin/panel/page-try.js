// `<pc-try>`: ask the prompt a question before, and after, everybody else does. Nothing is saved by it.
//
// The live prompt and the draft of this browser answer the same question side by side; or every replica does,
// which shows at once whether they all answer from the same version. What was asked stays while the page is open.

import { api, promptPath } from "./api.js";
import { liveContent, same } from "./content.js";
import { Draft } from "./draft.js";
import { h, id, replace } from "./dom.js";
import { live } from "./live.js";
import { promptHash } from "./router.js";
import { session } from "./session.js";
import { textNodes } from "./text-view.js";
import { duration, number, plural } from "./words.js";
import "./config-form.js";

const LONGEST = 32000;
const ROUNDS = 20;
const VARIABLE = /(?<!\\)\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}\}/g;
const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

class TryPage extends HTMLElement {
  #leaving = new AbortController();
  #live = null;
  #draft = null;
  #rounds = 0;
  #busy = 0;
  #values = new Map();
  #question = h("textarea", { id: id("question"), rows: 3, maxLength: LONGEST, placeholder: "What would somebody ask?" });
  #ask = h("button", { class: "primary", type: "submit" }, "Ask");
  #every = h("button", { type: "button", "on:click": () => this.#askEvery() }, "Ask every replica");
  #variables = h("div", { class: "try-variables", role: "group", "aria-label": "Variables", hidden: true });
  #whom = h("p", { class: "hint" });
  #answers = h("div", { class: "try-rounds" });

  connectedCallback() {
    if (!session.can("editor")) {
      replace(this, h("h1", {}, "Try it"), h("p", { class: "callout warn" },
        "Asking costs money at the model's provider, so it takes the role editor; yours is viewer. Whoever has the role admin can change that under People & keys."));
      return;
    }
    const { signal } = this.#leaving;
    const form = h("form", { class: "card try-ask" },
      h("label", { htmlFor: this.#question.id }, "Question"), this.#question, this.#variables, this.#whom,
      h("div", { class: "row" }, this.#ask, this.#every, h("span", { class: "hint" }, `${MAC ? "⌘" : "Ctrl"} + Enter asks`)));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#askBoth();
    });
    this.#question.addEventListener("input", () => this.#able());
    this.#question.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    for (const kind of ["saved", "restored", "archived"]) {
      live.addEventListener(kind, ({ detail }) => detail.prompt === this.route.name && this.#look(), { signal });
    }
    replace(this, h("h1", {}, "Try it"), form, this.#answers);
    this.#able();
    this.#look();
    this.#question.focus();
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  /** What is live and what is drafted, as of now. */
  async #look() {
    try {
      this.#live = await liveContent(this.route.name, this.#leaving.signal);
      this.#draft = this.#drafted();
      this.#say();
    } catch (problem) {
      if (!this.#leaving.signal.aborted) replace(this.#whom, h("span", { class: "bad", role: "alert" }, problem.message));
    }
  }

  /** The unsaved content, null when there is none or it says the same as what is live. */
  #drafted() {
    const kept = new Draft(session.who.person, this.route.name, this.#leaving.signal).read();
    if (!kept?.template) return null;
    const form = document.createElement("pc-config");
    if (kept.form) form.form = kept.form;
    const draft = { template: kept.template, config: form.config };
    return this.#live.state === "live" && same(draft, this.#live) ? null : draft;
  }

  #say() {
    const isLive = this.#live.state === "live";
    const edit = (text) => h("a", { href: promptHash(this.route.name) }, text);
    replace(this.#whom,
      isLive ? `Asked is v${this.#live.version}, which is live` : "Nothing is live",
      this.#draft ? [", and ", edit("your unsaved draft"), " beside it."] : [". ", edit("Edit the prompt"), " without saving, and your draft answers beside it."]);
    const template = `${isLive ? this.#live.template : ""}\n${this.#draft?.template ?? ""}`;
    this.#fields([...new Set([...template.matchAll(VARIABLE)].map(([, name]) => name))]);
    this.#able();
  }

  #fields(names) {
    const defaults = { ...this.#live.config?.variables, ...this.#draft?.config.variables };
    this.#variables.hidden = names.length === 0;
    if ([...this.#variables.children].map((each) => each.dataset.name).join() === names.join()) return;
    replace(this.#variables, names.map((name) => {
      const field = id("variable");
      const input = h("input", { id: field, value: this.#values.get(name) ?? "", placeholder: defaults[name] ?? "no default: needed", autocomplete: "off" });
      input.addEventListener("input", () => this.#values.set(name, input.value));
      return h("div", { data: { name } }, h("label", { htmlFor: field }, name), input);
    }));
  }

  #able() {
    const empty = !this.#question.value.trim();
    const isLive = this.#live?.state === "live";
    this.#ask.disabled = empty || this.#busy > 0 || !(isLive || this.#draft);
    this.#every.disabled = empty || this.#busy > 0 || !isLive;
  }

  #body(more) {
    const used = [...this.#variables.children].map((each) => each.dataset.name);
    const variables = Object.fromEntries(used.filter((name) => this.#values.get(name)).map((name) => [name, this.#values.get(name)]));
    return { message: this.#question.value, ...(Object.keys(variables).length ? { variables } : {}), ...more };
  }

  #askBoth() {
    this.#draft = this.#live && this.#drafted(); // another window may have gone on with it
    this.#able();
    if (this.#ask.disabled) return;
    this.#say();
    const asked = [];
    if (this.#live.state === "live") asked.push([waiting("Live", `v${this.#live.version}`), {}]);
    if (this.#draft) asked.push([waiting("Your draft", "unsaved"), { draft: this.#draft }]);
    const round = this.#round(h("div", { class: "answers" }, asked.map(([card]) => card)));
    for (const [card, more] of asked) this.#send(more, (answers) => card.replaceWith(...answers.map((each) => answerCard(each))), card, round);
  }

  #askEvery() {
    const names = [...live.fleet.keys()].sort();
    const place = h("div", { class: "answers" }, names.map((name) => waiting(name, "")));
    const verdict = h("p", { class: "callout", role: "status", hidden: true });
    const round = this.#round([verdict, place]);
    this.#send({ all: true }, (answers) => {
      const odd = oddOnes(answers);
      verdict.hidden = false;
      verdict.className = `callout ${odd.kind}`;
      verdict.textContent = odd.text;
      replace(place, answers.map((each) => answerCard(each, !each.problem && each.version !== odd.usual)));
    }, place, round);
  }

  #round(content) {
    const question = this.#question.value;
    const again = h("button", { class: "quiet", type: "button", "on:click": () => this.#again(question) }, "Ask again");
    const round = h("section", { class: "try-round", "aria-label": `Question ${++this.#rounds}` }, h("div", { class: "try-question" }, h("p", {}, textNodes(question)), again), content);
    this.#answers.prepend(round);
    while (this.#answers.children.length > ROUNDS) this.#answers.lastChild.remove();
    return round;
  }

  #again(question) {
    this.#question.value = question;
    this.#able();
    this.#question.focus();
  }

  async #send(more, show, place, round) {
    this.#busy++;
    this.#able();
    round.setAttribute("aria-busy", "true");
    try {
      const { body } = await api.post(promptPath(this.route.name, "/try"), this.#body(more), { signal: this.#leaving.signal });
      show(body.answers);
    } catch (problem) {
      if (!this.#leaving.signal.aborted) replace(place, refused(problem));
    } finally {
      this.#busy--;
      this.#able();
      round.setAttribute("aria-busy", "false");
    }
  }
}

function waiting(title, version) {
  return h("article", { class: "card answer" }, h("header", {}, h("h2", {}, title), version && h("span", { class: "badge" }, version)), h("p", { class: "reply thinking" }, "Asking…"));
}

/** One answer: whose, from which version, how long it took, and what it cost in tokens. */
function answerCard(answer, different = false) {
  const { source, replica, version, reply, model, usage, seconds, problem, cut } = answer;
  const draft = source === "draft";
  return h("article", { class: different ? "card answer different" : "card answer" },
    h("header", {}, h("h2", {}, draft ? "Your draft" : replica ?? "Live"),
      draft ? h("span", { class: "badge accent" }, "unsaved") : version !== null && h("span", { class: `badge ${different ? "warn" : "good"}` }, `v${version}`)),
    problem ? h("p", { class: "reply bad" }, explained(problem)) : h("div", { class: "reply" }, textNodes(reply ?? "", { limit: 6000 }), cut && h("span", { class: "muted" }, " … (cut here)")),
    h("footer", {}, [model, usage?.total_tokens !== undefined && plural(usage.total_tokens, "token"), seconds > 0 && took(seconds)].filter(Boolean).join(" · ")));
}

const took = (seconds) => (seconds < 10 ? `${number(Math.round(seconds * 1000))} ms` : duration(seconds));
const explained = (problem) => (typeof problem === "string" ? problem : problem.detail || problem.code);

function refused(problem) {
  const errors = (problem.body.errors ?? []).map(({ detail }) => h("li", {}, detail));
  return h("div", { class: "callout bad", role: "alert" }, problem.message, errors.length > 0 && h("ul", {}, errors));
}

/** Whether they answer from one version, in a sentence; `usual` is what most of them answer from. */
function oddOnes(answers) {
  const versions = new Map();
  for (const { version, problem } of answers) if (!problem) versions.set(version, (versions.get(version) ?? 0) + 1);
  const [usual] = [...versions].sort((a, b) => b[1] - a[1])[0] ?? [null];
  const failed = answers.filter(({ problem }) => problem).length;
  const rest = failed ? ` ${plural(failed, "replica")} gave no answer.` : "";
  if (versions.size > 1) return { versions, usual, kind: "bad", text: `They answer from different versions: ${[...versions].map(([version, count]) => `${count} from v${version}`).join(", ")}.${rest}` };
  if (!versions.size) return { versions, usual, kind: "bad", text: "No replica gave an answer." };
  const who = failed || answers.length < 2 ? plural(versions.get(usual), "replica answers", "replicas answer") : `All ${number(answers.length)} replicas answer`;
  return { versions, usual, kind: failed ? "warn" : "good", text: `${who} from v${usual}.${rest}` };
}

customElements.define("pc-try", TryPage);
