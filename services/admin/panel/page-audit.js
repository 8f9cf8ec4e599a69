// The log in words, newest first: who did what, when, and what became of it.

import { h, icon, replace } from "./dom.js";
import { comparison, sentence, sign, understood } from "./event-words.js";
import { reasonWords } from "./member-words.js";
import { live } from "./live.js";
import { backwards, between, lastOf } from "./log-pages.js";
import { session } from "./session.js";
import { ago, number, plural, when } from "./words.js";

const LOGS = { prompts: "/events", access: "/access" };
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });

class AuditPage extends HTMLElement {
  #ends = new AbortController();
  #list = h("ol", { class: "audit", reversed: true });
  #foot = h("div", { class: "audit-foot" });
  #older = h("button", { "on:click": () => this.#more() }, "Show older");
  #newest = 0;
  #below = 0;
  #busy = false;

  connectedCallback() {
    this.log = this.route.query.log === "access" && session.can("admin") ? "access" : "prompts";
    this.path = LOGS[this.log];
    this.append(h("div", { class: "row spread" }, h("h1", {}, "Audit"), session.can("admin") && this.#tabs()),
      h("p", { class: "muted" }, this.log === "access"
        ? "Every change of who may do what. Nothing here can be altered or taken back: each entry holds the hash of the one before."
        : "Every change of every prompt. Nothing here can be altered or taken back: each entry holds the hash of the one before."),
      h("section", { class: "card" }, this.#list, this.#foot));
    this.#begin();
  }

  disconnectedCallback() {
    this.#ends.abort();
  }

  #tabs() {
    const tab = (log, words) => h("a", { href: `#/audit?log=${log}`, "aria-current": this.log === log ? "page" : null }, words);
    return h("nav", { class: "places", "aria-label": "Which log" }, tab("prompts", "Prompts"), tab("access", "People and keys"));
  }

  async #begin() {
    const { signal } = this.#ends;
    replace(this.#foot, h("p", { class: "muted" }, "Reading the log…"));
    try {
      this.#newest = this.#below = this.log === "prompts" ? live.head || (await lastOf(this.path, signal)) : await lastOf(this.path, signal);
    } catch (problem) {
      return this.#failed(problem, () => this.#begin());
    }
    await this.#more();
    this.#follow(signal);
  }

  #follow(signal) {
    const sight = new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && this.#more(), { rootMargin: "600px" });
    sight.observe(this.#foot);
    signal.addEventListener("abort", () => sight.disconnect());
    if (this.log === "prompts") live.addEventListener("change", () => this.#news(live.head), { signal });
    else for (const kind of ["access", "state"]) live.addEventListener(kind, () => this.#news(Number.MAX_SAFE_INTEGER - 1), { signal });
    live.addEventListener("reported", () => this.#marks(), { signal });
  }

  /** The next older page. */
  async #more() {
    if (this.#busy || !this.#below) return;
    this.#busy = true;
    this.#older.disabled = true;
    try {
      const { items, below } = await backwards(this.path, this.#below, this.#ends.signal);
      this.#below = below;
      for (const item of items) this.#add(item, "append");
      replace(this.#foot, below ? this.#older : h("p", { class: "muted" }, `The beginning of the log. ${plural(this.#list.querySelectorAll(".entry").length, "entry", "entries")}.`));
    } catch (problem) {
      this.#failed(problem, () => this.#more());
    }
    this.#busy = false;
    this.#older.disabled = false;
    if (this.#below && this.#foot.getBoundingClientRect().top < innerHeight) this.#more();
  }

  /** What was added since. */
  async #news(head) {
    if (head <= this.#newest || this.#busy) return;
    this.#busy = true;
    try {
      for (const item of await between(this.path, this.#newest, Math.min(head, this.#newest + 1000), this.#ends.signal)) {
        this.#add(item, "prepend");
        this.#newest = item.position;
      }
    } catch (problem) {
      if (problem.name === "AbortError") return;
      // the next update asks again
    }
    this.#busy = false;
    if (this.log === "prompts" && live.head > this.#newest) setTimeout(() => this.#news(live.head), 1000);
  }

  #add(item, how) {
    const day = item.at ? calendar.format(new Date(item.at)) : "Without a date";
    const at = how === "append" ? this.#list.lastElementChild : this.#list.firstElementChild;
    let group = at?.dataset.day === day ? at : null;
    if (!group) this.#list[how]((group = h("li", { data: { day } }, h("h2", { class: "day" }, day), h("ol", { class: "plain" }))));
    const row = entry(item);
    if (how === "prepend") row.classList.add("fresh");
    group.lastElementChild[how](row);
    mark(row);
  }

  #marks() {
    for (const row of this.querySelectorAll(".entry")) mark(row);
  }

  #failed(problem, again) {
    if (problem.name === "AbortError") return;
    replace(this.#foot, h("div", { class: "callout bad", role: "alert" }, h("p", {}, problem.message), h("button", { "on:click": again }, "Try again")));
  }
}

function entry(item) {
  const [letter, kind] = sign(item);
  const note = understood(item) && item.event.data.note;
  return h("li", { class: "entry", data: { position: item.position } },
    h("span", { class: `badge sign ${kind}`, "aria-hidden": "true" }, letter),
    h("div", { class: "entry-words" },
      h("p", { dir: "auto" }, sentence(item)),
      note && h("blockquote", { class: "note", dir: "auto" }, note),
      h("div", { class: "entry-marks" })),
    h("div", { class: "entry-side" },
      h("time", { dateTime: item.at ?? "", title: item.at ? `${when(item.at)} (${ago(item.at)})` : "" }, item.at ? clock.format(new Date(item.at)) : "–"),
      h("small", { class: "muted", title: `hash ${item.hash}` }, `position ${number(item.position)}`),
      comparison(item, live.prompts)));
}

/** Which members refused an entry is known only of those that are there. */
function mark(row) {
  const position = Number(row.dataset.position);
  const refusals = [...live.fleet.values()].flatMap((member) => member.rejected.filter((each) => each.position === position).map((each) => [member.id, each]));
  const said = JSON.stringify(refusals);
  if (row.dataset.marks === said || (!refusals.length && !row.dataset.marks)) return;
  row.dataset.marks = said;
  replace(row.querySelector(".entry-marks"), refusals.length > 0 && h("p", { class: "bad" }, icon("alert"),
    ` Refused by ${refusals.map(([id]) => id).join(", ")}: ${reasonWords(refusals[0][1].reason)} `, h("code", {}, refusals[0][1].reason)));
}

customElements.define("pc-audit", AuditPage);
