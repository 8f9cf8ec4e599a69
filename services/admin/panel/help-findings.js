// What the system sees when somebody says "my change has no effect", in plain words. Pure: facts in,
// findings out. A finding is `{kind, title, text, links}`; `kind` is good, info, warn or bad.

import { median } from "./chart.js";
import { live } from "./live.js";
import { reasonWords, severity, trouble } from "./member-words.js";
import { promptHash } from "./router.js";
import { ago, ms, number, plural, when } from "./words.js";

export const SYMPTOMS = {
  nothing: ["No effect", "Answers are as they were before my change."],
  slow: ["Slow", "It takes long until my change shows."],
  mixed: ["Old and new mixed", "Some answers follow my change, some do not."],
  wrong: ["Wrong prompt", "Answers come from some other prompt."],
};

const DEFAULT_PROMPT = "system";
const SLOW_MS = 1000;

/**
 * Facts: `name`, `summary` (as in `GET /prompts`, or undefined), `prompt` (whole, or null), `newest` (version, or
 * null), `spread` (of the live revision, or null), `members`, `head`, `silence(member)`, `drafted`, `names`,
 * `connected`, `state`, `readOnly`.
 */
export function findings(symptom, facts) {
  const common = [...service(facts), ...saved(facts), ...unsaved(facts)];
  if (!facts.summary || facts.summary.archived) return common;
  const all = [...common, ...spreadOut(facts)];
  return [...all, ...OF_SYMPTOM[symptom](facts, all.every(well)), model(facts)];
}

export const well = (finding) => finding.kind === "good" || finding.kind === "info";

/** The worst of it in one line. */
export function verdict(symptom, facts, found) {
  const worst = found.find((each) => each.kind === "bad") ?? found.find((each) => each.kind === "warn");
  if (worst) return { kind: worst.kind, title: worst.title };
  const count = facts.members.filter((member) => facts.name in member.live).length;
  return { kind: "good", title: `Version ${facts.summary.version} of ${facts.name} is what ${plural(count, "replica")} ${count === 1 ? "answers" : "answer"} with. ${REST[symptom]}` };
}

const REST = {
  nothing: "The change has arrived; what is left is outside of the prompt's way.",
  slow: "What is slow is not the reload.",
  mixed: "No replica answers with anything older.",
  wrong: "If answers come from another prompt, the request asks for another.",
};

function service({ connected, state, readOnly }) {
  const found = [];
  if (!connected) found.push(finding("warn", "This page has lost the admin service", "It is connecting again. What it says below is what was last known."));
  if (state === "diverged") found.push(finding("bad", "The log was exchanged", "It is not the one that this service knows. Saving is stopped, and replicas go on with what they have, until whoever operates this looks."));
  if (readOnly) found.push(finding("bad", "Nothing can be saved now", `The log holds entries that this admin service does not know (${readOnly}): it has to be upgraded.`));
  return found;
}

function saved({ name, summary, newest }) {
  if (!summary) return [finding("bad", `There is no prompt called ${name}`, "Nothing was ever saved under this name.", [["#/", "See which prompts there are"]])];
  const by = `${when(summary.recorded_at)} (${ago(summary.recorded_at)}), by ${summary.author}, at position ${number(summary.revision)} of the log`;
  const history = [[promptHash(name, "history"), "Change history"]];
  if (summary.archived) return [finding("bad", `${name} is archived`, `It was archived on ${by}. No replica serves it, and chat refuses requests for it. Restore a version to bring it back.`, history)];
  const found = [finding("good", `Version ${summary.version} is saved and the live one`, `Since ${by}${summary.note ? `. Note: “${summary.note}”` : ""}.`, history)];
  if (newest && newest.version > summary.version) {
    const links = [[promptHash(name, "compare", { from: summary.version, to: newest.version }), "Compare the two"], ...history];
    found.push(finding("warn", `Version ${newest.version} exists, but version ${summary.version} is live`,
      `Version ${newest.version} was saved ${ago(newest.recorded_at)} by ${newest.author}. After that, ${summary.author} went back to version ${summary.version}. If the change is in version ${newest.version}, restore that one.`, links));
  }
  return found;
}

