// The report that people paste into a ticket: plain text, all that somebody else needs to look into it.

import { kindOf, stateWord } from "./member-words.js";
import { ms } from "./words.js";

/** `facts` as for findings; `asked` is `{question, answers}` or null. No prompt text is in it. */
export function report(symptom, facts, found, asked, now = new Date()) {
  const { name, summary, prompt, spread } = facts;
  const lines = [
    `Promptcast report, ${now.toISOString()}`,
    `Address:       ${location.origin}`,
    `Prompt:        ${name}`,
    `Symptom:       ${symptom}`,
    ...(summary ? [
      `Live version:  ${summary.archived ? "none (archived)" : summary.version}`,
      `Position:      ${summary.revision} (the log's head is ${facts.head})`,
      `Since:         ${summary.recorded_at}, by ${summary.author}`,
      `Content hash:  ${prompt?.content_hash ?? summary.content_hash ?? "–"}`,
      `Event hash:    ${summary.hash}`,
      `Model:         ${prompt?.config?.model ?? "not set by the version"}`,
      `Parameters:    ${JSON.stringify(prompt?.config?.parameters ?? {})}`,
    ] : []),
    "",
    `Outcome per replica${spread ? ` (${spread.state}${spread.elapsed_ms === null ? "" : `, ${ms(spread.elapsed_ms)}`})` : ""}:`,
    ...(facts.members.length ? facts.members.map((member) => `  ${replica(member, facts)}`) : ["  no replica is there"]),
    "",
    "What was found:",
    ...found.filter((each) => each.kind !== "info").map((each) => `  [${each.kind}] ${each.title}. ${each.text}`),
    ...(asked ? ["", `Test question: ${asked.question}`, ...asked.answers.map((each) => `  ${answer(each)}`)] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function replica(member, { name, spread, silence }) {
  const row = spread?.replicas.find((each) => each.replica === member.id);
  const silent = silence(member);
  return [member.id, row ? row.outcome : "unknown", row?.lag_ms === null || !row ? null : ms(row.lag_ms), row?.reason,
    `serves ${member.live[name] ? `v${member.live[name].version}` : "nothing"}`, `at position ${member.applied_position}`,
    `${stateWord(member)}${kindOf(member) === "good" ? "" : ` (${member.state})`}`, silent === null ? "never heard" : `heard ${silent.toFixed(1)} s ago`, member.url]
    .filter(Boolean).join(" | ");
}

function answer(each) {
  const said = each.problem ? `no answer: ${each.problem.code}: ${each.problem.detail}` : each.reply.replace(/\s+/g, " ").trim();
  return [each.replica ?? "–", each.version ? `v${each.version}` : null, each.model, said].filter(Boolean).join(" | ");
}
