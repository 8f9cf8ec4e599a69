// Somebody else saved meanwhile: their change beside yours, and you choose. Whatever is chosen, nothing is lost.

import { h, id, replace } from "./dom.js";
import { same, settings } from "./content.js";
import { diffTexts } from "./text-diff.js";
import { past } from "./words.js";
import "./diff-view.js";

/** The difference of two contents, for people; `labels` are what both are called. */
export function difference(before, after, labels) {
  if (same(before, after)) return h("p", { class: "muted" }, "No difference.");
  const shown = document.createElement("pc-diff");
  shown.labels = labels;
  shown.diff = { template: diffTexts(before.template, after.template), config: diffTexts(settings(before), settings(after)) };
  return shown;
}

const label = (content) => (content.version === null ? "nothing" : `v${content.version}`);

function happened(theirs) {
  if (theirs.state === "archived") return "This prompt was archived while you were editing";
  return `${theirs.author ?? "Somebody"} made v${theirs.version} live while you were editing`;
}

function side(title, about, body) {
  return h("section", { class: "side" }, h("h3", {}, title), h("p", { class: "hint" }, about), body);
}

/**
 * Resolves to `mine` (what I wrote goes on top of theirs), `theirs`, or `edit` (decide later).
 * `base` is what mine began with; all three are contents.
 */
export function settle({ base, theirs, mine }) {
  return new Promise((resolve) => {
    const name = id("conflict");
    const button = (value, text, kind = "") => h("button", { type: "submit", value, class: kind }, text);
    const dialog = h("dialog", { class: "wide conflict", "aria-labelledby": name });
    const edit = button("edit", "Go on editing");
    replace(dialog, h("form", { method: "dialog" },
      h("h2", { id: name }, happened(theirs)),
      h("p", { class: "muted" }, "Nothing is lost: their version stays in the history, your text stays in this browser."),
      h("div", { class: "dialog-body halves" },
        side("Their change", `${label(base)} → ${label(theirs)}${theirs.recorded_at ? `, ${past(theirs.recorded_at)}` : ""}${theirs.note ? ` · “${theirs.note}”` : ""}`, difference(base, theirs, { before: label(base), after: label(theirs) })),
        side("Your change", `${label(base)} → not saved yet`, difference(base, mine, { before: label(base), after: "yours" }))),
      h("div", { class: "actions" }, edit, button("theirs", "Take theirs"), button("mine", "Keep mine, on top of theirs", "primary"))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue || "edit");
    });
    document.body.append(dialog);
    dialog.showModal();
    edit.focus();
  });
}
