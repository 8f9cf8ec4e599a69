// The page of one prompt: what is live, its text and settings, saving, and who has it: `<pc-prompt>`.
//
// Two contents are kept apart: `#live` is what is served now, `#base` is what the edits began with. They are
// the same until somebody else saves during an edit; then a save would be refused, and the two are shown.

import { formOf } from "./config-form.js";
import { liveContent, same, versionContent } from "./content.js";
import { confirm, toast } from "./dialog.js";
import { h, id, replace } from "./dom.js";
import { Draft } from "./draft.js";
import { unseenIn, variablesOf } from "./editor.js";
import { facts, findings } from "./findings.js";
import { live } from "./live.js";
import { broughtBack, overtaken, renewed, setAside, unsaved } from "./notices.js";
import { onLeave } from "./router.js";
import { Saver, worthRepeating } from "./saving.js";
import { session } from "./session.js";
import { MANY_WORDS, measure, MOST_BYTES, secrets, Validation } from "./validation.js";
import { plural } from "./words.js";
import "./live-bar.js";
import "./propagation-strip.js";

/** Loaded when there is a difference to be drawn: the editor is there before. */
const conflicts = () => import("./conflict.js");
const KEEP_MS = 300;
const LOOK_MS = 150;
const MUCH = 20000;
const APPLE = /Mac|iPhone|iPad/.test(navigator.platform ?? "");

