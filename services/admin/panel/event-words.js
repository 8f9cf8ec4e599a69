// The log's entries in words: who did what to which.

import { h } from "./dom.js";
import { promptHash } from "./router.js";
import { bytes, number } from "./words.js";

/** Who it was: a person, an API key, or the environment key. */
export function actor(name) {
  if (name === "admin") return h("strong", { title: "the environment key, or a one-time link" }, "admin");
  if (name?.startsWith("key:")) return h("span", {}, "API key ", h("strong", {}, name.slice(4)));
  return h("strong", {}, name ?? "Somebody");
}

const promptLink = (name) => h("a", { class: "mono", href: promptHash(name, "history") }, name);
const role = (name) => h("span", { class: "badge" }, name);

const through = (data) => (data.through > data.after + 1 ? `#${number(data.after + 1)} – #${number(data.through)}` : `#${number(data.through)}`);
const CAUSES = { went_back: "the log had gone back", missing: "the log was missing", stray: "somebody had written into the log", holes: "the log had holes", file: "from a file" };
const KEPT = { log: "what is in the log", journal: "what was in the journal", file: "what was in a file" };

const SENTENCES = {
  "promptcast.LogOpened.v1": () => ["opened the log"],
  "promptcast.LogHealed.v1": (data) => ["put the events ", h("b", {}, through(data)), " back: ", String(CAUSES[data.cause] ?? data.cause)],
  "promptcast.ForkSettled.v1": (data) => ["decided which history goes on behind ", h("b", {}, `#${number(data.after)}`), ": ", h("b", {}, String(KEPT[data.kept] ?? data.kept))],
  "promptcast.LogTrimmed.v1": (data) => ["let the events through ", h("b", {}, `#${number(data.through)}`), " go from the server: archives hold them"],
  "promptcast.PositionPassed.v1": (data) => ["passed a position that an event had which was given up", data.reason ? `: ${data.reason}` : ""],
  "promptcast.PromptSaved.v1": (data) => [data.version === 1 ? "created " : "saved ", h("b", {}, `v${data.version}`), " of ", promptLink(data.prompt)],
  "promptcast.PromptRestored.v1": (data) => ["restored ", h("b", {}, `v${data.version}`), " of ", promptLink(data.prompt)],
  "promptcast.PromptArchived.v1": (data) => ["archived ", promptLink(data.prompt)],
  "promptcast.PersonAdded.v1": (data) => ["added ", h("b", {}, data.person), " as ", role(data.role)],
  "promptcast.RoleChanged.v1": (data) => ["made ", h("b", {}, data.person), " ", role(data.role)],
  "promptcast.PersonRemoved.v1": (data) => ["removed ", h("b", {}, data.person)],
  "promptcast.PasswordSet.v1": (data, who) => [data.person === who ? "set a new password" : ["set a new password for ", h("b", {}, data.person)]],
  "promptcast.SignedOut.v1": (data, who) => [data.person === who ? "signed out everywhere" : ["signed ", h("b", {}, data.person), " out everywhere"]],
  "promptcast.KeyAdded.v1": (data) => ["made the API key ", h("b", {}, data.name), " as ", role(data.role)],
  "promptcast.KeyRevoked.v1": (data) => ["revoked the API key ", h("code", {}, data.key)],
};

const SIGNS = { Healed: ["✚", "warn"], Settled: ["⑂", "bad"], Trimmed: ["−", "warn"], Saved: ["✎", "accent"], Restored: ["↺", "warn"], Archived: ["⌫", "bad"], Added: ["+", "good"], Removed: ["−", "bad"], Revoked: ["−", "bad"] };

/** A sign for the kind of entry, and its colour. */
export function sign(item) {
  const name = item.event?.type ?? "";
  const found = Object.keys(SIGNS).find((each) => name.includes(each));
  return found ? SIGNS[found] : understood(item) ? ["·", ""] : ["!", "bad"];
}

/** Whether this page knows what the entry says. */
export const understood = (item) => typeof item.event?.type === "string" && item.event.type in SENTENCES && typeof item.event.data === "object" && item.event.data !== null;

/** The sentence of an entry. */
export function sentence(item) {
  const { event } = item;
  if (!event) return [h("strong", {}, "An entry that cannot be read"), `: ${bytes(item.size)} that are no JSON object. It has no effect.`];
  if (!understood(item)) return [h("strong", {}, "An entry of an unknown kind"), ": ", h("code", {}, String(event.type ?? "without a type").slice(0, 120)), `, ${bytes(item.size)}.`];
  return [actor(event.actor), " ", SENTENCES[event.type](event.data, event.actor)];
}

/** A link to what has changed, where two versions can be compared. */
export function comparison(item, live) {
  if (!understood(item)) return null;
  const { prompt, version } = item.event.data;
  if (item.event.type.includes("PromptSaved") && version > 1) {
    return h("a", { href: promptHash(prompt, "compare", { from: version - 1, to: version }) }, `Compare with v${version - 1}`);
  }
  const now = live.get(prompt)?.version;
  if (!item.event.type.includes("PromptRestored") || !now || now === version) return null;
  return h("a", { href: promptHash(prompt, "compare", { from: version, to: now }) }, `Compare with what is live (v${number(now)})`);
}
