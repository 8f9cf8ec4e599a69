// Making an earlier version live again: shown first, agreed to, and done only on top of what was shown.

import { api, promptPath } from "./api.js";
import { liveContent } from "./content.js";
import { confirm, toast } from "./dialog.js";
import { h, id } from "./dom.js";
import { newKey } from "./saving.js";
import "./diff-view.js";

/** Ask, then restore, on a propagation strip. The answer's body, or null when nothing was done. */
export async function restoreVersion(name, version, strip) {
  let moved = null;
  let why = "";
  for (;;) {
    try {
      const now = await liveContent(name);
      const asked = await question(name, version, now, moved, why);
      if (!(await asked.agreed)) return null;
      why = asked.note.value.trim();
      Object.assign(strip, { hidden: false, prompt: name, saving: true });
      const change = await restored(name, version, now.revision, why);
      Object.assign(strip, { saving: false, change });
      return change;
    } catch (problem) {
      strip.saving = false;
      if (problem.type !== "revision-moved") {
        toast(problem.message, "bad");
        return null;
      }
      moved = problem.body.current_version;
    }
  }
}

/** The dialog: what everybody gets when one agrees. */
async function question(name, version, now, moved, why) {
  const note = h("input", { id: id("why"), maxLength: 1000, value: why, placeholder: "Optional: it stands in the history", autocomplete: "off" });
  const body = [
    moved && h("p", { class: "callout warn", role: "alert" }, `Somebody else made v${moved} live in the meantime. This is the difference to that.`),
    await difference(name, version, now),
    h("div", { class: "field restore-why" }, h("label", { htmlFor: note.id }, "Why"), note),
  ];
  const title = now.state === "live" ? `Restore v${version} in place of v${now.version}?` : `Bring v${version} back?`;
  return { note, agreed: confirm({ title, body, action: `Restore v${version}`, wide: true }) };
}

async function difference(name, version, now) {
  if (now.state !== "live") return h("p", {}, "The prompt is archived: no replica serves it. Restoring makes this version live.");
  if (now.version === version) return h("p", {}, `v${version} is live already.`);
  const shown = document.createElement("pc-diff");
  shown.diff = (await api.get(promptPath(name, `/diff?from=${now.version}&to=${version}`))).body;
  shown.labels = { before: `live now (v${now.version})`, after: `after restoring (v${version})` };
  return [h("p", { class: "muted" }, `This is what changes for everybody, at once. v${now.version} stays in the history.`), shown];
}

async function restored(name, version, revision, note) {
  const content = note ? { version, note } : { version };
  return (await api.post(promptPath(name, "/restore?wait=all&timeout=2"), content, { ifMatch: revision, key: newKey() })).body;
}
