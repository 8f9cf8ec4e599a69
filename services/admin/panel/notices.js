// The lines above the editor, each with what can be done about it; and saying things only when they are new.

import { h, icon, replace } from "./dom.js";
import { past } from "./words.js";

const said = new WeakMap();

/** Build what is shown anew only when it says something else: it is read aloud, and may have the focus. */
export function renewed(element, says, build) {
  if (said.get(element) === says) return;
  said.set(element, says);
  replace(element, build());
}

const button = (text, act) => h("button", { type: "button", "on:click": act }, text);

const notice = (kind, words, ...buttons) => h("div", { class: `callout ${kind} notice` },
  icon(kind ? "alert" : "clock"), h("span", { class: "notice-words" }, words), h("span", { class: "row" }, buttons));

/** Somebody else changed the prompt during an edit. */
export function overtaken({ state, author, version }, see) {
  const what = state === "archived" ? "This prompt was archived" : `${author} made v${version} live`;
  return notice("warn", [h("strong", {}, what), " while you were editing. Your text is untouched."], button("See their change", see));
}

/** A save came to nothing, or nobody knows (`open`). */
export const unsaved = (problem, open, again) => notice("bad",
  [problem.message, open ? " Your text is kept. Trying again is safe: it is saved once at most." : " Your text is kept."], button("Try again", again));

/** A draft of before is shown. */
export const broughtBack = (at, discard) => notice("", `Your unsaved changes (${past(at)}) are here again.`, button("Discard them", discard));

/** What was discarded can be had again. */
export const setAside = (at, bring, forget) => notice("", `What you took back ${past(at)} is set aside.`, button("Bring it back", bring), button("Forget it", forget));
