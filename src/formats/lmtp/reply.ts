/** Replies: RFC 5321 §4.2, RFC 2034. */

/**
 * One reply of one or more lines. Lines other than the last have no status code, as Cyrus prints them.
 * @param code three digits and, if there is one, the enhanced status: `550 5.1.1`
 */
export function formatReply(code: string, lines: readonly string[]): string {
  const basic = code.slice(0, 3);
  let text = "";
  for (let n = 0; n < lines.length - 1; n++) text += `${basic}-${printable(lines[n]!)}\r\n`;
  return `${text}${code} ${printable(lines.at(-1) ?? "")}\r\n`;
}

/** Whatever a text holds, it stays one line. */
function printable(text: string): string {
  return /^[\t -~]*$/.test(text) ? text : text.replace(/[^\t -~]/g, "?");
}
