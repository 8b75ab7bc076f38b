/** The text of doc/options.md. */
import { defaultText } from "../values.ts";
import type { DurationUnit, Option } from "./define.ts";
import { type CurrentOptionName, optionGroups, options } from "./index.ts";
import { optionStates } from "./states.ts";

const head = `# Options of imapd.conf

<!-- Made by scripts/generate-option-docs.ts from src/config/options/. Change the table there, then run the script. -->

A line is \`NAME: VALUE\`, without a blank before the colon. \`#\` at the beginning of a line makes it a comment; behind a value it is part of
the value. A \`\\\` at the end of a line joins the next line to it. \`@include: PATH\` reads another file in place. No option may be set twice.
\`SERVICE_NAME: VALUE\` is for the service of that name in cyrus.conf, or the program of that name, and wins over \`NAME: VALUE\`.

| Type | Value |
|---|---|
| text | anything; \`{configdirectory}\` at the beginning stands for the value of that option |
| number | whole, decimal, or with \`0x\` hexadecimal, with \`0\` octal |
| yes or no | \`yes\`, \`no\`, also \`on\`, \`off\`, \`true\`, \`false\`, \`1\`, \`0\` |
| one of | one of the words |
| any of | words with blanks between; they replace the default words |
| duration | numbers with a unit, \`d\`, \`h\`, \`m\` or \`s\`, such as \`1h30m\`; a number without one has the unit that is named |

"Since" is the release of Cyrus IMAP in which the option came or last changed; the last section's options Cyrus does not have. \`cyr_info conf-lint\` names settings that are unknown, old,
or without effect; \`cyr_info conf-all\` prints the values that count.
`;

const patterns = `## Names that you make

- **partition-NAME**: directory of message files. At least one is needed; \`defaultpartition\` names the one for new mailboxes.
- **metapartition-NAME**: directory of the files named in \`metapartition_files\`, for that partition.
- **archivepartition-NAME**: directory of archived messages, for that partition, when \`archive_enabled\` is on.
- **TIERsearchpartition-NAME**: directory of the search index of that tier, for that partition.
- **backuppartition-NAME**: directory of a backup server. These names are apart from those of partitions.
- **sasl_OPTION**: an option of the login mechanisms, such as \`sasl_pwcheck_method\` and \`sasl_mech_list\`.
- **HOST_mechs**, **HOST_password**: how to log in to the backend HOST, which is its name up to the first dot.
- **CHANNEL_sync_OPTION**: a \`sync_\` option for one replication channel.
- **xlist-FLAG**: name of the automatically created mailbox that gets the special use FLAG.
- **autocreate_acl**: \`FOLDER IDENTIFIER RIGHTS\`, rights on an automatically created mailbox. May be repeated.
`;

export function optionsDocument(): string {
  const sections = optionGroups.map(({ title, names }) => `## ${title}\n\n${names.map(entry).join("\n")}\n`);
  return [head, patterns, ...sections].join("\n");
}

function entry(name: string): string {
  const option = options.get(name)!;
  return `- **${name}**: ${typeText(option)}. ${sentence(option.help)}${stateText(name, option)} Since ${option.since}.`;
}

const unitNames: Readonly<Record<DurationUnit, string>> = { d: "days", h: "hours", m: "minutes", s: "seconds" };

function typeText(option: Option): string {
  const standard = defaultText(option);
  const byDefault = standard === undefined || standard === "" ? "not set by default" : `default \`${standard}\``;
  switch (option.type) {
    case "string":
      return `text, ${byDefault}`;
    case "int":
      return `number, ${byDefault}`;
    case "switch":
      return `yes or no, ${byDefault}`;
    case "enum":
    case "stringlist":
      return `one of ${option.words.map((word) => `\`${word}\``).join(", ")}; ${byDefault}`;
    case "bitfield": {
      const all = option.default.length === option.words.length ? "all by default" : byDefault;
      return `any of ${option.words.map((word) => `\`${word}\``).join(", ")}; ${all}`;
    }
    case "duration":
      return `duration in ${unitNames[option.unit]}, ${byDefault}`;
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function stateText(name: string, { deprecated }: Option): string {
  if (deprecated?.use !== undefined) return ` Use **${deprecated.use}**, its name since ${deprecated.since}.`;
  const state = optionStates[name as CurrentOptionName];
  if (state === "done") return "";
  if (state === "notYet") return " *Not supported yet.*";
  if ("partly" in state) return ` *In part: ${state.partly}.*`;
  return ` *Accepted without effect: ${state.noEffect}.*`;
}
