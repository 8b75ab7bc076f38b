/** Command lines: RFC 2033 §4, RFC 5321 §4.1, with the grammar's edges where Cyrus has them. */
import { MAX_LHLO_OCTETS, MAX_PARAMETERS } from "./limits.ts";
import { parsePath, type PathOptions } from "./path.ts";

export type LmtpCommand =
  /** `name` is printable and without blanks. */
  | { readonly kind: "lhlo"; readonly name: string }
  /** `rest` is for `parseMail`; that it is not parsed here lets state come before syntax, as in Cyrus. */
  | { readonly kind: "mail"; readonly rest: string }
  | { readonly kind: "rcpt"; readonly rest: string }
  | { readonly kind: "data" | "rset" | "noop" | "quit" | "vrfy" | "starttls" }
  | { readonly kind: "auth"; readonly mechanism: string; readonly initial: string | undefined }
  | { readonly kind: "unknown" };

const unknown: LmtpCommand = { kind: "unknown" };
const bare: ReadonlyMap<string, LmtpCommand> = new Map(
  (["data", "rset", "noop", "quit", "starttls"] as const).map((kind) => [kind, { kind }]),
);
const vrfy: LmtpCommand = { kind: "vrfy" };

/** @param line without its line end, Latin-1 */
export function parseCommand(line: string): LmtpCommand {
  const space = line.indexOf(" ");
  const verb = (space < 0 ? line : line.slice(0, space)).toLowerCase();
  if (space < 0) return bare.get(verb) ?? unknown;
  const rest = line.slice(space + 1);
  switch (verb) {
    case "mail":
      return { kind: "mail", rest };
    case "rcpt":
      return { kind: "rcpt", rest };
    case "lhlo": {
      const name = rest.trim();
      return name === "" ? unknown : { kind: "lhlo", name: lhloName(name) };
    }
    case "vrfy":
      return vrfy;
    case "noop":
      return bare.get(verb)!;
    case "auth":
      return parseAuth(rest);
    default:
      return rest.trim() === "" ? (bare.get(verb) ?? unknown) : unknown;
  }
}

/** What goes into the Received field: no blanks, nothing that ends the line or opens a comment. */
function lhloName(name: string): string {
  return name.slice(0, MAX_LHLO_OCTETS).replace(/[^!-~]|[()<>\\"]/g, "?");
}

/** `"AUTH" SP mechanism [SP initial-response]` (RFC 4954 §4) */
function parseAuth(rest: string): LmtpCommand {
  const match = /^([A-Za-z0-9_-]{1,20})(?: +([^ ]+))? *$/.exec(rest);
  return match ? { kind: "auth", mechanism: match[1]!, initial: match[2] } : unknown;
}

export interface MailArguments {
  /** Between "<" and ">"; "" is the null sender. */
  readonly sender: string;
  /** Up to 2^53-1; what is larger is that. */
  readonly size: number | undefined;
  readonly body: "7BIT" | "8BITMIME" | undefined;
  /** AUTH=: the poster; "" for `<>`; undefined when it was not given. */
  readonly poster: string | undefined;
  /** What is wrong with the parameters; the sender holds all the same. */
  readonly fault: ParameterFault | undefined;
}

export type ParameterFault = "unrecognized" | "body" | "sizeValue";

/** @param rest after `MAIL `: `FROM:<path> parameters`. @returns undefined when there is no path */
export function parseMail(rest: string, options: PathOptions): MailArguments | undefined {
  const path = pathAfter(rest, "from:", options);
  if (path === undefined) return undefined;
  let size: number | undefined;
  let body: MailArguments["body"];
  let poster: string | undefined;
  const done = (fault?: ParameterFault): MailArguments => ({ sender: path.path, size, body, poster, fault });
  const parameters = splitParameters(rest, path.end);
  if (parameters === undefined) return done("unrecognized");
  for (const parameter of parameters) {
    const equals = parameter.indexOf("=");
    const name = (equals < 0 ? parameter : parameter.slice(0, equals)).toUpperCase();
    const value = equals < 0 ? "" : parameter.slice(equals + 1);
    if (name === "SIZE") {
      const digits = /^\d*/.exec(value)![0];
      if (digits === "") return done("sizeValue");
      if (digits.length < value.length) return done("unrecognized");
      // Digits without end are a size all the same: one that is too large.
      size = Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
    } else if (name === "BODY") {
      const type = value.toUpperCase();
      if (type !== "7BIT" && type !== "8BITMIME") return done("body");
      body = type;
    } else if (name === "AUTH") {
      poster = value === "<>" ? "" : decodeXtext(value);
      if (poster === undefined || (value === "" && poster === "")) return done("unrecognized");
    } else return done("unrecognized");
  }
  return done();
}

export interface RcptArguments {
  /** Between "<" and ">". */
  readonly recipient: string;
  readonly ignoreQuota: boolean;
  readonly fault: ParameterFault | undefined;
}

/** @param rest after `RCPT `: `TO:<path> parameters`. @returns undefined when there is no path */
export function parseRcpt(rest: string, options: PathOptions): RcptArguments | undefined {
  const path = pathAfter(rest, "to:", options);
  if (path === undefined) return undefined;
  const parameters = splitParameters(rest, path.end);
  let ignoreQuota = false;
  let fault: ParameterFault | undefined = parameters === undefined ? "unrecognized" : undefined;
  for (const parameter of parameters ?? []) {
    if (parameter.toUpperCase() === "IGNOREQUOTA") ignoreQuota = true;
    else fault = "unrecognized";
  }
  return { recipient: path.path, ignoreQuota, fault };
}

function pathAfter(rest: string, word: string, options: PathOptions) {
  if (rest.slice(0, word.length).toLowerCase() !== word) return undefined;
  let at = word.length;
  while (rest.charCodeAt(at) === 0x20) at++;
  return parsePath(rest, at, options);
}

/** Words after the path; undefined when something else than a blank follows it, or there are too many. */
function splitParameters(rest: string, at: number): string[] | undefined {
  if (at === rest.length) return [];
  if (rest.charCodeAt(at) !== 0x20) return undefined;
  const words = rest
    .slice(at + 1)
    .split(" ", MAX_PARAMETERS + 1)
    .filter((word) => word !== "");
  return words.length > MAX_PARAMETERS ? undefined : words;
}

/** `+XX` is an octet in hex (RFC 3461 §4). @returns undefined for what is no xtext, or holds control characters */
function decodeXtext(text: string): string | undefined {
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text)) return undefined;
  const decoded = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return /^[ -~]*$/.test(decoded) ? decoded : undefined;
}
