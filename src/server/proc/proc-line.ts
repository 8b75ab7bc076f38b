/** What one session is doing, as `cyr_info proc` shows it. */
export interface ProcState {
  readonly service: string;
  /** `name [ip]`. */
  readonly clientHost: string;
  /** "" before login. */
  readonly userid: string;
  /** Internal name of the selected mailbox, or "". */
  readonly mailbox: string;
  /** Command being worked on, or "". */
  readonly command: string;
}

/** Five fields with tabs between, and a newline. Control characters in a field become "?", so one file is always one line. */
export function formatProcLine(state: ProcState): string {
  const fields = [state.service, state.clientHost, state.userid, state.mailbox, state.command];
  return `${fields.map((field) => field.replace(/[\x00-\x1f\x7f]/g, "?")).join("\t")}\n`;
}

/** @returns undefined for text that is not such a line; missing fields at the end are "" */
export function parseProcLine(text: string): ProcState | undefined {
  const end = text.indexOf("\n");
  const [service, clientHost, userid = "", mailbox = "", command = ""] = (end < 0 ? text : text.slice(0, end)).split(
    "\t",
  );
  if (service === undefined || service === "" || clientHost === undefined) return undefined;
  return { service, clientHost, userid, mailbox, command };
}
