/** Reads transcripts; the notation is in README.md. */

export interface Mailbox {
  readonly name: string;
  readonly messages: number | undefined;
  /** Flags by message number. */
  readonly flags: ReadonlyMap<number, readonly string[]>;
  readonly acl: readonly (readonly [identifier: string, rights: string])[];
}

export type Step =
  | { readonly kind: "given" | "then"; readonly line: number; readonly mailbox: Mailbox }
  | { readonly kind: "is"; readonly line: number; readonly session: string; readonly user: string }
  | {
      readonly kind: "send";
      readonly line: number;
      readonly session: string;
      /** "" when nothing is sent. */
      readonly text: string;
      readonly expected: string[];
    };

export interface Case {
  readonly name: string;
  readonly line: number;
  readonly steps: Step[];
}

export interface Transcript {
  readonly config: string;
  readonly cases: readonly Case[];
}

export function parseTranscript(text: string): Transcript {
  const config: string[] = [];
  const cases: { name: string; line: number; steps: Step[] }[] = [];
  let inTitle = false;
  text.split("\n").forEach((raw, index) => {
    const line = index + 1;
    if (raw.startsWith("#")) {
      const words = raw.replace(/^#+\s*/, "");
      if (inTitle) cases.at(-1)!.name += ` ${words}`;
      else cases.push({ name: words, line, steps: [] });
      inTitle = true;
      return;
    }
    inTitle = false;
    if (raw.trim() === "") return;
    const setting = /^config\s+(.*)$/.exec(raw);
    if (setting !== null) {
      config.push(setting[1]!);
      return;
    }
    const steps = cases.at(-1)?.steps;
    if (steps === undefined) throw new Error(`line ${line} is in no case`);
    if (/^\s/.test(raw)) {
      const last = steps.at(-1);
      if (last?.kind !== "send") throw new Error(`line ${line} belongs to no command`);
      // Three spaces are the notation's; more belong to the line.
      last.expected.push(raw.replace(/^ {1,3}/, "").trimEnd());
      return;
    }
    // Several statements of one kind may stand side by side.
    for (const part of raw.split(/\s{3,}(?=(?:given|then)\s|[A-Z]: )/)) steps.push(parseStep(part, line));
  });
  return { config: config.join("\n"), cases };
}

function parseStep(text: string, line: number): Step {
  const world = /^(given|then)\s+(\S+|"[^"]*"):\s*(.*)$/.exec(text);
  if (world !== null) {
    const name = world[2]!.replaceAll('"', "");
    return { kind: world[1] as "given" | "then", line, mailbox: parseMailbox(name, world[3]!) };
  }
  const who = /^([A-Z]) is (\S+)$/.exec(text);
  if (who !== null) return { kind: "is", line, session: who[1]!, user: who[2]! };
  const send = /^([A-Z]):\s?(.*)$/.exec(text);
  if (send === null) throw new Error(`line ${line}: "${text}" is no step`);
  const octets = send[2]!.trimEnd().replaceAll("\\r\\n", "\r\n");
  return { kind: "send", line, session: send[1]!, text: octets, expected: [] };
}

function parseMailbox(name: string, text: string): Mailbox {
  let messages: number | undefined;
  const flags = new Map<number, readonly string[]>();
  const acl: [string, string][] = [];
  for (const part of text.split(/,\s*/)) {
    const count = /^(\d+) messages?$/.exec(part);
    const flagged = /^(\d+) is (.+)$/.exec(part);
    const rights = /^acl (\S+) (\S+)$/.exec(part);
    if (part === "empty") messages = 0;
    else if (count !== null) messages = Number(count[1]);
    else if (flagged !== null) flags.set(Number(flagged[1]), flagged[2] === "plain" ? [] : flagged[2]!.split(" "));
    else if (rights !== null) acl.push([rights[1]!, rights[2]!]);
    else throw new Error(`"${part}" says nothing about ${name}`);
  }
  return { name, messages, flags, acl };
}

/** Whether a line of a server is the expected one; names are bound on the way. */
export function matchLine(expected: string, line: string, names: Map<string, string>): boolean {
  let source = "";
  const bound: string[] = [];
  for (const part of expected.split(/(\$[a-z]\w*)/)) {
    if (/^\$[a-z]\w*$/.test(part)) {
      const name = part.slice(1);
      const value = names.get(name);
      if (value !== undefined) source += escapeText(value);
      else if (bound.includes(name)) source += `\\${bound.indexOf(name) + 1}`;
      else {
        bound.push(name);
        source += "([^\\s()\\[\\]]+)";
      }
    } else source += escapeText(part);
  }
  const isTagged = /^[a-z]\w* /.test(expected);
  const match = new RegExp(`^${source}${isTagged ? "(?: .*)?" : ""}$`).exec(line.trimEnd());
  if (match === null) return false;
  bound.forEach((name, index) => names.set(name, match[index + 1]!));
  return true;
}

function escapeText(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
