/** The fields that delivery puts in front of a message, as Cyrus writes them. */
import { version } from "../../config/index.ts";
import { hasDomain, withoutRoute } from "../../formats/lmtp/index.ts";
import { canonicalAddress, type Connection } from "../../server/connection/index.ts";

export interface Trace {
  readonly sender: string;
  readonly lhloName: string;
  readonly serverName: string;
  /** Whether the version is shown: `serverinfo: on`. */
  readonly showsVersion: boolean;
  readonly sessionId: string;
  /** AUTH= of MAIL. */
  readonly poster: string | undefined;
  readonly isAuthenticated: boolean;
  /** RFC 5322, as `formatDate` makes it. */
  readonly dateText: string;
}

/** Return-Path, Received (RFC 5321 §4.4), session and Sieve lines. Each fold is CRLF TAB SPACE. */
export function traceFields(connection: Connection, trace: Trace): string {
  const { lhloName, serverName, sessionId, dateText, poster, isAuthenticated, showsVersion } = trace;
  const { tls } = connection;
  const with_ = `LMTP${tls === undefined ? "" : "S"}${isAuthenticated ? "A" : ""}`;
  const identity =
    poster === undefined || poster === ""
      ? ""
      : `\r\n\t (authenticated user=${inComment(poster)} bits=${tls?.bits ?? 0})`;
  const layer =
    tls === undefined
      ? ""
      : `\r\n\t (version=${inComment(tls.protocol)} cipher=${inComment(tls.cipher)} bits=${tls.bits}/${tls.bits} verify=${tls.commonName === undefined ? "NO" : "YES"})`;
  return `Return-Path: <${returnPath(trace)}>\r
Received: from ${lhloName} (${peerName(connection)})${identity}${layer}\r
\t by ${serverName}${showsVersion ? ` (Cyrus ${version})` : ""} with ${with_};\r
\t ${dateText}\r
X-Cyrus-Session-Id: ${sessionId}\r
X-Sieve: CMU Sieve 3.0\r
`;
}

function returnPath({ sender, serverName }: Trace): string {
  const path = withoutRoute(sender);
  return path === "" || hasDomain(path) ? path : `${path}@${serverName}`;
}

/** A client on a Unix socket is shown as the loopback address it might as well have come from. */
function peerName({ address, peer, hostName }: Connection): string {
  if (address === "") return "localhost [127.0.0.1]";
  if (hostName !== undefined) return peer;
  const isLocal = address === "::1" || canonicalAddress(address).startsWith("127.");
  return isLocal ? `localhost [${address}]` : peer;
}

const inComment = (text: string): string => text.replace(/[^ -~]|[()\\]/g, "?");

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (n: number): string => (n < 10 ? `0${n}` : `${n}`);

let rememberedSecond = -1;
let rememberedText = "";

/** `Mon, 23 Nov 2026 14:59:03 +0000` in the server's own zone (RFC 5322 §3.3). */
export function formatDate(epochSeconds: number): string {
  if (epochSeconds === rememberedSecond) return rememberedText;
  const date = new Date(epochSeconds * 1_000);
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const day = `${days[date.getDay()]}, ${two(date.getDate())} ${months[date.getMonth()]} ${date.getFullYear()}`;
  rememberedSecond = epochSeconds;
  rememberedText = `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}`;
  return rememberedText;
}