const unsaved = ({ name, drafted }) => (drafted
  ? [finding("warn", "This browser holds changes that were never saved", "Nobody but you can see them until you press Save Changes.", [[promptHash(name), "Open the editor"]])]
  : []);

function spreadOut(facts) {
  if (!facts.members.length) return [finding("bad", "No replica is running", "Saved prompts wait in the log. Nobody answers until a replica is started.", [["#/fleet", "How to start one"]])];
  const own = facts.members.map((member) => ofMember(member, facts)).filter(Boolean);
  const holding = facts.members.filter((member) => rowOf(facts, member)?.outcome === "applied");
  const lags = holding.map((member) => rowOf(facts, member).lag_ms).filter((lag) => lag !== null);
  if (!holding.length) return own;
  const all = holding.length === facts.members.length ? `All ${plural(holding.length, "replica")}` : `${holding.length} of ${plural(facts.members.length, "replica")}`;
  const took = lags.length ? `The slowest needed ${ms(Math.max(...lags))} from the moment of the save. Requests that came in after that were answered with it.` : "They have it since they started, and answer with nothing older.";
  return [finding("good", `${all} ${holding.length === 1 ? "has" : "have"} version ${facts.summary.version}`, took), ...own];
}

const rowOf = (facts, member) => facts.spread?.replicas.find((row) => row.replica === member.id);
const serves = (member, name) => (member.live[name] ? `version ${member.live[name].version}` : "nothing for this prompt");

/** What is to be said about one member; null: it is as it should be. */
function ofMember(member, facts) {
  const { name, summary, prompt, head } = facts;
  const row = rowOf(facts, member);
  const wrong = trouble(member, head, facts.silence(member));
  const fleet = [["#/fleet", "See the fleet"]];
  if (row?.outcome === "skipped") {
    return finding("info", `${member.id} does not hold this prompt`, `It holds ${member.prompts.join(", ")} only. That is how it was started; requests for ${name} have to go elsewhere.`);
  }
  if (row?.outcome === "rejected") {
    const [reason] = (row.reason ?? "").split(":");
    return finding("bad", `${member.id} refused version ${summary.version}`, `Because ${reasonWords(reason)} (${row.reason}). It goes on answering with ${serves(member, name)}. Saving once more makes a new entry, which it may take; if it refuses that too, whoever operates it has to look.`, fleet);
  }
  if (row?.outcome === "pending") {
    return finding(severity(member) > 2 ? "bad" : "warn", `${member.id} has not said that it has version ${summary.version}`,
      `${wrong ?? "It is on its way."} ${wrong ? `While it is like that, it answers with ${serves(member, name)} or not at all.` : ""} ${wrong ? whatToDo(member) : ""}`, fleet);
  }
  if (prompt && member.live[name] && member.live[name].revision === summary.revision && member.live[name].content_hash !== prompt.content_hash) {
    return finding("bad", `${member.id} serves other text under the same version`, "Its content hash is not the one in the log. Restart it, and tell whoever operates this.", fleet);
  }
  return wrong ? finding("warn", `${member.id} had version ${summary.version}, but is not well now`, `${wrong} ${whatToDo(member)}`, fleet) : null;
}

function whatToDo(member) {
  const at = member.url ? ` (${member.url})` : "";
  if (member.state === "stale") return `Whoever operates it should look whether it reaches Redis${at}.`;
  if (member.state === "catching_up" || member.state === "starting") return "Wait a moment; it comes by itself.";
  return `Whoever operates it should look at its process${at}, and restart it. It reads what it has missed by itself.`;
}

function model({ prompt, name }) {
  const { model: chosen, parameters = {}, variables = {} } = prompt?.config ?? {};
  const set = [chosen && `model ${chosen}`, ...Object.entries(parameters).map(([key, value]) => `${key} ${JSON.stringify(value)}`)].filter(Boolean);
  const defaults = Object.entries(variables).map(([key, value]) => `${key} = “${short(value)}”`);
  return finding("info", set.length ? `In force with it: ${set.join(", ")}` : "This version sets no model and no parameters",
    `${set.length ? "These hold whatever the request asks for." : "The replicas' own setting names the model, or else the request does."}${defaults.length ? ` Variables that a request does not give: ${defaults.join(", ")}.` : ""}`,
    [[promptHash(name), "See the prompt"]]);
}

