// Every replica: whether it is well, what it serves, how far it is, and how fast it reloads.

import { h, icon, replace } from "./dom.js";
import { decades, inWords, lagChart } from "./chart.js";
import { kindOf, reasonWords, severity, stateWord, trouble } from "./member-words.js";
import { live } from "./live.js";
import { promptHash } from "./router.js";
import { ago, duration, ms, number, plural, when } from "./words.js";

const TICK_MS = 1000;
const PROMPTS_SHOWN = 8;
const REJECTIONS_SHOWN = 5;
const STARTING = "REDIS_URL=… PROMPTCAST_NAMESPACE=… promptcast chat";

class FleetPage extends HTMLElement {
  #ends = new AbortController();
  #cards = new Map();
  #summary = h("p", { class: "muted fleet-summary", role: "status" });
  #list = h("ul", { class: "fleet" });
  #empty = emptyState();

  connectedCallback() {
    this.append(h("h1", {}, "Fleet"), this.#summary, this.#list, this.#empty, legend());
    const { signal } = this.#ends;
    live.addEventListener("change", () => this.#show(), { signal });
    const tick = setInterval(() => this.#show(), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(tick));
    this.#show();
  }

  disconnectedCallback() {
    this.#ends.abort();
  }

  #show() {
    const members = [...live.fleet.values()];
    const sorted = [...members].sort((a, b) => severity(b) - severity(a) || byRejections(b, a) || compare(a.id, b.id));
    this.#empty.hidden = members.length > 0;
    this.#list.hidden = !members.length;
    said(this.#summary, summary(members, live.head));
    const range = decades(members.flatMap(lagsOf));
    for (const id of this.#cards.keys()) if (!members.some((member) => member.id === id)) this.#forget(id);
    const cards = sorted.map((member) => this.#card(member).show(member, range).element);
    if (cards.some((card, place) => this.#list.children[place] !== card)) replace(this.#list, cards);
  }

  #card(member) {
    if (!this.#cards.has(member.id)) this.#cards.set(member.id, new Card(member.id));
    return this.#cards.get(member.id);
  }

  #forget(id) {
    this.#cards.get(id).element.remove();
    this.#cards.delete(id);
  }
}

const collator = new Intl.Collator("en", { numeric: true });
const compare = (one, other) => collator.compare(one, other);
const byRejections = (a, b) => Number(a.rejected.length > 0) - Number(b.rejected.length > 0);
const lagsOf = (member) => (live.lags.get(member.id) ?? []).map((each) => each.lag);

/** Write only what is different: a screen reader hears it once, and a selection stays. */
function said(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function summary(members, head) {
  if (!live.connected) return "Connecting again. What is shown is what was last known.";
  if (!members.length) return `No replica is there. The log's head is position ${number(head)}.`;
  const well = members.filter((member) => severity(member) === 0 && member.applied_position >= head);
  const all = well.length === members.length;
  return `${all ? "All" : `${well.length} of`} ${plural(members.length, "replica")} ${well.length === 1 ? "is" : "are"} up to date at position ${number(head)}, the log's head.`;
}

function legend() {
  return h("p", { class: "hint" }, "Lag: from the moment of a save until the replica answers with it. The charts share one scale.");
}

function emptyState() {
  return h("section", { class: "card empty" },
    h("h2", {}, "No replica is running"),
    h("p", {}, "Saved prompts wait in the log. A replica that starts reads them, says so here within a second, and chat is there."),
    h("p", {}, "Start one with the same Redis and namespace as this service:"),
    h("pre", { class: "command" }, h("code", {}, STARTING)),
    h("p", { class: "hint" }, "On one machine, ", h("code", {}, "promptcast dev"), " starts everything, three replicas among it."));
}

/** One replica. Its parts are kept and only their words change. */
class Card {
  #badge = h("span", { class: "badge" });
  #trouble = h("p", { class: "trouble" });
  #url = h("span", { class: "mono muted fleet-url" });
  #prompts = h("div", { class: "chips" });
  #facts = Object.fromEntries(FACTS.map(([key]) => [key, h("dd", {})]));
  #chart = h("div", { class: "fleet-chart" });
  #caption = h("p", { class: "hint" });
  #rejected = h("div", {});
  #drawn = {};

  constructor(id) {
    this.element = h("li", { class: "card replica" },
      h("div", { class: "replica-who" },
        h("div", { class: "row" }, h("h2", { class: "mono" }, id), this.#badge), this.#url, this.#trouble, this.#prompts),
      h("dl", { class: "replica-numbers" }, FACTS.map(([key, label]) => h("div", {}, h("dt", {}, label), this.#facts[key]))),
      h("div", { class: "replica-lags" }, this.#chart, this.#caption),
      this.#rejected);
  }

  show(member, range) {
    const silence = live.silence(member);
    const wrong = trouble(member, live.head, silence);
    this.element.className = `card replica is-${kindOf(member)}`;
    this.#badge.className = `badge ${kindOf(member)}`;
    said(this.#badge, stateWord(member));
    this.#badge.title = `state: ${member.state}`;
    this.#trouble.hidden = !wrong;
    this.#trouble.className = `trouble ${kindOf(member)}`;
    said(this.#trouble, wrong ?? "");
    said(this.#url, member.url ?? "address not told yet");
    for (const [key, , of] of FACTS) this.#fact(key, of(member, silence));
    this.#once("prompts", [member.live, member.prompts, [...live.prompts.values()].map((p) => p.version)], () => replace(this.#prompts, chips(member)));
    this.#once("rejected", member.rejected, () => replace(this.#rejected, rejections(member)));
    this.#once("chart", [live.lags.get(member.id), range], () => this.#draw(member, range));
    return this;
  }

  #fact(key, [text, title, kind = ""]) {
    const place = this.#facts[key];
    said(place, text);
    place.title = title ?? "";
    place.className = kind;
  }

  #once(part, data, draw) {
    const now = JSON.stringify(data);
    if (this.#drawn[part] === now) return;
    this.#drawn[part] = now;
    draw();
  }

  #draw(member, range) {
    const lags = lagsOf(member);
    replace(this.#chart, lags.length > 0 && lagChart(live.lags.get(member.id), range, member.id));
    said(this.#caption, lags.length ? inWords(lags) : "No reload since it started: save a prompt, and see its lag here.");
  }
}

const FACTS = [
  ["position", "Position", (member) => {
    const behind = live.head - member.applied_position;
    return [behind > 0 ? `${number(member.applied_position)} (${number(behind)} behind)` : number(member.applied_position), `of ${live.head}`, behind > 0 ? "warn" : ""];
  }],
  ["lag", "Last lag", (member) => [ms(member.lag_ms)]],
  ["reload", "Last reload", (member) => [ago(member.last_reload), when(member.last_reload)]],
  ["up", "Running for", (member) => [member.uptime_seconds === null ? "–" : duration(member.uptime_seconds + live.age(member.id))]],
  ["heard", "Last heard", (member, silence) => [silence === null ? "never" : silence < 3 ? "now" : `${duration(silence)} ago`, "", silence === null || silence > 3 ? "warn" : ""]],
];

function chips(member) {
  const names = Object.keys(member.live).sort(compare);
  const shown = names.slice(0, PROMPTS_SHOWN).map((name) => chip(name, member.live[name]));
  const more = names.length - shown.length;
  return [shown, more > 0 && h("span", { class: "badge", title: names.slice(PROMPTS_SHOWN).join(", ") }, `and ${number(more)} more`),
    !names.length && h("span", { class: "muted" }, "serves no prompt"),
    !member.prompts.includes("*") && h("span", { class: "hint" }, `holds only ${member.prompts.join(", ")}`)];
}

function chip(name, { version }) {
  const wanted = live.prompts.get(name)?.version ?? version;
  const old = version !== wanted;
  return h("a", { class: `badge ${old ? "warn" : ""}`, href: promptHash(name), title: old ? `version ${wanted} is live in the log` : null },
    name, h("b", {}, `v${version}`), old && `(not yet v${wanted})`);
}

function rejections(member) {
  if (!member.rejected.length) return null;
  const shown = member.rejected.slice(-REJECTIONS_SHOWN).reverse();
  const more = member.rejected.length - shown.length;
  return h("div", { class: "callout bad" },
    h("p", {}, h("strong", {}, icon("alert"), ` It refused ${plural(member.rejected.length, "entry", "entries")} of the log and goes on without:`)),
    h("ul", { class: "plain" }, shown.map((each) => h("li", {},
      `position ${number(each.position)}${each.prompt ? ` (${each.prompt})` : ""}: ${reasonWords(each.reason)} `,
      h("code", {}, each.detail ? `${each.reason}: ${each.detail}` : each.reason)))),
    more > 0 && h("p", { class: "hint" }, `and ${plural(more, "earlier one")}`));
}

customElements.define("pc-fleet", FleetPage);