customElements.define("pc-prompt", class extends HTMLElement {
  #name = null;
  #base = null;
  #live = null;
  #draft = null;
  #saver = new Saver();
  #validation = new Validation();
  #saving = false;
  #failed = null;
  #brought = null;
  #told = null;
  #kept = true;
  #timers = {};
  #leaving = null;
  #asked = null;
  #size = measure("");
  #secrets = [];

  #bar = document.createElement("pc-live-bar");
  #editor = document.createElement("pc-editor");
  #config = document.createElement("pc-config");
  #strip = document.createElement("pc-propagation");
  #notices = h("div", { class: "notices", role: "status" });
  #facts = h("div", { class: "facts" });
  #findings = h("ul", { class: "remarks", id: id("findings"), "aria-live": "polite" });
  #note = h("input", { class: "why-note", maxLength: 1000, placeholder: "Why? (a note for the history)", "aria-label": "Note for the history", autocomplete: "off" });
  #why = h("span", { class: "why", id: id("why") });
  #save = h("button", { class: "primary save", type: "button", "aria-describedby": this.#why.id, "aria-keyshortcuts": "Control+S Meta+S", "on:click": () => this.#saveNow() }, "Save changes", h("kbd", {}, APPLE ? "⌘S" : "Ctrl S"));
  #discard = h("button", { class: "discard", type: "button", "on:click": () => this.#discardAll() }, "Discard changes");

  connectedCallback() {
    this.#name = this.route.name;
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    this.#draft = new Draft(session.who?.person ?? "", this.#name, signal);
    this.#hear(signal);
    replace(this, h("p", { class: "muted loading" }, "Loading…"));
    this.#load(signal);
  }

  disconnectedCallback() {
    this.#keep();
    if (this.#base && this.#dirty && !this.#draft.closed && this.#kept) toast(`Your changes of ${this.#name} are not saved yet. They are kept in this browser.`);
    this.#leaving.abort();
    this.#asked?.abort();
    this.#validation.stop();
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
  }

  #hear(signal) {
    for (const kind of ["state", "saved", "restored", "archived"]) live.addEventListener(kind, () => this.#look(), { signal });
    live.addEventListener("connection", () => this.#show(), { signal });
    this.#editor.addEventListener("edited", () => this.#edited(), { signal });
    this.#config.addEventListener("edited", () => this.#edited(), { signal });
    this.#note.addEventListener("input", () => this.#edited(), { signal });
    this.#validation.addEventListener("change", () => this.#tell(), { signal });
    this.#bar.addEventListener("restored", ({ detail }) => this.#restored(detail), { signal });
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    document.addEventListener("visibilitychange", () => this.#keep(), { signal });
    window.addEventListener("pagehide", () => this.#keep(), { signal });
    window.addEventListener("beforeunload", (event) => !this.#kept && this.#dirty && event.preventDefault(), { signal });
  }

  // the beginning

  async #load(signal) {
    try {
      this.#live = await liveContent(this.#name, signal);
      this.#base = this.#live;
      const draft = session.can("editor") ? this.#draft.read() : null;
      if (draft) await this.#recall(draft, signal);
      else this.#fill(this.#live);
      if (signal.aborted) return;
      this.#build();
    } catch (problem) {
      if (signal.aborted) return;
      replace(this, h("div", { class: "callout bad" }, h("p", {}, problem.message), h("button", { "on:click": () => this.#load(signal) }, "Try again")));
      live.addEventListener("log", () => this.#base || this.#load(signal), { signal, once: true }); // the log may be whole again
    }
  }

  /** Go on where this person left off, based on what it was based on. */
  async #recall(draft, signal) {
    if (draft.revision !== this.#live.revision) {
      const old = await versionContent(this.#name, draft.version, signal).catch(() => null);
      this.#base = { ...(old ?? this.#live), revision: draft.revision, state: draft.state ?? "live" };
    }
    this.#editor.value = draft.template;
    this.#config.form = draft.form;
    this.#note.value = draft.note ?? "";
    if (same(this.#content, this.#live)) this.#base = this.#live;
    this.#brought = this.#dirty ? draft.at : null;
    if (draft.key) {
      this.#saver.resume(draft.key, this.#content, this.#base);
      this.#failed = { message: "Your last save was not answered before the page was left." };
    }
  }

  #fill(content) {
    this.#editor.value = content.template;
    this.#config.form = formOf(content.config);
  }

  #build() {
    const label = id("text");
    const may = session.can("editor");
    this.#editor.readOnly = this.#config.readOnly = !may;
    this.#editor.describe(label, this.#findings.id);
    this.#note.hidden = !may;
    this.#strip.prompt = this.#name;
    this.#bar.strip = this.#strip;
    replace(this, h("h1", { class: "visually-hidden" }, `Prompt ${this.#name}`), this.#bar, this.#notices,
      h("div", { class: "columns prompt" },
        h("section", { class: "card writing", "aria-label": "Text" },
          h("div", { class: "row spread" }, h("label", { htmlFor: label }, "Prompt text"), this.#facts), this.#editor, this.#findings),
        h("section", { class: "card settings", "aria-label": "Model and settings" }, this.#config)),
      h("section", { class: "card saving", "aria-label": "Saving" },
        h("div", { class: "saving-row" }, this.#note, h("div", { class: "saving-buttons" }, this.#discard, this.#save)), this.#why, this.#strip));
    this.#bar.content = this.#live;
    this.#inspect();
    if (this.#dirty) this.#validation.check(this.#name, this.#content);
    onLeave(() => this.#mayLeave());
  }

  // what is written

  get #content() {
    return { template: this.#editor.value, config: this.#config.config, note: this.#note.value.trim() };
  }

  get #dirty() {
    return this.#config.mistakes.length > 0 || !same(this.#content, this.#base);
  }

  #edited() {
    this.#brought = this.#told = null;
    if (this.#failed && !this.#saver.key) this.#failed = null;
    clearTimeout(this.#timers.keep);
    this.#timers.keep = setTimeout(() => this.#keep(), KEEP_MS);
    clearTimeout(this.#timers.look);
    if (this.#editor.value.length > MUCH) this.#timers.look = setTimeout(() => this.#inspect(), LOOK_MS);
    else this.#inspect();
    if (this.#dirty && this.#editor.value) this.#validation.check(this.#name, this.#content);
    else this.#validation.clear();
  }

  /** Look the text over: its size, and what is odd about it. */
  #inspect() {
    const text = this.#editor.value;
    this.#size = measure(text);
    this.#secrets = secrets(text);
    this.#config.used = variablesOf(text);
    this.#tell();
  }

  #tell() {
    const text = this.#editor.value;
    const { mistakes } = this.#validation;
    this.#editor.mistakes = mistakes;
    replace(this.#facts, facts(this.#size));
    const found = { mistakes, settings: this.#config.mistakes, secrets: this.#secrets, unseen: unseenIn(text), size: this.#size };
    renewed(this.#findings, JSON.stringify({ ...found, size: this.#size.words > MANY_WORDS }), () => findings({ text, ...found }, {
      goTo: (line, column) => this.#editor.goTo(line, column),
      select: (start, end) => this.#editor.select(start, end),
      goToSetting: (pointer) => this.#config.goTo(pointer),
    }));
    this.#show();
  }

  #keep() {
    clearTimeout(this.#timers.keep);
    if (!this.#base || !session.can("editor") && session.who) return;
    const { version, revision, state } = this.#base;
    if (!this.#dirty && !this.#note.value) this.#draft.erase();
    else this.#kept = this.#draft.keep({ template: this.#editor.value, form: this.#config.form, note: this.#note.value, version, revision, state, key: this.#saver.key });
  }

  // saving

  /** Why nothing can be saved now; null: it can. */
  #obstacle() {
    const mistakes = this.#validation.mistakes.length + this.#config.mistakes.length;
    if (!session.can("editor")) return "You may read this. Saving takes the role of an editor.";
    if (live.readOnly) return "Nothing can be saved until this service is upgraded.";
    if (live.state === "diverged") return "Saving is stopped: the log is not the one that it was.";
    if (this.#saving) return "Saving…";
    if (!this.#editor.value) return "There is no text yet.";
    if (this.#size.bytes > MOST_BYTES) return "The text is too large.";
    if (mistakes) return `${plural(mistakes, "mistake")} to mend first.`;
    if (!this.#dirty && this.#base.state === "live" && !this.#saver.key) return "Nothing to save: this is what is live.";
    return null;
  }

  async #saveNow() {
    this.#inspect();
    const obstacle = this.#obstacle();
    if (obstacle) return this.#saving || toast(obstacle);
    const sent = this.#content;
    const focused = document.activeElement === this.#save;
    this.#busy(true);
    try {
      const done = await this.#attempt(sent);
      if (done) this.#saved(done, sent);
    } catch (problem) {
      this.#refused(problem);
    }
    this.#busy(false);
    if (focused && this.#save.disabled) this.#editor.focus();
  }

  #busy(saving) {
    this.#saving = saving;
    if (saving) this.#failed = this.#told = null;
    this.#strip.saving = saving;
    this.#show();
    if (!saving) this.#look();
  }

  /** The answer; null when the person has to decide first. */
  async #attempt(sent) {
    const saving = this.#saver.save(this.#name, sent, this.#base);
    this.#keep(); // with the key: a reload asks for the same again
    try {
      return await saving;
    } catch (problem) {
      if (problem.type !== "revision-moved") throw problem;
    }
    const theirs = await liveContent(this.#name, this.#leaving.signal);
    const mine = this.#saver.open.some((open) => same(open, theirs));
    this.#saver.settled();
    this.#arrived(theirs);
    if (mine && theirs.author === session.who?.person) { // an answer that was lost: it had been saved after all
      this.#base = theirs;
      return this.#saver.save(this.#name, sent, this.#base);
    }
    this.#busy(false);
    await this.#decide();
    return null;
  }

  #saved(done, sent) {
    const { version, revision, author, recorded_at, content_hash } = done;
    this.#base = this.#live = { name: this.#name, state: "live", ...sent, version, revision, author, recorded_at, content_hash };
    this.#bar.content = this.#live;
    this.#strip.change = done;
    if (this.#note.value.trim() === sent.note) this.#note.value = "";
    this.#brought = null;
    this.#validation.clear();
    this.#keep();
    if (done.unchanged) toast("Nothing was changed: exactly this is live already.");
    else if (!this.isConnected) toast(`${this.#name}: v${version} is saved and live.`, "good");
  }

  #refused(problem) {
    if (problem.type === "invalid" || problem.type === "too-large") return this.#validation.refused(problem);
    if (worthRepeating(problem)) this.#failed = problem;
    else if (problem.status !== 401 && problem.name !== "AbortError") toast(problem.message, "bad");
    this.#keep();
  }

  async #restored(done) {
    if (!done) return this.#look();
    try {
      this.#follow(await liveContent(this.#name, this.#leaving.signal), false);
    } catch (problem) {
      if (problem.name !== "AbortError") toast(problem.message, "bad");
    }
  }

  // others

  /** Whether somebody else has changed the prompt; an answer of ours that is on its way goes first. */
  async #look() {
    const known = live.prompts.get(this.#name);
    if (!this.#base || this.#saving || !known || known.revision <= (this.#live.revision ?? 0)) return;
    this.#asked?.abort();
    const { signal } = (this.#asked = new AbortController());
    try {
      const found = await liveContent(this.#name, signal);
      if (!signal.aborted && !this.#saving && (found.revision ?? 0) > (this.#live.revision ?? 0)) this.#follow(found, true);
    } catch (problem) {
      if (!signal.aborted && problem.status !== 401) toast(problem.message, "bad");
    }
  }

  #arrived(found) {
    this.#live = found;
    this.#bar.content = found;
    if (this.#strip.change && this.#strip.change.position < found.revision) this.#strip.change = null;
  }

  /** An unchanged editor shows what is live; a changed one is left alone, and says so. */
  #follow(found, told) {
    const untouched = !this.#dirty;
    this.#arrived(found);
    if (untouched || same(this.#content, found)) {
      this.#base = found;
      this.#saver.settled();
      this.#failed = null;
      this.#fill(found);
      this.#keep();
      this.#inspect();
      if (told && found.state === "live" && found.author !== session.who?.person) this.#told = `${found.author} made v${found.version} live. You see it now.`;
      this.#show();
    } else this.#show();
  }

  async #decide() {
    const { settle } = await conflicts();
    const choice = await settle({ base: this.#base, theirs: this.#live, mine: this.#content });
    if (choice === "theirs") this.#giveUp(this.#live);
    if (choice === "mine") {
      this.#base = this.#live;
      this.#keep();
      this.#inspect();
      this.#save.focus();
    }
  }

  /** Show another content instead; what was written is set aside, not lost. */
  #giveUp(content) {
    this.#draft.setAside({ template: this.#editor.value, form: this.#config.form, note: this.#note.value });
    this.#base = content;
    this.#config.form = formOf(content.config);
    this.#editor.type(content.template);
    this.#saver.settled();
    this.#failed = this.#brought = null;
    this.#validation.clear();
    this.#keep();
    this.#inspect();
  }

  async #discardAll() {
    const { difference } = await conflicts();
    const body = [h("p", { class: "muted" }, "This is what you would take back. It is set aside in this browser until you sign out."), difference(this.#content, this.#live, { before: "yours", after: "live" })];
    if (await confirm({ title: "Discard your changes?", body, action: "Discard changes", danger: true, wide: true })) this.#giveUp(this.#live);
  }

  #bringBack() {
    const aside = this.#draft.aside();
    if (!aside) return this.#show();
    this.#draft.forgetAside();
    this.#config.form = aside.form;
    this.#note.value = aside.note ?? "";
    this.#editor.type(aside.template);
    this.#edited();
  }

  #forget() {
    this.#draft.forgetAside();
    this.#show();
  }

  // what is shown

  #show() {
    if (!this.#base || !this.#bar.isConnected) return;
    const obstacle = this.#obstacle();
    const dirty = this.#dirty;
    this.#save.disabled = obstacle !== null;
    this.#save.firstChild.data = this.#saving ? "Saving…" : this.#base.state === "new" ? "Save and go live" : "Save changes";
    this.#discard.hidden = !session.can("editor");
    this.#discard.disabled = !dirty || this.#saving;
    this.#why.textContent = (!dirty && this.#told) || (obstacle ?? (dirty ? this.#kept ? "Not saved yet. Your changes are kept in this browser." : "Not saved yet, and this browser cannot keep them: save before you leave." : ""));
    this.classList.toggle("dirty", dirty);
    const aside = !dirty && session.can("editor") ? this.#draft.aside() : null;
    const notices = [
      dirty && this.#base.revision !== this.#live.revision && overtaken(this.#live, () => this.#decide()),
      this.#failed && unsaved(this.#failed, this.#saver.key !== null, () => this.#saveNow()),
      dirty && this.#brought && broughtBack(this.#brought, () => this.#discardAll()),
      aside && setAside(aside.at, () => this.#bringBack(), () => this.#forget()),
    ].filter(Boolean);
    renewed(this.#notices, notices.map((each) => each.textContent).join("|"), () => notices);
  }

  #pressed(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "s") return;
    event.preventDefault();
    if (this.#base && !document.querySelector("dialog[open]")) this.#saveNow();
  }

  /** Leaving loses nothing, unless this browser keeps nothing. */
  async #mayLeave() {
    this.#keep();
    if (this.#kept || !this.#dirty) return true;
    return confirm({ title: "Leave without saving?", body: "This browser cannot keep your changes. They are lost when you leave.", action: "Leave", danger: true });
  }
});