const short = (text) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

const OF_SYMPTOM = {
  nothing: (facts, fine) => (fine ? [
    finding("info", "A conversation remembers", "An application that sends the earlier messages along keeps the model in its old manner. Test with a new conversation."),
    finding("info", "The model may not follow the new words", "Ask the same question of the live version and of the one before.", [[promptHash(facts.name, "try"), "Try it"], ...before(facts)]),
    elsewhere(facts)] : []),
  slow: (facts) => [speeds(facts), finding("info", "An answer that has begun is finished with the prompt it began with",
    "A long answer that was under way when you saved still follows the old version. And the first answers after a change may come slower: the model's provider has to read the new prompt anew.")],
  mixed: (facts, fine) => [whoServesWhat(facts), ...(fine ? [
    finding("info", "Answers that began before the change end as they began", "Nothing is cut off: until the last of them ends, both can be seen."), elsewhere(facts)] : [])],
  wrong: (facts) => [
    finding(facts.names.length > 1 ? "info" : "good", `There ${facts.names.length === 1 ? "is one prompt" : `are ${plural(facts.names.length, "prompt")}`}: ${facts.names.slice(0, 12).join(", ")}${facts.names.length > 12 ? " …" : ""}`,
      `A request says which it wants in the header X-Prompt-Name; without it, it gets ${DEFAULT_PROMPT}.${facts.name === DEFAULT_PROMPT ? "" : ` So an application that should use ${facts.name} has to send “X-Prompt-Name: ${facts.name}”.`}`),
    elsewhere(facts),
    finding("info", "The application may send instructions of its own", "A system message from the client is refused, unless replicas were started with PROMPTCAST_ALLOW_CLIENT_SYSTEM. Then the model sees both.")],
};

const before = ({ name, summary }) => (summary.version > 1 ? [[promptHash(name, "compare", { from: summary.version - 1, to: summary.version }), "See what changed"]] : []);

const elsewhere = ({ name, summary }) => finding("info", "Look whether the application talks to these replicas",
  `Every answer of chat carries the headers X-Prompt-Name, X-Prompt-Version and X-Replica. Right now they must say ${name}, ${summary.version} and one of the replicas below. If they are missing or say otherwise, the application asks another installation, or something in between keeps old answers.`);

function speeds({ members, name }) {
  const lags = members.filter((member) => name in member.live).flatMap((member) => (live.lags.get(member.id) ?? []).map((each) => each.lag));
  if (!lags.length) return finding("info", "No reload was measured yet", "The replicas were started after the last change. Save something, and its way is timed.");
  const slowest = Math.max(...lags);
  return finding(slowest > SLOW_MS ? "warn" : "good", slowest > SLOW_MS ? `A reload took ${ms(slowest)}` : "Reloads are fast",
    `The last ${plural(lags.length, "reload")} took ${ms(median(lags))} in the middle and ${ms(slowest)} at most, from the save until the replica answered with it.`, [["#/fleet", "See the charts"]]);
}

function whoServesWhat({ members, name, summary }) {
  const groups = Map.groupBy(members.filter((member) => name in member.live), (member) => member.live[name].version);
  const words = [...groups].map(([version, those]) => `version ${version}: ${those.map((member) => member.id).join(", ")}`).join("; ");
  if (groups.size > 1) return finding("bad", `The replicas serve ${groups.size} different versions`, `${words}. Which one answers is chance until all have version ${summary.version}.`, [["#/fleet", "See the fleet"]]);
  return finding("good", "All replicas that hold it serve the same version", `${words || "none holds it"}. The content is compared by its hash, not by its number.`);
}

const finding = (kind, title, text, links = []) => ({ kind, title, text: text.trim(), links });
